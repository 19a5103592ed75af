/* The audit's lines: which requests get one, what it says, what it never says, and how many there
 * are when refusals come in a flood. */
#include "unit.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "http/audit.h"
#include "http/line_limit.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "operations.h"
#include "request/names.h"

static int saved_stderr;
static char path[32];
static audit *all;
static audit_source here = { .request_id = "r-1", .remote = "127.0.0.1" };

static int begin(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/ob-test-audit-XXXXXX");
    int fd = mkstemp(path);
    saved_stderr = dup(STDERR_FILENO);
    (void)fcntl(fd, F_SETFL, O_APPEND);
    (void)dup2(fd, STDERR_FILENO);
    ob_log_init("tester", OB_LOG_INFO);
    all = audit_new(INT32_MAX);
    here.forwarded = NULL;
    return close(fd);
}

static int end(void **state)
{
    (void)state;
    audit_free(all);
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    return unlink(path);
}

/* The lines of this event that were written. */
static json_t *lines(const char *event)
{
    static char line[65536];
    json_t *found = json_array();
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        for (const char *c = line; *c && *c != '\n'; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                fail_msg("a control character: %s", line);
        json_auto_t *one = ob_json_read_text(line);
        if (!one)
            fail_msg("not JSON: %s", line);
        const char *name = json_string_value(json_object_get(one, "event"));
        if (!event || strcmp(name, event) == 0)
            (void)json_array_append(found, one);
    }
    (void)fclose(f);
    return found;
}

static const char *text_of(const json_t *all_lines, size_t i, const char *member)
{
    const char *text = json_string_value(json_object_get(json_array_get(all_lines, i), member));
    return text ? text : "";
}

static const api_key user = {
    .key_id = "AKIAUSER", .account = "123456789012", .secret = "never to be seen", .name = "ci"
};

#define JOB "0189abcd-0000-7000-8000-00000000000"
#define JOB_ARN "arn:aws:batch:us-east-1:123456789012:job/" JOB

/* A request of 'key' as dispatch.c notes it, up to its reply. NULL: of a stranger. */
static void noted(const char *operation, const api_key *key, const char *body_text, api_reply *rep)
{
    json_auto_t *body = ob_json_read_text(body_text);
    audit_note n = { .op = operation ? api_operation_named(operation) : NULL,
                     .received_us = ob_mono_us() };
    if (key) {
        api_request req = { .op = n.op,
                            .operation = operation,
                            .account = key->account,
                            .region = "us-east-1",
                            .key = key,
                            .key_id = key->key_id,
                            .body = body };
        audit_note_caller(&n, key, "us-east-1");
        names_read(&req);
        audit_note_request(&n, &req, rep);
        names_done(&req);
    } else {
        n.refused = true;
        (void)snprintf(n.key_id, sizeof n.key_id, "AKIACLAIMED");
    }
    audit_request(all, &n, &here, rep);
    audit_note_done(&n);
    api_reply_done(rep);
}

static void a_change_has_a_line(void **state)
{
    (void)state;
    api_key session = user;
    (void)snprintf(session.session, sizeof session.session, "ASIASESSION");
    static api_reply rep;
    noted("DeleteJobQueue", &user, "{\"jobQueue\":\"q\"}", &rep);
    (void)api_client_error(&rep, "no such queue");
    noted("DeleteJobQueue", &session, "{\"jobQueue\":\"q\"}", &rep);
    json_auto_t *changes = lines("change.answered");
    assert_int_equal(json_array_size(changes), 2);
    assert_string_equal(text_of(changes, 0, "operation"), "DeleteJobQueue");
    assert_string_equal(text_of(changes, 0, "result"), "done");
    assert_string_equal(text_of(changes, 0, "keyId"), "AKIAUSER");
    assert_string_equal(text_of(changes, 0, "keyName"), "ci");
    assert_string_equal(text_of(changes, 0, "session"), "");
    assert_string_equal(text_of(changes, 0, "region"), "us-east-1");
    assert_string_equal(text_of(changes, 0, "remote"), "127.0.0.1");
    assert_string_equal(text_of(changes, 0, "requestId"), "r-1");
    const json_t *resources = json_object_get(json_array_get(changes, 0), "resources");
    assert_int_equal(json_array_size(resources), 1);
    assert_string_equal(json_string_value(json_array_get(resources, 0)),
                        "arn:aws:batch:us-east-1:123456789012:job-queue/q");
    assert_string_equal(text_of(changes, 1, "result"), "ClientException");
    assert_string_equal(text_of(changes, 1, "session"), "ASIASESSION");
}

static void what_was_made_is_named_and_no_secret(void **state)
{
    (void)state;
    static api_reply rep;
    rep.body = json_pack("{s:s, s:s}", "accessKeyId", "AKIANEW", "secretAccessKey", "hush-1");
    noted("CreateKey", &user, "{\"policy\":\"hush-2\"}", &rep);
    rep.body = json_pack("{s:{s:s, s:s, s:s}}", "Credentials", "AccessKeyId", "ASIANEW",
                         "SecretAccessKey", "hush-3", "SessionToken", "hush-4");
    noted("GetSessionToken", &user, "{}", &rep);
    json_auto_t *changes = lines("change.answered");
    assert_string_equal(text_of(changes, 0, "made"), "AKIANEW");
    assert_string_equal(text_of(changes, 1, "made"), "ASIANEW");
    json_auto_t *every = lines(NULL);
    ob_cleanup(ob_freep) char *text = json_dumps(every, 0);
    assert_null(strstr(text, "hush"));
    assert_null(strstr(text, user.secret));
}

static void calls_for_many_jobs_name_all_and_those_refused(void **state)
{
    (void)state;
    static api_reply rep;
    rep.body = json_pack("{s:[s], s:[{s:s, s:s}, {s:s, s:s}]}", "successful", "a", "errors", "job",
                         "b", "code", "AccessDenied", "job", "c", "code", "ValidationException");
    noted("TerminateJobs", &user, "{\"jobs\":[\"a\",\"b\",\"c\"],\"reason\":\"r\"}", &rep);
    json_auto_t *changes = lines("change.answered");
    const json_t *one = json_array_get(changes, 0);
    assert_int_equal(json_array_size(json_object_get(one, "resources")), 3);
    const json_t *refused = json_object_get(one, "refusedJobs");
    assert_int_equal(json_array_size(refused), 1);
    assert_string_equal(json_string_value(json_array_get(refused, 0)), "b");
}

static bool names(const json_t *one, const char *member, const char *text)
{
    size_t i;
    json_t *entry;
    bool found = false;
    json_array_foreach(json_object_get(one, member), i, entry) found |=
        strcmp(json_string_value(entry), text) == 0;
    return found;
}

/* Otherwise a caller could stop jobs and not be found by their ids. */
static void a_job_is_named_as_itself_whatever_else_a_call_names(void **state)
{
    (void)state;
    static api_reply rep;
    ob_cleanup(ob_freep) char *junk = ob_calloc(1, 9000), *body = NULL;
    memset(junk, 'x', 8999);
    body = ob_strf("{\"jobs\":[\"%s\",\"%s\",\"0189ABCD-0000-7000-8000-000000000001\","
                   "\"0189ABCD-0000-7000-8000-000000000002:7\"]}",
                   junk, junk);
    rep.body = json_pack("{s:[s], s:[{s:s, s:s}]}", "successful", "a", "errors", "job",
                         "0189ABCD-0000-7000-8000-000000000002:7", "code", "AccessDenied");
    noted("TerminateJobs", &user, body, &rep);
    noted("TerminateJob", &user, "{\"jobId\":\"0189ABCD-0000-7000-8000-000000000003\"}", &rep);
    json_auto_t *changes = lines("change.answered");
    assert_int_equal(json_array_size(changes), 2);
    const json_t *many = json_array_get(changes, 0), *one = json_array_get(changes, 1);
    assert_true(names(many, "resources", JOB_ARN "1") && names(many, "resources", JOB_ARN "2:7"));
    assert_true(names(many, "refusedJobs", JOB "2:7"));
    assert_true(names(one, "resources", JOB_ARN "3"));
}

static void reads_have_no_line_unless_they_are_refused(void **state)
{
    (void)state;
    static api_reply rep;
    noted("ListJobs", &user, "{\"jobQueue\":\"q\"}", &rep);
    (void)api_client_error(&rep, "no such queue");
    noted("ListJobs", &user, "{\"jobQueue\":\"q\"}", &rep);
    json_auto_t *nothing = lines(NULL);
    assert_int_equal(json_array_size(nothing), 0);

    (void)api_error(&rep, 403, "AccessDeniedException", "User: ci\x1b[2J\n may not \xc2\x9b");
    noted("ListJobs", &user, "{\"jobQueue\":\"q\\u001b\\u202e\"}", &rep);
    json_auto_t *refusals = lines("access.refused");
    assert_int_equal(json_array_size(refusals), 1);
    assert_string_equal(text_of(refusals, 0, "operation"), "ListJobs");
    assert_string_equal(text_of(refusals, 0, "code"), "AccessDeniedException");
    assert_string_equal(text_of(refusals, 0, "keyId"), "AKIAUSER");
    assert_string_equal(text_of(refusals, 0, "reason"),
                        "User: ci\\u001b[2J\\u000a may not \\u009b");
    const json_t *one = json_array_get(refusals, 0);
    assert_true(json_is_true(json_object_get(one, "authenticated")));
    const char *resource = json_string_value(json_array_get(json_object_get(one, "resources"), 0));
    assert_string_equal(resource, "arn:aws:batch:us-east-1:123456789012:job-queue/q\\u001b\\u202e");
}

static void a_stranger_is_named_as_what_it_claims(void **state)
{
    (void)state;
    static api_reply rep;
    (void)api_error(&rep, 403, "InvalidSignatureException", "what it sent");
    noted("TerminateJob", NULL, "{}", &rep);
    json_auto_t *refusals = lines("access.refused"), *changes = lines("change.answered");
    assert_int_equal(json_array_size(changes), 0);
    assert_int_equal(json_array_size(refusals), 1);
    assert_string_equal(text_of(refusals, 0, "operation"), "TerminateJob");
    assert_string_equal(text_of(refusals, 0, "keyId"), "AKIACLAIMED");
    assert_string_equal(text_of(refusals, 0, "reason"), "");
    const json_t *one = json_array_get(refusals, 0);
    assert_true(json_is_false(json_object_get(one, "authenticated")));
}

static void submissions_are_counted_by_key(void **state)
{
    (void)state;
    static api_reply rep;
    api_key other = { .key_id = "AKIAOTHER", .account = "1" };
    for (int i = 0; i < 3; i++)
        noted("SubmitJob", &user, "{}", &rep);
    (void)api_client_error(&rep, "no such queue");
    noted("SubmitJob", &user, "{}", &rep);
    noted("SubmitJob", &other, "{}", &rep);
    audit_write_counts(all);
    audit_write_counts(all); /* nothing new */
    json_auto_t *counts = lines(NULL);
    assert_int_equal(json_array_size(counts), 2);
    size_t i = strcmp(text_of(counts, 0, "keyId"), "AKIAUSER") == 0 ? 0 : 1;
    const json_t *own = json_array_get(counts, i);
    assert_string_equal(text_of(counts, i, "event"), "jobs.submitted");
    assert_string_equal(text_of(counts, i, "keyName"), "ci");
    assert_int_equal(json_integer_value(json_object_get(own, "accepted")), 3);
    assert_int_equal(json_integer_value(json_object_get(own, "failed")), 1);
    assert_string_equal(text_of(counts, 1 - i, "keyId"), "AKIAOTHER");
}

static void very_many_keys_are_counted_together(void **state)
{
    (void)state;
    static api_reply rep;
    for (int i = 0; i < 150; i++) {
        api_key one = { .account = "1" };
        (void)snprintf(one.key_id, sizeof one.key_id, "AKIA%d", i);
        noted("SubmitJob", &one, "{}", &rep);
    }
    audit_write_counts(all);
    json_auto_t *counts = lines("jobs.submitted");
    size_t n = json_array_size(counts);
    assert_int_equal(n, 101);
    const json_t *others = json_array_get(counts, n - 1);
    assert_string_equal(text_of(counts, n - 1, "keyId"), "");
    assert_int_equal(json_integer_value(json_object_get(others, "accepted")), 50);
}

static void a_flood_of_refusals_is_counted_instead(void **state)
{
    (void)state;
    static api_reply rep;
    enum { FLOOD = 5000 };
    int64_t began_ms = ob_mono_ms();
    for (int i = 0; i < FLOOD; i++) {
        (void)api_error(&rep, 403, "MissingAuthenticationTokenException", "no");
        noted("ListJobs", NULL, "{}", &rep);
    }
    for (int i = 0; i < FLOOD; i++) {
        (void)api_error(&rep, 403, "AccessDeniedException", "no");
        noted("ListJobs", &user, "{}", &rep);
    }
    audit_write_counts(all);
    json_auto_t *refusals = lines("access.refused"), *omitted = lines("lines.omitted");
    size_t written = json_array_size(refusals), seconds = (size_t)(ob_mono_ms() - began_ms) / 1000;
    assert_true(written >= 120 &&
                written <= 122 + seconds); /* 20 and 100, then one in two seconds */
    assert_int_equal(json_array_size(omitted), 1);
    const json_t *one = json_array_get(omitted, 0);
    assert_int_equal(json_integer_value(json_object_get(one, "unauthenticated")) +
                         json_integer_value(json_object_get(one, "authenticated")) +
                         (json_int_t)written,
                     2 * FLOOD);
}

/* Any key may have these as often as it likes. */
static void a_flood_that_changes_nothing_is_counted_instead(void **state)
{
    (void)state;
    static api_reply rep;
    static const struct {
        const char *operation, *code, *jobs;
    } calls[] = { { "TagResource", "ClientException", NULL },
                  { "CreateSession", NULL, NULL },
                  { "TerminateJobs", NULL, JOB "1" } };
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        api_key one = { .account = "1" };
        (void)snprintf(one.key_id, sizeof one.key_id, "AKIA%zu", i);
        for (int k = 0; k < 110; k++) {
            if (calls[i].code)
                (void)api_error(&rep, 400, calls[i].code, "no");
            else if (calls[i].jobs)
                rep.body = json_pack("{s:[], s:[{s:s, s:s}]}", "successful", "errors", "job",
                                     calls[i].jobs, "code", "AccessDenied");
            noted(calls[i].operation, &one, "{}", &rep);
        }
    }
    audit_write_counts(all);
    json_auto_t *changes = lines("change.answered"), *omitted = lines("lines.omitted");
    assert_int_equal(json_array_size(changes), 300);
    const json_t *count = json_array_get(omitted, 0);
    assert_int_equal(json_integer_value(json_object_get(count, "authenticated")), 30);
}

/* However many there are, and also if its result is not known. */
static void each_change_has_a_line(void **state)
{
    (void)state;
    static api_reply rep;
    enum { EACH = 200 };
    for (int i = 0; i < EACH; i++) {
        noted("DeleteJobQueue", &user, "{\"jobQueue\":\"q\"}", &rep);
        (void)api_error(&rep, 500, "ServerException", "The request could not be carried out.");
        noted("DeleteJobQueue", &user, "{\"jobQueue\":\"q\"}", &rep);
        rep.body = json_pack("{s:[s], s:[]}", "successful", JOB "1", "errors");
        noted("TerminateJobs", &user, "{\"jobs\":[\"" JOB "1\"]}", &rep);
    }
    json_auto_t *changes = lines("change.answered");
    assert_int_equal(json_array_size(changes), 3 * EACH);
}

/* What a proxy adds stands at the end; before it may stand what its caller has invented. */
static void the_end_of_what_proxies_say_counts(void **state)
{
    (void)state;
    static api_reply rep;
    static const char *const inventions[] = { "x", "\x1b", "\xff", "\"", "\xe2\x80\xae", "9, " };
    for (size_t i = 0; i < ARRAY_SIZE(inventions); i++) {
        ob_cleanup(ob_freep) char *said = ob_calloc(1, 1024);
        for (int k = 0; k < 300; k++)
            (void)strcat(said, inventions[i]);
        here.forwarded = strcat(said, ", 198.51.100.9");
        noted("DeleteJobQueue", &user, "{\"jobQueue\":\"q\"}", &rep);
        json_auto_t *changes = lines("change.answered");
        const char *shown = text_of(changes, i, "forwardedFor");
        assert_true(strlen(shown) <= 104);
        assert_string_equal(shown + strlen(shown) - 14, ", 198.51.100.9");
    }
    /* One that invents another each time is still one. */
    for (int i = 0; i < 50; i++) {
        char said[40];
        (void)snprintf(said, sizeof said, "10.0.0.%d, 198.51.100.9", i);
        here.forwarded = said;
        (void)api_error(&rep, 403, "MissingAuthenticationTokenException", "no");
        noted("ListJobs", NULL, "{}", &rep);
    }
    here.forwarded = "198.51.100.10";
    (void)api_error(&rep, 403, "MissingAuthenticationTokenException", "no");
    noted("ListJobs", NULL, "{}", &rep);
    json_auto_t *refusals = lines("access.refused");
    assert_int_equal(json_array_size(refusals), 21);
    assert_string_equal(text_of(refusals, 20, "forwardedFor"), "198.51.100.10");
}

static void slow_requests_of_keys_have_a_line(void **state)
{
    (void)state;
    static api_reply rep;
    audit_note n = { .op = api_operation_named("ListJobs"), .received_us = 1 };
    audit_request(all, &n, &here, &rep); /* a stranger's */
    json_auto_t *none = lines("request.slow");
    assert_int_equal(json_array_size(none), 0);
    audit_note_caller(&n, &user, "us-east-1");
    audit_request(all, &n, &here, &rep);
    json_auto_t *slow = lines("request.slow");
    assert_int_equal(json_array_size(slow), 1);
    assert_string_equal(text_of(slow, 0, "operation"), "ListJobs");
    assert_string_equal(text_of(slow, 0, "keyId"), "AKIAUSER");
    const json_t *one = json_array_get(slow, 0);
    assert_true(json_integer_value(json_object_get(one, "us")) > AUDIT_SLOW_US);
    for (int i = 1; i < 110; i++)
        audit_request(all, &n, &here, &rep);
    audit_write_counts(all);
    json_auto_t *flood = lines("request.slow"), *omitted = lines("lines.omitted");
    assert_int_equal(json_array_size(flood), 100);
    one = json_array_get(omitted, 0);
    assert_int_equal(json_integer_value(json_object_get(one, "slow")), 10);
}

/* Whatever characters a caller takes. */
static void a_line_has_a_limit(void **state)
{
    (void)state;
    static api_reply rep;
    static const char fills[] = { 'x', '"', '\\', '\x1b' };
    for (size_t i = 0; i < 2 * sizeof fills; i++) {
        bool changes_something = i % 2;
        json_auto_t *jobs = json_array();
        ob_cleanup(ob_freep) char *long_id = ob_calloc(1, 2001);
        memset(long_id, fills[i / 2], 2000);
        for (int k = 0; k < 100; k++)
            (void)json_array_append_new(jobs, json_string(long_id));
        json_auto_t *body = json_pack("{s:O}", "jobs", jobs);
        ob_cleanup(ob_freep) char *text = json_dumps(body, 0);
        if (changes_something)
            rep.body = json_pack("{s:[s], s:[]}", "successful", "a", "errors");
        noted("CancelJobs", &user, text, &rep);
        json_auto_t *changes = lines("change.answered");
        ob_cleanup(ob_freep) char *line = json_dumps(json_array_get(changes, i), 0);
        assert_true(strlen(line) < (changes_something ? 9000 : 1600));
        assert_non_null(strstr(line, "\u2026\"]"));
    }

    audit_note stranger = { .op = api_operation_named("DescribeSchedulingPolicies"),
                            .refused = true };
    memset(stranger.key_id, 'K', sizeof stranger.key_id - 1);
    ob_cleanup(ob_freep) char *quotes = ob_calloc(1, 4001), *jobs = NULL;
    memset(quotes, '"', 4000);
    here.forwarded = quotes;
    (void)api_error(&rep, 403, "MissingAuthenticationTokenException", "no");
    audit_request(all, &stranger, &here, &rep);
    (void)api_error(&rep, 403, "AccessDeniedException", "%s", quotes);
    json_auto_t *body = json_pack("{s:s}", "jobQueue", quotes);
    ob_cleanup(ob_freep) char *text = json_dumps(body, 0);
    noted("ListJobs", &user, text, &rep);
    json_auto_t *refusals = lines("access.refused");
    for (size_t i = 0; i < 2; i++) {
        ob_cleanup(ob_freep) char *line = json_dumps(json_array_get(refusals, i), 0);
        assert_true(strlen(line) < (i == 0 ? 900 : 2000));
    }
    json_t *errors = json_array();
    jobs = ob_strdup("");
    for (int i = 10; i < 60; i++) {
        char *before = jobs;
        jobs = ob_strf("%s%s\"" JOB "1:%d\"", before, *before ? "," : "", i);
        free(before);
        (void)json_array_append_new(
            errors,
            json_pack("{s:o, s:s}", "job", json_sprintf(JOB "1:%d", i), "code", "AccessDenied"));
    }
    ob_cleanup(ob_freep) char *all_jobs = ob_strf("{\"jobs\":[%s]}", jobs);
    rep.body = json_pack("{s:[], s:o}", "successful", "errors", errors);
    noted("CancelJobs", &user, all_jobs, &rep);
    json_auto_t *changes = lines("change.answered");
    const json_t *last = json_array_get(changes, json_array_size(changes) - 1);
    ob_cleanup(ob_freep) char *line = json_dumps(last, 0);
    assert_int_equal(json_array_size(json_object_get(last, "refusedJobs")), 50);
    assert_true(strlen(line) < 5000);
}

static void whether_a_change_has_a_line_is_in_the_operations_row(void **state)
{
    (void)state;
    static const char *const reads[] = { "Check", "Count", "Describe", "Filter", "Get", "List" };
    for (const api_operation *op = NULL; (op = api_operation_next(op));) {
        bool reads_only = false;
        for (size_t i = 0; i < ARRAY_SIZE(reads); i++)
            reads_only |= strncmp(op->name, reads[i], strlen(reads[i])) == 0;
        if (strcmp(op->name, "GetSessionToken") == 0)
            reads_only = false;
        api_audit expected = strcmp(op->name, "SubmitJob") == 0 ? AUDIT_COUNT
                             : reads_only || !op->handler       ? AUDIT_NOTHING
                                                                : AUDIT_EACH;
        if (op->audit != expected)
            fail_msg("%s: audit %d", op->name, (int)op->audit);
    }
}

static void buckets_fill_again(void **state)
{
    (void)state;
    static const line_rates rates = {
        .each_ms = 10, .burst = 4, .each_ms_one = 100, .burst_one = 2
    };
    static line_limit l;
    assert_true(line_limit_take(&l, &rates, "a", 1000));
    assert_true(line_limit_take(&l, &rates, "a", 1000));
    assert_false(line_limit_take(&l, &rates, "a", 1000));
    assert_true(line_limit_take(&l, &rates, "b", 1000)); /* not hidden by a's */
    assert_true(line_limit_take(&l, &rates, "b", 1000));
    assert_false(line_limit_take(&l, &rates, "c", 1000)); /* all together */
    assert_int_equal(line_limit_omitted(&l), 2);
    assert_int_equal(line_limit_omitted(&l), 0);
    assert_true(line_limit_take(&l, &rates, "c", 1010));
    assert_false(line_limit_take(&l, &rates, "a", 1099));
    assert_true(line_limit_take(&l, &rates, "a", 1100));
    assert_false(line_limit_take(&l, &rates, "a", 1100));
}

static void counts_are_written_now_and_then(void **state)
{
    (void)state;
    static api_reply rep;
    const struct timespec nap = { .tv_nsec = 10 * 1000000L };
    audit_free(all);
    all = audit_new(20);
    noted("SubmitJob", &user, "{}", &rep);
    int64_t until_ms = ob_mono_ms() + 30000;
    for (size_t n = 0; n == 0 && ob_mono_ms() < until_ms;) {
        json_auto_t *counts = lines("jobs.submitted");
        n = json_array_size(counts);
        (void)nanosleep(&nap, NULL);
    }
    json_auto_t *counts = lines("jobs.submitted");
    assert_int_equal(json_array_size(counts), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_has_a_line),
        TEST(what_was_made_is_named_and_no_secret),
        TEST(calls_for_many_jobs_name_all_and_those_refused),
        TEST(a_job_is_named_as_itself_whatever_else_a_call_names),
        TEST(reads_have_no_line_unless_they_are_refused),
        TEST(a_stranger_is_named_as_what_it_claims),
        TEST(submissions_are_counted_by_key),
        TEST(very_many_keys_are_counted_together),
        TEST(a_flood_of_refusals_is_counted_instead),
        TEST(a_flood_that_changes_nothing_is_counted_instead),
        TEST(each_change_has_a_line),
        TEST(the_end_of_what_proxies_say_counts),
        TEST(counts_are_written_now_and_then),
        TEST(slow_requests_of_keys_have_a_line),
        TEST(a_line_has_a_limit),
        cmocka_unit_test(whether_a_change_has_a_line_is_in_the_operations_row),
        cmocka_unit_test(buckets_fill_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
