/* Chunks of output in a database of its own: who may send them, where they go, and the cost of a
 * gap. */
#include "unit.h"

#include <utlist.h>

#include "logs/log_batch.h"
#include "logs/log_patience.h"
#include "logs/log_runs.h"
#include "logs/log_senders.h"
#include "migrated.h"
#include "ob/clock.h"
#include "ob/db.h"
#include "own_server.h"

#define HERE "i-0000000000000000a"
#define THERE "i-0000000000000000b"
#define PLAIN "01900000-0000-7000-8000-000000000001"
#define NAMED "01900000-0000-7000-8000-000000000002"
#define SYSLOG "01900000-0000-7000-8000-000000000003"

static own_server server;
static ob_db *db;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static void add_job(const char *id, const char *more)
{
    ob_cleanup(ob_freep) char *text = ob_strf(
        "INSERT INTO job (account, region, id, queue_id, definition, name, array_size, mcpu,"
        " mem_mib, created_at_ms, detail) VALUES ('1', 'r', '%s', 1, 'd', 'n', 0, 1000, 64, 0,"
        " '{\"jobArn\":\"arn:aws:batch:r:1:job/%s\",\"container\":{%s}}')",
        id, id, more);
    sql(text);
}

static int start(void **state)
{
    (void)state;
    char conninfo[128];
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    assert_int_equal(ob_db_connect(conninfo, "test", &db, NULL), 0);
    assert_int_equal(ob_db_prepare(db, log_intake_stmts, NULL), 0);
    add_job(PLAIN, "");
    add_job(NAMED, "\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":"
                   "\"g\",\"awslogs-region\":\"s\",\"awslogs-stream-prefix\":\"p\"}}");
    add_job(SYSLOG, "\"logConfiguration\":{\"logDriver\":\"syslog\"}");
    sql("INSERT INTO placement VALUES ('" HERE "', '" PLAIN "', -1, 2), ('" HERE "', '" NAMED
        "', 4, 1), ('" HERE "', '" SYSLOG "', -1, 1)");
    sql("INSERT INTO attempt (job_id, idx, attempt, run, instance_id, cluster, reason,"
        " stopped_at_ms) VALUES ('" PLAIN "', -1, 1, 1, '" THERE "', 'c', 'r', 0)");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ob_db_free(db);
    own_server_stop(&server);
    return 0;
}

/* A reference to the run, when it is on that instance. */
static log_run *find(log_runs *runs, const char *text, const char *instance)
{
    ob_run_ref ref;
    log_run *run = NULL;
    ob_error err = { 0 };
    assert_true(ob_run_ref_parse(text, &ref));
    if (log_runs_find(runs, db, &ref, &instance, 1, &run, &err) < 0)
        fail_msg("%s", err.text);
    return run;
}

static void a_run_is_on_its_instance_and_names_its_stream(void **state)
{
    (void)state;
    static const struct {
        const char *run, *instance;
        const char *region, *group, *prefix; /* NULL: it is not there */
    } cases[] = {
        { PLAIN "/2", HERE, "r", "/aws/batch/job", "d/default/" },
        { PLAIN "/1", THERE, "r", "/aws/batch/job", "d/default/" }, /* it has ended */
        { NAMED ":4/1", HERE, "s", "g", "p/default/" },
        { PLAIN "/2", THERE, NULL, NULL, NULL },
        { PLAIN "/1", HERE, NULL, NULL, NULL },
        { PLAIN "/3", HERE, NULL, NULL, NULL },
        { PLAIN ":0/2", HERE, NULL, NULL, NULL },
        { NAMED "/1", HERE, NULL, NULL, NULL },
        { SYSLOG "/1", HERE, NULL, NULL, NULL },
        { "01900000-0000-7000-8000-000000000009/1", HERE, NULL, NULL, NULL },
    };
    if (!db)
        skip();
    log_runs *runs = log_runs_new();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        log_run *run = find(runs, cases[i].run, cases[i].instance);
        log_run *known = log_runs_get(runs, cases[i].run, cases[i].instance);
        assert_ptr_equal(run, known);
        if (!run != !cases[i].region)
            fail_msg("%s on %s", cases[i].run, cases[i].instance);
        if (run) {
            assert_string_equal(run->account, "1");
            assert_string_equal(run->region, cases[i].region);
            assert_string_equal(run->group, cases[i].group);
            assert_int_equal(strncmp(run->stream, cases[i].prefix, strlen(cases[i].prefix)), 0);
            assert_int_equal(strlen(run->stream), strlen(cases[i].prefix) + OB_TASK_TEXT - 1);
        }
        log_run_unref(run);
        log_run_unref(known);
    }
    log_runs_free(runs);
}

/* A chunk as it comes in: under that key, or, without one, in clear with that token. */
static void arrive(log_chunk **list, const char *instance, const char *salt, const char *token)
{
    json_t *msg = json_pack("{s:s, s:s*}", "instance", instance, "token", token);
    if (salt)
        (void)json_object_set_new(msg, "seal", json_pack("{s:s, s:i}", "salt", salt, "number", 1));
    log_chunk *c = log_chunk_new(msg, 100);
    DL_APPEND(*list, c);
}

static void chunks_count_under_the_key_of_their_instance(void **state)
{
    (void)state;
    static const char launched[] = "0000000000000000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                      again[] = "0000000000000000bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    char hash[OB_TOKEN_HASH_TEXT];
    log_chunk *list = NULL, *c;
    ob_error err = { 0 };
    if (!db)
        skip();
    ob_token_hash("former", hash);
    ob_cleanup(ob_freep) char *rows = ob_strf(
        "INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, vcpus, state, token_hash,"
        " key_salt) VALUES ('" HERE "', 1, 't', false, 1, 1, 1, 1, '', '%s'), ('" THERE
        "', 1, 't', false, 1, 1, 1, 1, '%s', NULL)",
        launched, hash);
    sql(rows);
    log_senders *senders = log_senders_new();
    for (int turn = 0; turn < 2; turn++) {
        arrive(&list, HERE, launched, NULL);
        arrive(&list, THERE, NULL, "former");
        arrive(&list, HERE, again, NULL);
        arrive(&list, HERE, NULL, "former");
        arrive(&list, THERE, NULL, "another");
        arrive(&list, THERE, launched, NULL);
        arrive(&list, "i-0000000000000000f", launched, "former");
        arrive(&list, "nonsense", launched, "former");
        if (log_senders_check(senders, db, list, &err) < 0)
            fail_msg("%s", err.text);
        int i = 0;
        DL_FOREACH(list, c)
        assert_int_equal(c->genuine, i++ < 2);
        log_chunks_free(&list);
    }
    /* It is launched again. */
    ob_cleanup(ob_freep) char *change =
        ob_strf("UPDATE instance SET key_salt = '%s' WHERE id = '" HERE "'", again);
    sql(change);
    arrive(&list, HERE, again, NULL);
    arrive(&list, HERE, launched, NULL);
    assert_int_equal(log_senders_check(senders, db, list, &err), 0);
    assert_true(list->genuine);
    log_chunks_free(&list);
    arrive(&list, HERE, launched, NULL);
    assert_int_equal(log_senders_check(senders, db, list, &err), 0);
    assert_false(list->genuine);
    log_chunks_free(&list);
    log_senders_free(senders);
}

static int64_t statements_run(void)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_error err = { 0 };
    if (ob_db_sql(db, "SELECT sum(generic_plans + custom_plans) FROM pg_prepared_statements", NULL,
                  &res, &err) < 0)
        fail_msg("%s", err.text);
    return ob_col_int(res, 0, 0, -1);
}

/* Whoever can write to the topic can name instances that do not exist, each time another one. */
static void names_of_nobody_are_looked_up_together(void **state)
{
    (void)state;
    enum { NAMES = 20000 };
    log_chunk *list = NULL, *c;
    ob_error err = { 0 };
    char name[OB_INSTANCE_TEXT];
    if (!db)
        skip();
    log_senders *senders = log_senders_new();
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "i-%017d", 100 + i);
        arrive(&list, name, NULL, "x");
    }
    int64_t before = statements_run();
    assert_int_equal(log_senders_check(senders, db, list, &err), 0);
    assert_int_equal(statements_run(), before + 1);
    DL_FOREACH(list, c)
    assert_false(c->genuine);
    log_chunks_free(&list);
    log_senders_free(senders);
}

static log_chunk *pending;
static int64_t limit; /* none */
static log_refused refused;

static log_chunk *
chunk(log_runs *runs, const char *run, int64_t offset, const char *text, size_t bytes)
{
    /* What it says of its stream means nothing. */
    log_chunk *c = log_chunk_new(json_pack("{s:s, s:s, s:s, s:I, s:[[i,s]]}", "account", "9",
                                           "group", "forged", "stream", "forged", "offset",
                                           (json_int_t)offset, "lines", 5, text),
                                 bytes);
    c->run = find(runs, run, HERE);
    assert_non_null(c->run);
    DL_APPEND(pending, c);
    return c;
}

static size_t store(void)
{
    ob_error err = { 0 };
    size_t n;
    log_chunk *c;
    if (log_batch_store(db, limit, &pending, &refused, &err) < 0)
        fail_msg("%s", err.text);
    DL_COUNT(pending, c, n);
    return n;
}

/* All lines of the stream of PLAIN's second run, whatever its chunks say. */
static char *lines(void)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_error err = { 0 };
    if (ob_db_sql(db,
                  "SELECT coalesce(string_agg(convert_from(message, 'UTF8'), '|' ORDER BY n), '')"
                  " FROM log_event WHERE stream_id IN (SELECT id FROM log_stream"
                  " WHERE account = '1' AND region = 'r' AND log_group = '/aws/batch/job'"
                  " AND starts_with(name, 'd/default/'))",
                  NULL, &res, &err) < 0)
        fail_msg("%s", err.text);
    return ob_strdup(ob_col(res, 0, 0));
}

static void assert_lines(const char *wanted)
{
    ob_cleanup(ob_freep) char *found = lines();
    assert_string_equal(found, wanted);
}

static void what_lies_absurdly_far_ahead_silences_nobody(void **state)
{
    (void)state;
    if (!db)
        skip();
    log_runs *runs = log_runs_new();
    chunk(runs, PLAIN "/2", 0, "one", 100);
    assert_int_equal(store(), 0);
    static const int64_t offsets[] = { 1000000000000000, INT64_MAX, -1, INT64_MIN };
    for (size_t i = 0; i < 4; i++) {
        chunk(runs, PLAIN "/2", offsets[i], "forged", 100);
        assert_int_equal(store(), 0);
        assert_int_equal(refused.far, 1);
    }
    chunk(runs, PLAIN "/2", 4, "two", 100);
    assert_int_equal(store(), 0);
    assert_int_equal(refused.far, 0);
    assert_lines("one|two");
    log_runs_free(runs);
}

static void what_waits_for_a_gap_is_bounded(void **state)
{
    (void)state;
    if (!db)
        skip();
    log_runs *runs = log_runs_new();
    for (int i = 0; i < 5; i++)
        chunk(runs, PLAIN "/2", 20 + 2 * i, "x", 1u << 20);
    chunk(runs, NAMED ":4/1", 7, "other", 100);
    assert_int_equal(store(), 6);
    assert_lines("one|two");
    log_patience *patience = log_patience_new(0);
    log_patience_after(patience, pending, 0);
    /* The oldest goes on; then the others are in their places. */
    assert_int_equal(store(), 1);
    assert_lines("one|two|[OpenBatch: 12 bytes of output were lost here]|x|x|x|x|x");
    log_patience_after(patience, pending, 0);
    assert_int_equal(store(), 1);
    log_patience_before(patience, pending, 600 * 1000);
    assert_int_equal(store(), 0);
    log_patience_free(patience);
    log_runs_free(runs);
}

/* ---- Without a database: who goes on ---- */

enum { KIB = 1024, MIB = 1024 * KIB };

static log_run made[64];

static void make_runs(void)
{
    memset(made, 0, sizeof(made));
    for (size_t i = 0; i < ARRAY_SIZE(made); i++)
        made[i].refs = 1;
}

/* A chunk of so many bytes, of that run, which is on that instance. */
static log_chunk *add_waiting(log_chunk **list, log_run *run, int instance, size_t bytes)
{
    log_chunk *c = log_chunk_new(json_object(), bytes - KIB); /* it counts so much more */
    (void)snprintf(run->instance, sizeof(run->instance), "i-%d", instance);
    run->refs++;
    c->run = run;
    DL_APPEND(*list, c);
    return c;
}

/* The chunks of the list, in order: + goes on, . waits. */
static char *going_on(log_chunk *list)
{
    size_t n = 0;
    log_chunk *c;
    DL_COUNT(list, c, n);
    char *text = ob_calloc(n + 1, 1);
    n = 0;
    DL_FOREACH(list, c)
    text[n++] = c->hurries ? '+' : '.';
    return text;
}

static void assert_going_on(log_chunk *list, const char *wanted)
{
    ob_cleanup(ob_freep) char *found = going_on(list);
    assert_string_equal(found, wanted);
}

static void who_holds_the_most_goes_on_first(void **state)
{
    (void)state;
    log_chunk *list = NULL;
    log_patience *p = log_patience_new(0);
    make_runs();
    (void)add_waiting(&list, &made[0], 0, 2 * MIB); /* the oldest */
    for (int i = 1; i <= 14; i++)
        (void)add_waiting(&list, &made[i], 1, 4 * MIB);
    (void)add_waiting(&list, &made[15], 2, 4 * MIB);
    (void)add_waiting(&list, &made[16], 2, 2 * MIB);
    log_patience_after(p, list, 0);
    assert_going_on(list, ".................");
    (void)add_waiting(&list, &made[17], 2, MIB); /* one byte would be too much */
    (void)add_waiting(&list, &made[18], 0, 4 * MIB);
    log_patience_after(p, list, 0);
    assert_going_on(list, ".++................");
    log_chunks_free(&list);
    /* All at once, if they hold the same. */
    for (int i = 0; i < 34; i++)
        (void)add_waiting(&list, &made[20 + i], i % 2, 2 * MIB);
    log_patience_after(p, list, 0);
    assert_going_on(list, "++................................");
    log_chunks_free(&list);
    log_patience_free(p);
}

static void many_small_chunks_are_much(void **state)
{
    (void)state;
    enum { RUNS = 20, EACH = 3500 };
    log_chunk *list = NULL;
    log_patience *p = log_patience_new(0);
    make_runs();
    for (int i = 0; i < RUNS * EACH; i++)
        (void)add_waiting(&list, &made[i % RUNS], 1, KIB + 1);
    log_patience_after(p, list, 0);
    ob_cleanup(ob_freep) char *on = going_on(list);
    size_t gone = strspn(on, "+");
    assert_null(strchr(on + gone, '+'));
    assert_int_equal(RUNS * EACH - gone, 64 * MIB / (KIB + 1));
    log_chunks_free(&list);
    log_patience_free(p);
}

static void who_has_waited_long_has_no_more_time_until_a_commit(void **state)
{
    (void)state;
    log_chunk *list = NULL;
    log_patience *p = log_patience_new(0);
    make_runs();
    (void)add_waiting(&list, &made[0], 1, 2 * KIB);
    log_patience_after(p, list, 1000);
    log_chunks_free(&list); /* its gap has closed */
    (void)add_waiting(&list, &made[1], 2, 2 * KIB);
    log_patience_after(p, list, 31000);
    (void)add_waiting(&list, &made[0], 1, 2 * KIB);
    log_patience_before(p, list, 39000);
    log_patience_after(p, list, 40000);
    log_patience_before(p, list, 54999);
    assert_going_on(list, "..");
    (void)add_waiting(&list, &made[2], 1, 2 * KIB); /* has just arrived */
    (void)add_waiting(&list, &made[3], 3, 2 * KIB);
    log_patience_before(p, list, 55000); /* 30 s and 15 s */
    assert_going_on(list, ".++.");
    log_chunks_free(&list);
    log_patience_committed(p, 60000);
    (void)add_waiting(&list, &made[0], 1, 2 * KIB);
    log_patience_after(p, list, 60000);
    log_patience_before(p, list, 100000);
    assert_going_on(list, ".");
    (void)add_waiting(&list, &made[3], 3, 2 * KIB);
    log_patience_before(p, list, 659999);
    assert_going_on(list, "+.");
    log_patience_before(p, list, 660000); /* ten minutes for nobody's commit */
    assert_going_on(list, "++");
    log_chunks_free(&list);
    log_patience_free(p);
}

/* One chunk with lines of these lengths and spans (0: none is said) at 'offset'; what the texts of
 * all events are afterwards, as lengths. */
static void append(const char *run, int64_t offset, const int (*lines)[2], size_t n)
{
    log_runs *runs = log_runs_new();
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        ob_cleanup(ob_freep) char *text = ob_calloc((size_t)lines[i][0] + 1, 1);
        memset(text, 'a' + (int)i, (size_t)lines[i][0]);
        (void)json_array_append_new(list, lines[i][1] ? json_pack("[i,s,n,i]", 5, text, lines[i][1])
                                                      : json_pack("[i,s]", 5, text));
    }
    log_chunk *c =
        log_chunk_new(json_pack("{s:I, s:o}", "offset", (json_int_t)offset, "lines", list), 100);
    c->run = find(runs, run, HERE);
    DL_APPEND(pending, c);
    assert_int_equal(store(), 0);
    log_runs_free(runs);
}

static void assert_lengths(const char *wanted)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    assert_int_equal(
        ob_db_sql(db,
                  "SELECT coalesce(string_agg(octet_length(message)::text, ' ' ORDER BY n), '')"
                  " FROM log_event WHERE stream_id = (SELECT id FROM log_stream"
                  " WHERE log_group = 'long')",
                  NULL, &res, NULL),
        0);
    assert_string_equal(ob_col(res, 0, 0), wanted);
}

/* An executor of a version before has sent a part, or some, of lines that the new one sends whole:
 * the rest of the line is stored, nothing twice and nothing not at all. */
static void a_stream_goes_on_after_an_upgrade(void **state)
{
    (void)state;
    enum { PART = 16384 };
    static const int old_parts[][2] = { { 3, 0 }, { PART, 0 }, { PART, 0 } };
    static const int whole[][2] = {
        { 3, 0 }, { 2 * PART + 100, 2 * (PART + 1) + 101 }, { PART, PART + 2 }, { 0, 0 }, { 5, 0 }
    };
    if (!db)
        skip();
    add_job("01900000-0000-7000-8000-000000000011",
            "\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":"
            "{\"awslogs-group\":\"long\"}}");
    sql("INSERT INTO placement VALUES ('" HERE "', '01900000-0000-7000-8000-000000000011', -1, 1)");
    for (int again = 0; again < 2; again++) {
        append("01900000-0000-7000-8000-000000000011/1", 0, old_parts, 3);
        assert_lengths(again ? "3 16384 16384 100 16384 0 5" : "3 16384 16384");
        append("01900000-0000-7000-8000-000000000011/1", 0, whole, 5);
        assert_lengths("3 16384 16384 100 16384 0 5");
    }
    /* And between the last part of a line and its end. */
    static const int part[][2] = { { PART, 0 } }, line[][2] = { { PART, PART + 2 }, { 1, 0 } };
    int64_t end = 4 + 2 * (PART + 1) + 101 + PART + 2 + 1 + 6;
    append("01900000-0000-7000-8000-000000000011/1", end, part, 1);
    append("01900000-0000-7000-8000-000000000011/1", end, line, 2);
    assert_lengths("3 16384 16384 100 16384 0 5 16384 1");
}

static void assert_limited(const char *wanted)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    assert_int_equal(
        ob_db_sql(db,
                  "SELECT coalesce(string_agg(convert_from(substr(message, 1, 90), 'UTF8'), '|'"
                  " ORDER BY n), '') FROM log_event WHERE stream_id IN (SELECT id FROM log_stream"
                  " WHERE log_group = 'limited')",
                  NULL, &res, NULL),
        0);
    assert_string_equal(ob_col(res, 0, 0), wanted);
}

/* Of a run that only its executor's word would end. */
static void what_is_past_the_limit_is_not_stored_whoever_sends_it(void **state)
{
    (void)state;
    static const char *const run = "01900000-0000-7000-8000-000000000012/1";
    static const char *const line =
        "[OpenBatch: the limit of 100 bytes of output is reached; what follows is not kept]";
    if (!db)
        skip();
    ob_cleanup(ob_freep) char *slack = ob_calloc(1200, 1);
    memset(slack, 'x', 1199);
    add_job("01900000-0000-7000-8000-000000000012",
            "\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":"
            "{\"awslogs-group\":\"limited\"}}");
    sql("INSERT INTO placement VALUES ('" HERE "', '01900000-0000-7000-8000-000000000012', -1, 1)");
    log_runs *runs = log_runs_new();
    limit = 100;
    chunk(runs, run, 0, "one", 100);
    chunk(runs, run, 4, line, 100); /* the executor's own may be behind it */
    int64_t at = 4 + (int64_t)strlen(line) + 1;
    slack[1124 - at - 1] = '\0';
    chunk(runs, run, at, slack, 100); /* it ends where the slack does */
    assert_int_equal(store(), 0);
    assert_int_equal(refused.past, 0);
    slack[90] = '\0';
    ob_cleanup(ob_freep) char *before = ob_strf("one|%s|%s", line, slack);
    assert_limited(before);
    ob_cleanup(ob_freep) char *after = ob_strf("%s|%s", before, line);
    for (int again = 0; again < 3; again++) {
        chunk(runs, run, 1124, "more", 100);
        chunk(runs, run, 1129, "and more", 100);
        chunk(runs, run, 5000, "behind a gap", 100);
        assert_int_equal(store(), 0); /* nothing waits */
        assert_int_equal(refused.past, 3);
        assert_limited(after);
    }
    limit = 0;
    log_runs_free(runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_on_its_instance_and_names_its_stream),
        cmocka_unit_test(chunks_count_under_the_key_of_their_instance),
        cmocka_unit_test(names_of_nobody_are_looked_up_together),
        cmocka_unit_test(what_lies_absurdly_far_ahead_silences_nobody),
        cmocka_unit_test(what_waits_for_a_gap_is_bounded),
        cmocka_unit_test(who_holds_the_most_goes_on_first),
        cmocka_unit_test(many_small_chunks_are_much),
        cmocka_unit_test(who_has_waited_long_has_no_more_time_until_a_commit),
        cmocka_unit_test(what_is_past_the_limit_is_not_stored_whoever_sends_it),
        cmocka_unit_test(a_stream_goes_on_after_an_upgrade),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
