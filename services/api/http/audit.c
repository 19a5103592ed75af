/* Writes the lines of the audit. Owns the counts of submissions and of lines that were left out,
 * and the thread that writes them now and then. Never waits for anything but its lock, which
 * is held for counting only; ob_log drops a line that cannot be written at once, and counts it.
 *
 * Invariants: no line has a body, a secret or a token; all that a caller wrote is escaped and cut;
 * who has no right to a change can cause only a limited number of lines. */
#include "audit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <uthash.h>

#include "line_limit.h"
#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/text.h"

#define KEYS_MAX 100 /* with a count of their own; the others are counted together */
#define REASON_MAX 500
#define MADE_MAX 300
#define FORWARDED_MAX 100
#define FAILED_MAX 50

/* A line of a stranger has at most 900 bytes, one of a key that tells of no change 5 KB: whoever
 * repeats a call for ever needs days to push everything else out of the log. */
static const line_rates of_strangers = {
    .each_ms = 5000, .burst = 100, .each_ms_one = 10000, .burst_one = 20
};
static const line_rates of_keys = {
    .each_ms = 2000, .burst = 500, .each_ms_one = 20000, .burst_one = 100
};

typedef struct submitted {
    char key_id[129];
    char name[KEY_NAME_MAX + 1];
    uint64_t accepted, failed;
    UT_hash_handle hh;
} submitted;

struct audit {
    int64_t every_ms;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stopping;
    submitted *keys, others;
    line_limit strangers, callers, slow;
};

/* ---- counts ---------------------------------------------------------------------------------- */

/* With the lock held. */
static submitted *count_of(audit *a, const audit_note *n)
{
    submitted *one = NULL;
    HASH_FIND_STR(a->keys, n->key_id, one);
    if (one)
        return one;
    if (HASH_COUNT(a->keys) == KEYS_MAX)
        return &a->others;
    one = ob_calloc(1, sizeof *one);
    (void)snprintf(one->key_id, sizeof one->key_id, "%s", n->key_id);
    (void)snprintf(one->name, sizeof one->name, "%s", n->name);
    HASH_ADD_STR(a->keys, key_id, one);
    return one;
}

static void count(audit *a, const audit_note *n, const api_reply *rep)
{
    (void)pthread_mutex_lock(&a->lock);
    submitted *one = count_of(a, n);
    if (rep->code)
        one->failed++;
    else
        one->accepted++;
    (void)pthread_mutex_unlock(&a->lock);
}

static void write_submitted(const submitted *one)
{
    if (one->accepted + one->failed == 0)
        return;
    ob_info("jobs.submitted", "{s:s*, s:s*, s:I, s:I}", "keyId", *one->key_id ? one->key_id : NULL,
            "keyName", *one->name ? one->name : NULL, "accepted", (json_int_t)one->accepted,
            "failed", (json_int_t)one->failed);
}

void audit_write_counts(audit *a)
{
    submitted *one, *next;
    (void)pthread_mutex_lock(&a->lock);
    submitted *keys = ob_take(a->keys), others = a->others;
    uint64_t strangers = line_limit_omitted(&a->strangers);
    uint64_t callers = line_limit_omitted(&a->callers), slow = line_limit_omitted(&a->slow);
    memset(&a->others, 0, sizeof a->others);
    (void)pthread_mutex_unlock(&a->lock);
    HASH_ITER(hh, keys, one, next)
    {
        HASH_DEL(keys, one);
        write_submitted(one);
        free(one);
    }
    write_submitted(&others);
    if (strangers + callers + slow > 0)
        ob_warn("lines.omitted", "{s:I, s:I, s:I}", "unauthenticated", (json_int_t)strangers,
                "authenticated", (json_int_t)callers, "slow", (json_int_t)slow);
}

static void *audit_run(void *arg)
{
    audit *a = arg;
    for (bool go_on = true; go_on;) {
        int64_t until_ms = ob_mono_ms() + a->every_ms;
        (void)pthread_mutex_lock(&a->lock);
        while (!a->stopping && ob_cond_wait_until(&a->changed, &a->lock, until_ms))
            ;
        go_on = !a->stopping;
        (void)pthread_mutex_unlock(&a->lock);
        audit_write_counts(a);
    }
    return NULL;
}

audit *audit_new(int64_t counts_every_ms)
{
    audit *a = ob_calloc(1, sizeof *a);
    a->every_ms = counts_every_ms;
    (void)pthread_mutex_init(&a->lock, NULL);
    ob_cond_init(&a->changed);
    if (pthread_create(&a->thread, NULL, audit_run, a) != 0)
        abort(); /* at start: no threads, no server */
    return a;
}

void audit_free(audit *a)
{
    if (!a)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->stopping = true;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL);
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const char *or_nothing(const char *text)
{
    return *text ? text : NULL;
}

/* What was made, by the answer's member that the operation's row names. Borrowed, or NULL. */
static const char *made_by(const audit_note *n, const api_reply *rep)
{
    const json_t *at = rep->body;
    const char *path = n->op->made;
    while (at && path && *path) {
        size_t len = strcspn(path, ".");
        at = json_object_getn(at, path, len);
        path += len + (path[len] == '.');
    }
    return path ? json_string_value(at) : NULL;
}

/* The jobs of a call for many that the caller may not stop. New, or NULL. */
static json_t *refused_jobs(const audit_note *n, const api_reply *rep)
{
    size_t i;
    json_t *error, *jobs = NULL;
    if (!n->op->access || !n->op->access->one_by_one)
        return NULL;
    json_array_foreach(json_object_get(rep->body, "errors"), i, error)
    {
        const char *code = json_string_value(json_object_get(error, "code"));
        if (i >= FAILED_MAX || !code || strcmp(code, "AccessDenied") != 0)
            continue;
        if (!jobs)
            jobs = json_array();
        ob_cleanup(ob_freep) char *id =
            audit_job_id(json_string_value(json_object_get(error, "job")));
        (void)json_array_append_new(jobs, audit_json(id, OB_RUN_TEXT));
    }
    return jobs;
}

static const char *last_bytes(const char *text, size_t max)
{
    size_t len = strlen(text);
    return len > max ? text + len - max : text;
}

/* Each proxy adds the address of its caller at the end. What stands before is as long as that
 * caller likes. New; NULL gives NULL. */
static json_t *forwarded_json(const char *text)
{
    char valid[3 * FORWARDED_MAX + 1]; /* a byte that is no character becomes three */
    if (!text)
        return NULL;
    text = last_bytes(text, FORWARDED_MAX);
    (void)ob_text_copy(valid, sizeof valid, text, strlen(text));
    ob_cleanup(ob_freep) char *shown = audit_text(valid, 7 * sizeof valid);
    return ob_json_text(last_bytes(shown, FORWARDED_MAX));
}

static void
write_change(const audit_note *n, const audit_source *from, const api_reply *rep, int64_t took_us)
{
    if (!ob_log_enabled(OB_LOG_INFO))
        return;
    json_auto_t *forwarded = forwarded_json(from->forwarded);
    json_auto_t *refused = refused_jobs(n, rep);
    json_auto_t *made = audit_json(made_by(n, rep), MADE_MAX);
    ob_info("change.answered",
            "{s:s, s:s, s:O*, s:O*, s:O*, s:s, s:s*, s:s*, s:s, s:s, s:O*, s:s, s:I}", "operation",
            n->op->name, "result", rep->code ? rep->code : "done", "resources", n->resources,
            "made", made, "refusedJobs", refused, "keyId", n->key_id, "keyName",
            or_nothing(n->name), "session", or_nothing(n->session), "region", n->region, "remote",
            from->remote, "forwardedFor", forwarded, "requestId", from->request_id, "us",
            (json_int_t)took_us);
}

/* A request without a right signature may put anything where AWS's words repeat it, so the code
 * alone is logged. */
static void write_refusal(const audit_note *n, const audit_source *from, const api_reply *rep)
{
    if (!ob_log_enabled(OB_LOG_WARN))
        return;
    json_auto_t *forwarded = forwarded_json(from->forwarded);
    json_auto_t *reason = n->known ? audit_json(rep->message, REASON_MAX) : NULL;
    ob_warn("access.refused",
            "{s:s*, s:s, s:O*, s:O*, s:b, s:s*, s:s*, s:s*, s:s*, s:s, s:O*, s:s}", "operation",
            n->op ? n->op->name : NULL, "code", rep->code, "reason", reason, "resources",
            n->resources, "authenticated", (int)n->known, "keyId", or_nothing(n->key_id), "keyName",
            or_nothing(n->name), "session", or_nothing(n->session), "region", or_nothing(n->region),
            "remote", from->remote, "forwardedFor", forwarded, "requestId", from->request_id);
}

static void
write_slow(const audit_note *n, const audit_source *from, const api_reply *rep, int64_t took_us)
{
    if (!ob_log_enabled(OB_LOG_WARN))
        return;
    json_auto_t *forwarded = forwarded_json(from->forwarded);
    ob_warn("request.slow", "{s:s*, s:s, s:s, s:s*, s:s*, s:s, s:O*, s:s, s:I}", "operation",
            n->op ? n->op->name : NULL, "result", rep->code ? rep->code : "done", "keyId",
            n->key_id, "keyName", or_nothing(n->name), "session", or_nothing(n->session), "remote",
            from->remote, "forwardedFor", forwarded, "requestId", from->request_id, "us",
            (json_int_t)took_us);
}

static bool may_write(audit *a, line_limit *l, const line_rates *rates, const char *who)
{
    int64_t now_ms = ob_mono_ms();
    (void)pthread_mutex_lock(&a->lock);
    bool may = line_limit_take(l, rates, who, now_ms);
    (void)pthread_mutex_unlock(&a->lock);
    return may;
}

/* Of a line that tells of no change. */
static bool may_write_of(audit *a, const audit_note *n, const audit_source *from)
{
    char who[160];
    if (n->known)
        return may_write(a, &a->callers, &of_keys, n->key_id);
    /* behind a proxy all have its address */
    const char *said = from->forwarded ? from->forwarded : "", *comma = strrchr(said, ',');
    (void)snprintf(who, sizeof who, "%s %.100s", from->remote, comma ? comma + 1 : said);
    return may_write(a, &a->strangers, &of_strangers, who);
}

void audit_request(audit *a, const audit_note *n, const audit_source *from, const api_reply *rep)
{
    int64_t took_us = n->received_us ? ob_mono_us() - n->received_us : 0;
    if (n->known && n->op && n->op->audit == AUDIT_COUNT)
        count(a, n, rep);
    if (n->refused) {
        if (may_write_of(a, n, from))
            write_refusal(n, from, rep);
    } else if (n->known && n->op && n->op->audit == AUDIT_EACH) {
        if (n->changed || may_write_of(a, n, from))
            write_change(n, from, rep, took_us);
    }
    /* Not of strangers: they could cause any number of lines. */
    if (n->known && took_us > AUDIT_SLOW_US && may_write(a, &a->slow, &of_keys, n->key_id))
        write_slow(n, from, rep, took_us);
}
