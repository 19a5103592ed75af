/* The measured cost of a request before anything is stored: processor time of the thread and peak
 * memory. Uses the worst known bodies (tests/data/costly.json), and worse ones that a random search
 * finds in the tables of all operations. OPENBATCH_TEST_SEED: another search. */
#include "unit.h"

#include "operations.h"

#include <jansson.h>
#include <time.h>

#include "auth/key_policy.h"
#include "auth/keys.h"
#include "http/sigv4.h"
#include "http/sigv4_canonical.h"
#include "jobs/job_detail.h"
#include "jobs/submit_check.h"
#include "logs/log_filter.h"
#include "ob/json.h"
#include "request/operation.h"

#define CPU_MS 50
#define MEMORY (8 * 1024 * 1024)
#define BODY_MAX (256 * 1024)
/* The sanitizers' share, as they say of themselves. */
#if defined(__SANITIZE_ADDRESS__)
#define SLOWER 3
#else
#define SLOWER 1
#endif
#define TRIES 10 /* bodies for each operation */

/* ---- measuring ------------------------------------------------------------------------------- */

static _Atomic size_t in_use, peak;

#if defined(__SANITIZE_ADDRESS__)
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static void on_malloc(const volatile void *p, size_t n)
{
    size_t now = atomic_fetch_add(&in_use, n) + n;
    if (now > atomic_load(&peak))
        atomic_store(&peak, now);
}

static void on_free(const volatile void *p)
{
    if (p)
        (void)atomic_fetch_sub(&in_use, __sanitizer_get_allocated_size(p));
}

static void count_memory(void)
{
    (void)__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}
#else
static void count_memory(void)
{
    /* Without the sanitizer only time is measured. */
}
#endif

typedef struct cost {
    double cpu_ms;
    size_t bytes;
} cost;

static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static cost begin(void)
{
    atomic_store(&peak, atomic_load(&in_use));
    return (cost){ cpu_ms(), atomic_load(&in_use) };
}

static cost end(cost from)
{
    size_t most = atomic_load(&peak);
    return (cost){ (cpu_ms() - from.cpu_ms) / SLOWER, most > from.bytes ? most - from.bytes : 0 };
}

/* Others work on this machine, and make every step dearer: what counts is the least of a few. */
static bool is_little(const cost *c)
{
    return c->cpu_ms <= CPU_MS && c->bytes <= MEMORY;
}

static void check(const char *what, const cost *c)
{
    if (!is_little(c))
        fail_msg("%s: %.1f ms, %zu KiB", what, c->cpu_ms, c->bytes / 1024);
}

/* ---- a request ------------------------------------------------------------------------------- */

static const char definition_text[] =
    "{\"parameters\":{\"p\":\"1\"},\"containerProperties\":{\"image\":\"i\",\"command\":[\"Ref::"
    "p\"],"
    "\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"1\"},{\"type\":\"MEMORY\",\"value\":"
    "\"64\"}],\"environment\":[{\"name\":\"A\",\"value\":\"1\"}]}}";

static void resolve(api_request *req, api_reply *rep)
{
    api_queue queue = { .id = 1 };
    ob_cleanup(api_definition_done)
        api_definition definition = { .body = ob_json_read_text(definition_text) };
    ob_cleanup(submission_done) submission job = { .id = ob_uuid_new() };
    if (submit_check(req, &queue, &definition, rep) == 0)
        (void)job_detail_resolve(req, &queue, &definition, &job, rep);
}

/* As dispatch.c and the handlers do it, up to where PostgreSQL is asked. */
static cost ask(const api_operation *op, const char *text, size_t len, char *why)
{
    static api_ctx ctx;
    static const api_key root = { .root = true };
    cost from = begin();
    json_t *body = NULL;
    api_reply *rep = ob_calloc(1, sizeof *rep);
    int r = api_operation_check_size(op, len, "id", rep);
    if (r == 0)
        r = ob_json_parse_as(text, len, OB_JSON_BRIEF, &body, &rep->err);
    if (r == 0)
        r = api_operation_check(op, body, "id", rep);
    api_request req = { .op = op,
                        .operation = op->name,
                        .account = "123456789012",
                        .region = "us-east-1",
                        .key = &root,
                        .request_id = "id",
                        .body = body,
                        .body_text = text,
                        .body_len = len,
                        .ctx = &ctx };
    if (r == 0 && strcmp(op->name, "SubmitJob") == 0) {
        resolve(&req, rep);
    } else if (r == 0) {
        json_auto_t *copy = fields_copy(op->fields, body);
        free(json_dumps(copy, JSON_COMPACT));
    }
    (void)snprintf(why, 200, "%.199s", rep->code ? rep->message : rep->err.text);
    json_decref(body);
    cost c = end(from);
    api_reply_done(rep);
    free(rep);
    return c;
}

static cost ask_again(const api_operation *op, const char *text, size_t len, char *why)
{
    cost c = ask(op, text, len, why);
    for (int i = 0; i < 4 && !is_little(&c) && c.bytes <= MEMORY; i++) {
        cost again = ask(op, text, len, why);
        c.cpu_ms = again.cpu_ms < c.cpu_ms ? again.cpu_ms : c.cpu_ms;
    }
    return c;
}

/* ---- bodies that are known to be bad --------------------------------------------------------- */

static const api_operation *operation(const char *name)
{
    for (const api_operation *op = NULL; (op = api_operation_next(op));)
        if (strcmp(op->name, name) == 0)
            return op;
    fail_msg("no operation %s", name);
    return NULL;
}

/* {"$repeat": ["text", n]}: a text; {"$list": [entry, n]}: a list; {"$map": ["value", n]}: a map.
 * '#' in texts becomes the number of the entry. */
static json_t *expanded(const json_t *from, int number)
{
    json_t *made = NULL;
    const char *name;
    json_t *value;
    const json_t *repeat = json_object_get(from, "$repeat"), *list = json_object_get(from, "$list"),
                 *map = json_object_get(from, "$map");
    const json_t *pair = repeat ? repeat : list ? list : map;
    int n = (int)json_integer_value(json_array_get(pair, 1));
    const json_t *one = json_array_get(pair, 0);
    if (repeat) {
        size_t len = json_string_length(one);
        ob_cleanup(ob_freep) char *text = ob_calloc(1, len * (size_t)n + 1);
        for (int i = 0; i < n; i++)
            memcpy(text + len * (size_t)i, json_string_value(one), len);
        return json_string(text);
    }
    if (list) {
        made = json_array();
        for (int i = 0; i < n; i++)
            (void)json_array_append_new(made, expanded(one, i));
        return made;
    }
    if (map) {
        made = json_object();
        for (int i = 0; i < n; i++) {
            ob_cleanup(ob_freep) char *key = ob_strf("k%d", i);
            (void)json_object_set_new(made, key, expanded(one, i));
        }
        return made;
    }
    if (json_is_string(from) && strchr(json_string_value(from), '#')) {
        const char *text = json_string_value(from), *at = strchr(text, '#');
        ob_cleanup(ob_freep) char *numbered =
            ob_strf("%.*s%d%s", (int)(at - text), text, number, at + 1);
        return json_string(numbered);
    }
    if (json_is_array(from)) {
        made = json_array();
        for (size_t i = 0; i < json_array_size(from); i++)
            (void)json_array_append_new(made, expanded(json_array_get(from, i), number));
        return made;
    }
    if (!json_is_object(from))
        return json_deep_copy(from);
    made = json_object();
    json_object_foreach((json_t *)from, name, value)(void)
        json_object_set_new(made, name, expanded(value, number));
    return made;
}

static void the_worst_bodies_known_cost_little(void **state)
{
    (void)state;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, 64 * 1024);
    FILE *f = fopen(COSTLY, "re");
    assert_non_null(f);
    assert_true(fread(text, 1, 64 * 1024 - 1, f) > 0);
    (void)fclose(f);
    json_auto_t *all = ob_json_read_text(text);
    assert_true(json_array_size(all) > 10);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        const char *what = json_string_value(json_object_get(one, "what"));
        json_auto_t *body = expanded(json_object_get(one, "body"), 0);
        ob_cleanup(ob_freep) char *sent = json_dumps(body, JSON_COMPACT);
        const char *name = json_string_value(json_object_get(one, "operation"));
        char why[200];
        cost c = ask_again(operation(name), sent, strlen(sent), why);
        print_message("%s: %zu bytes, %.1f ms, %zu KiB: %.60s\n", what, strlen(sent), c.cpu_ms,
                      c.bytes / 1024, why);
        check(what, &c);
    }
}

static void what_is_too_large_is_refused_unread(void **state)
{
    (void)state;
    size_t n = 0;
    for (const api_operation *op = NULL; (op = api_operation_next(op));) {
        if (op->body_max == 0)
            continue;
        ob_cleanup(ob_freep) char *text = ob_calloc(1, op->body_max + 2);
        char why[200];
        memset(text, 'x', op->body_max + 1); /* no JSON */
        (void)ask(op, text, op->body_max + 1, why);
        assert_non_null(strstr(why, " size must be less than "));
        (void)ask(op, text, op->body_max, why);
        assert_non_null(strstr(why, "not valid JSON"));
        n++;
    }
    assert_true(n >= 2); /* definitions and jobs */
}

/* ---- the search ------------------------------------------------------------------------------ */

static uint64_t seed;

static size_t pick(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static json_t *least(const api_field *f, bool item, int number);

static json_t *least_object(const api_field *fields, int number)
{
    json_t *out = json_object();
    for (const api_field *f = fields; f && f->name; f++)
        if (f->flags & FIELD_REQUIRED || pick(8) == 0)
            (void)json_object_set_new(out, f->name, least(f, false, number));
    return out;
}

static char *some_text(const api_field *f, int number)
{
    static const char *const texts[] = { "a%d", "1",   "%d",       "/a%d", "Ref::a%d",
                                         "a",   "*a*", "\xc3\xa9", "a.%d", "Ref::a.b.%d" };
    if (f->choice && pick(16) > 0)
        return ob_strf("%.*s", (int)strcspn(f->choice, "|"), f->choice);
    ob_cleanup(ob_freep) char *digits = ob_strf("%d", number);
    const char *text = texts[pick(10)], *at = strstr(text, "%d");
    return at ? ob_strf("%.*s%s", (int)(at - text), text, digits) : ob_strdup(text);
}

/* A value that the table takes, as a rule. */
static json_t *least(const api_field *f, bool item, int number)
{
    api_kind kind = item ? f->item : f->kind;
    switch (kind) {
    case KIND_STRING: {
        ob_cleanup(ob_freep) char *text = some_text(f, number);
        return json_string(text);
    }
    case KIND_INT:
    case KIND_NUMBER:
        return json_integer(!item && f->min > 0 ? f->min : 1);
    case KIND_BOOL:
        return json_true();
    case KIND_OBJECT:
        return least_object(f->of, number);
    case KIND_LIST: {
        json_t *list = json_array();
        (void)json_array_append_new(list, least(f, true, number));
        return list;
    }
    case KIND_MAP:
        return json_pack("{s:s}", "a", "b");
    }
    return json_null();
}

/* One member somewhere below becomes as large as may be. */
static void blow_up(const api_field *fields, json_t *object, size_t bytes)
{
    size_t n = 0;
    while (fields[n].name)
        n++;
    const api_field *f = &fields[pick(n)];
    if (f->kind == KIND_OBJECT && f->of) {
        json_t *inner = least_object(f->of, 0);
        (void)json_object_set_new(object, f->name, inner);
        blow_up(f->of, inner, bytes);
        return;
    }
    if (f->kind == KIND_STRING) {
        static const char *const texts[] = {
            "a", "Ref::p", "a.", "*", "\xc3\xa9", "{", "\\", "/a"
        };
        const char *text = texts[pick(8)];
        ob_cleanup(ob_freep) char *long_text = ob_calloc(1, bytes + 8);
        for (size_t at = 0; at < bytes; at += strlen(text))
            memcpy(long_text + at, text, strlen(text));
        (void)json_object_set_new(object, f->name, json_string(long_text));
        return;
    }
    json_t *value = f->kind == KIND_MAP    ? json_object()
                    : f->kind == KIND_LIST ? json_array()
                                           : NULL;
    bool same = pick(3) == 0;
    for (size_t used = 0, i = 0; value && used < bytes && i < OB_JSON_FEW; i++) {
        ob_cleanup(ob_freep) char *key = ob_strf("k%zu", i);
        json_t *one = f->kind == KIND_MAP ? json_string("v") : least(f, true, same ? 0 : (int)i);
        used += json_dumpb(one, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) + 4;
        (void)(f->kind == KIND_MAP ? json_object_set_new(value, key, one)
                                   : json_array_append_new(value, one));
    }
    if (f->kind == KIND_LIST && f->of && json_array_size(value) > 0 && pick(3) == 0)
        blow_up(f->of, json_array_get(value, 0), bytes / 2);
    if (value)
        (void)json_object_set_new(object, f->name, value);
}

static void a_random_search_finds_no_worse_ones(void **state)
{
    (void)state;
    const char *given = getenv("OPENBATCH_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : 20160810;
    for (const api_operation *op = NULL; (op = api_operation_next(op));) {
        cost worst = { 0 };
        for (int i = 0; op->fields && op->fields->name && i < TRIES; i++) {
            size_t max = op->body_max ? op->body_max : BODY_MAX;
            json_auto_t *body = least_object(op->fields, 0);
            size_t parts = 1 + pick(3);
            for (size_t k = 0; k < parts; k++)
                blow_up(op->fields, body, max / parts - 200);
            ob_cleanup(ob_freep) char *sent = json_dumps(body, JSON_COMPACT);
            size_t len = strlen(sent);
            char why[200];
            cost c = ask_again(op, sent, len < BODY_MAX ? len : BODY_MAX, why);
            if (!is_little(&c))
                print_message("%s: %.300s\n", op->name, sent);
            check(op->name, &c);
            worst.cpu_ms = c.cpu_ms > worst.cpu_ms ? c.cpu_ms : worst.cpu_ms;
            worst.bytes = c.bytes > worst.bytes ? c.bytes : worst.bytes;
        }
        if (worst.bytes > 0)
            print_message("%s: %.1f ms, %zu KiB\n", op->name, worst.cpu_ms, worst.bytes / 1024);
    }
}

/* ---- what is not a body ---------------------------------------------------------------------- */

static void canonical_requests_of_long_heads_cost_little(void **state)
{
    (void)state;
    char query[15001], value[8001];
    for (size_t i = 0; i + 2 <= 15000; i += 2)
        memcpy(query + i, i % 4 ? "b&" : "%&", 2);
    query[15000] = '\0';
    memset(value, 'x', 8000);
    value[8000] = '\0';
    const sigv4_header headers[] = { { "host", "x" }, { "x-long", value } };
    const sigv4_request req = { "POST", "/../../a//b", query, headers, 2, "", 0 };
    const sigv4_auth auth = { .signed_headers = "host;x-long", .signed_headers_len = 11 };
    cost c = { .cpu_ms = 2 * CPU_MS };
    for (int i = 0; i < 5 && !is_little(&c); i++) {
        cost from = begin();
        free(sigv4_canonical_request(&req, &auth));
        c = end(from);
    }
    print_message("canonical request: %.1f ms, %zu KiB\n", c.cpu_ms, c.bytes / 1024);
    check("canonical request", &c);
}

static void policies_of_wildcards_cost_little(void **state)
{
    (void)state;
    char pattern[7001] = "arn:aws:batch:*:*:job-queue/";
    char arn[2001] = "arn:aws:batch:us-east-1:123456789012:job-queue/";
    for (size_t i = strlen(pattern); i < 7000; i++)
        pattern[i] = i % 8 == 7 ? '*' : 'a';
    pattern[6999] = 'b';
    memset(arn + strlen(arn), 'a', 2000 - strlen(arn));
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":"
                "\"batch:*\",\"Resource\":"
                "\"%s\"}]}",
                pattern);
    policy *p = NULL;
    const char *names[] = { arn };
    assert_int_equal(policy_parse(text, strlen(text), &p, NULL), 0);
    const policy_question q = { .action = "batch:SubmitJob", .names = names, .n_names = 1 };
    cost c = { .cpu_ms = 2 * CPU_MS };
    for (int i = 0; i < 5 && !is_little(&c); i++) {
        cost from = begin();
        assert_int_equal(policy_decide(p, &q), POLICY_NOT_ALLOWED);
        c = end(from);
    }
    print_message("policy: %.1f ms\n", c.cpu_ms);
    check("policy", &c);
    policy_unref(p);
}

static void filter_patterns_cost_little(void **state)
{
    (void)state;
    char pattern[1025];
    for (size_t i = 0; i < 1024; i++)
        pattern[i] = i % 2 ? ' ' : '?';
    for (size_t i = 1; i < 1024; i += 4)
        pattern[i] = 'a';
    pattern[1024] = '\0';
    log_filter *filter = NULL;
    cost c = { .cpu_ms = 2 * CPU_MS };
    for (int i = 0; i < 5 && !is_little(&c); i++) {
        log_filter_free(ob_take(filter));
        cost from = begin();
        (void)log_filter_new(pattern, &filter, NULL);
        c = end(from);
    }
    print_message("filter pattern: %.1f ms, %zu KiB\n", c.cpu_ms, c.bytes / 1024);
    check("filter pattern", &c);
    log_filter_free(filter);
}

static int start(void **state)
{
    (void)state;
    count_memory();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_bodies_known_cost_little),
        cmocka_unit_test(what_is_too_large_is_refused_unread),
        cmocka_unit_test(a_random_search_finds_no_worse_ones),
        cmocka_unit_test(canonical_requests_of_long_heads_cost_little),
        cmocka_unit_test(policies_of_wildcards_cost_little),
        cmocka_unit_test(filter_patterns_cost_little),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
