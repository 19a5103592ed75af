/* The simulated PostgreSQL does what the real one does: random statements with random parameters,
 * in and outside of transactions and pipelines, on several connections to both; results, errors and
 * tables are the same. Every statement of the product takes part. OPENBATCH_TEST_SEED=n repeats one
 * history. */
#include "unit.h"

#include <time.h>

#include "compare.h"
#include "migrated.h"
#include "ob/clock.h"
#include "sim_pg.h"

#define HISTORIES 12
#define STEPS 800
#define HISTORIES_MAX 60 /* until each statement has found rows */
#define PIPELINE_STATEMENTS 6

static own_server server;
static char conninfo[128];
static ob_db *api; /* the real one's */

static declared intake[16]; /* what the api stores output with */

static struct {
    pair pair;
    bool in_transaction;
} connections[] = {
    { .pair = { "scheduler", scheduler_declarations } },
    { .pair = { "scheduler", scheduler_declarations } },
    { .pair = { "scaler", scaler_declarations } },
    { .pair = { "api", intake } }, /* only one: a number for a row is not given back */
};

/* How often statements found something to do. */
static struct {
    const char *service, *name;
    size_t n;
} effects[256];
static size_t n_effects;

/* ---- The simulated server's world: its time is the real one's ---- */

static int64_t now_us(void *arg)
{
    (void)arg;
    static int64_t last;
    int64_t us = ob_wall_ms() * 1000;
    last = us > last ? us : last + 1; /* two statements are never at the same time */
    return last;
}

static int process(void *arg)
{
    (void)arg;
    return 1;
}

static void wait_us(int64_t us, void *arg)
{
    (void)us, (void)arg;
}

/* ---- Histories ---- */

static void count_effect(const char *service, const char *name)
{
    for (size_t i = 0; i < n_effects; i++)
        if (!strcmp(effects[i].service, service) && !strcmp(effects[i].name, name)) {
            effects[i].n++;
            return;
        }
    assert_true(n_effects < ARRAY_SIZE(effects));
    effects[n_effects].service = service;
    effects[n_effects].name = name;
    effects[n_effects++].n = 1;
}

static void empty_real(void)
{
    ob_error err = { 0 };
    if (real_side.sql(
            api,
            "TRUNCATE job, job_queue, compute_environment, scheduling_policy, inbox, live,"
            " done, attempt, placement, job_event, class_reason, share_usage, instance,"
            " queue_snapshot, queue_status, queue_usage, ce_usage, ce_status, answer, join_token,"
            " submit_once, stop_request, stop_progress,"
            " log_group, log_stream, log_event,"
            " job_definition RESTART IDENTITY CASCADE;"
            "UPDATE leader SET epoch = 0, round = 0, holder = '', counted_round = 0,"
            " counted_since = 0;"
            "UPDATE publisher SET epoch = 0, round = 0, n = 0, topic_end = 0;"
            "INSERT INTO job_definition (account, region, name, revision, body,"
            " created_at_ms) VALUES ('a', 'a', 'd', 1, '{}', 0)",
            NULL, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static void open_all(void)
{
    static const sim_pg_hooks hooks = { .now_us = now_us, .process = process, .wait = wait_us };
    empty_real();
    compare_forget();
    sim_pg_open(&hooks);
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
        pair *p = &connections[i].pair;
        pair_open(p, conninfo);
        /* Nobody gives way here: whoever must wait is refused. */
        assert_true(pair_exec(p, NULL, "SET lock_timeout = '20ms'", NULL) >= 0);
        connections[i].in_transaction = false;
    }
}

static int close_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
        pair_close(&connections[i].pair);
    sim_pg_close();
    return 0;
}

static const declared *pick_statement(const pair *p)
{
    size_t own = 0, shared = 0;
    while (p->declarations[own].name)
        own++;
    while (shared_declarations[shared].name)
        shared++;
    for (;;) {
        size_t i = pick(own + shared);
        const declared *d = i < own ? &p->declarations[i] : &shared_declarations[i - own];
        /* What depends on time has a test of its own. */
        if (strcmp(d->table, "none") != 0 && strcmp(d->name, "leader_end_stalled") != 0)
            return d;
    }
}

static void one_statement(pair *p)
{
    ob_cleanup(ob_params_done) ob_params params = { 0 };
    const declared *d = pick_statement(p);
    pick_params(d, &params);
    if (pair_exec(p, d, NULL, &params) > 0)
        count_effect(p->service, d->name);
}

static void one_pipeline(pair *p)
{
    const declared *stmts[PIPELINE_STATEMENTS];
    ob_params params[PIPELINE_STATEMENTS] = { 0 };
    size_t n = pick(PIPELINE_STATEMENTS + 1);
    for (size_t i = 0; i < n; i++) {
        stmts[i] = i == 0 && pick(4) ? declared_find(shared_declarations, "leader_fence")
                                     : pick_statement(p);
        pick_params(stmts[i], &params[i]);
    }
    (void)pair_pipeline(p, stmts, params, n, pick(10) > 0);
    for (size_t i = 0; i < n; i++)
        ob_params_done(&params[i]);
}

static void begin_or_end(size_t at)
{
    bool begins = !connections[at].in_transaction;
    (void)pair_exec(&connections[at].pair, NULL,
                    begins    ? "BEGIN"
                    : pick(3) ? "COMMIT"
                              : "ROLLBACK",
                    NULL);
    connections[at].in_transaction = begins;
}

static void one_step(void)
{
    size_t at = pick(ARRAY_SIZE(connections)), what = pick(10);
    if (what < 2)
        clients_request(api);
    else if (what < 3)
        begin_or_end(at);
    else if (what < 5 && !connections[at].in_transaction)
        one_pipeline(&connections[at].pair);
    else
        one_statement(&connections[at].pair);
}

static void history(uint64_t seed)
{
    pick_seed(seed);
    open_all();
    for (int i = 0; i < STEPS; i++) {
        one_step();
        if (i % 20 == 0)
            compare_tables(api);
    }
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
        if (connections[i].in_transaction)
            begin_or_end(i);
    compare_tables(api);
    (void)close_all(NULL);
}

static size_t effects_of(const char *service, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < n_effects; i++)
        if ((!service || !strcmp(effects[i].service, service)) && !strcmp(effects[i].name, name))
            n += effects[i].n;
    return n;
}

/* Whose random parameters hardly ever fit: they have a test of their own. */
static bool is_rare(const char *name)
{
    return !strcmp(name, "leader_end_stalled") || !strcmp(name, "reason_delete") ||
           !strcmp(name, "instance_join") || !strcmp(name, "instances_overdue") ||
           !strcmp(name, "log_runs") || !strcmp(name, "log_open") || !strcmp(name, "ended_page");
}

/* A statement that was never compared with rows, or NULL. */
static const char *without_effects(const char *service, const declared *of)
{
    for (; of->name; of++)
        if (strcmp(of->table, "none") != 0 && !is_rare(of->name) &&
            effects_of(service, of->name) == 0)
            return of->name;
    return NULL;
}

static const char *never_compared(void)
{
    const char *name = without_effects("scheduler", scheduler_declarations);
    if (!name)
        name = without_effects("scaler", scaler_declarations);
    if (!name)
        name = without_effects("api", intake);
    return name ? name : without_effects(NULL, shared_declarations);
}

static void random_statements_have_the_same_results(void **state)
{
    (void)state;
    const char *one = getenv("OPENBATCH_TEST_SEED");
    if (!api)
        skip();
    if (one) {
        history(strtoull(one, NULL, 10));
        return;
    }
    uint64_t seed = 1;
    for (; seed <= HISTORIES || (seed <= HISTORIES_MAX && never_compared()); seed++) {
        (void)printf("seed %d\n", (int)seed);
        history(seed);
    }
    if (never_compared())
        fail_msg("%s was never compared with rows", never_compared());
}

/* ---- What random parameters hardly ever fit ---- */

static void add_reason(ob_params *p, bool whole)
{
    ob_param_int64_array(p, &(int64_t){ 1 }, 1);
    for (int i = 0; i < 3; i++)
        ob_param_int32_array(p, &(int32_t){ i }, 1);
    ob_param_text_array(p, &(const char *){ "share" }, 1);
    ob_param_int32_array(p, &(int32_t){ 5 }, 1);
    if (!whole)
        return;
    ob_param_text_array(p, &(const char *){ "reason" }, 1);
    ob_param_int64_array(p, &(int64_t){ 7 }, 1);
}

static void a_reason_is_deleted_by_its_key(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    pair *p = &connections[0].pair;
    ob_cleanup(ob_params_done) ob_params put = { 0 };
    ob_cleanup(ob_params_done) ob_params key = { 0 };
    add_reason(&put, true);
    add_reason(&key, false);
    const declared *d = declared_find(scheduler_declarations, "reason_put");
    assert_int_equal(pair_exec(p, d, NULL, &put), 1);
    compare_tables(api);
    d = declared_find(scheduler_declarations, "reason_delete");
    assert_int_equal(pair_exec(p, d, NULL, &key), 1);
    compare_tables(api);
}

/* Two jobs of a queue: they have ended in the same state. */
static void end_on_both(void)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    static const int32_t none[2] = { 0 }, whole[] = { -1, -1 };
    static const int32_t states[] = { OB_JOB_FAILED, OB_JOB_FAILED };
    static const int64_t queues[] = { 1, 1 }, times[] = { 5, 6 };
    static const char *const texts[] = { NULL, "" }, *counts[] = { NULL, "{0,0,0,0,0,1,1}" };
    ob_uuid ids[2];
    for (int i = 0; i < 2; i++)
        memset(ids[i].b, i + 1, sizeof(ids[i].b));
    ob_param_uuid_array(&p, ids, 2);
    ob_param_int32_array(&p, whole, 2);
    ob_param_int64_array(&p, queues, 2);
    ob_param_int32_array(&p, states, 2);
    ob_param_text_array(&p, texts, 2);
    ob_param_int64_array(&p, times, 2);
    ob_param_int64_array(&p, times, 2);
    ob_param_int32_array(&p, none, 2);
    ob_param_int32_array(&p, states, 2);
    ob_param_text_array(&p, texts, 2);
    ob_param_text_array(&p, counts, 2);
    const declared *d = declared_find(scheduler_declarations, "done_insert");
    assert_int_equal(pair_exec(&connections[0].pair, d, NULL, &p), 2);
}

static void jobs_that_have_ended_come_in_pages(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    end_on_both();
    const declared *d = declared_find(scheduler_declarations, "ended_page");
    for (int after = 0; after < 3; after++)
        for (int queue = 1; queue <= 2; queue++)
            for (int ends = OB_JOB_SUCCEEDED; ends <= OB_JOB_FAILED; ends++) {
                ob_cleanup(ob_params_done) ob_params p = { 0 };
                ob_uuid id;
                memset(id.b, after, sizeof(id.b));
                ob_param_int(&p, queue);
                ob_param_int(&p, ends);
                ob_param_uuid(&p, &id);
                ob_param_int(&p, 5);
                assert_int_equal(pair_exec(&connections[0].pair, d, NULL, &p),
                                 queue == 1 && ends == OB_JOB_FAILED ? 2 - after : 0);
            }
}

/* Instance i-1, of an environment with a join token. */
static void join_on_both(void)
{
    assert_int_equal(real_side.sql(api,
                                   "INSERT INTO compute_environment (account, region, name, uuid,"
                                   " type, enabled, resource_type, min_vcpus, max_vcpus, body)"
                                   " VALUES ('a', 'a', 'c', gen_random_uuid(), 'UNMANAGED', true,"
                                   " 'EC2', 0, 0, '');"
                                   "INSERT INTO join_token (hash, ce_id) VALUES ('hash', 1)",
                                   NULL, NULL, NULL),
                     0);
    pg_compute_environment c = { .account = "a",
                                 .region = "a",
                                 .name = "c",
                                 .uuid = ob_uuid_new(),
                                 .type = "UNMANAGED",
                                 .resource_type = "EC2",
                                 .body = "",
                                 .enabled = true };
    assert_int_equal(sim_pg_put_environment(&c), 1);
    assert_int_equal(sim_pg_join_token(1, "hash"), 0);
    ob_cleanup(ob_params_done) ob_params joins = { 0 };
    ob_param_text(&joins, "i-1");
    ob_param_text(&joins, "unmanaged");
    for (int i = 0; i < 3; i++)
        ob_param_int(&joins, i);
    ob_param_text(&joins, "secret");
    ob_param_text(&joins, "hash");
    ob_param_text(&joins, "c");
    const declared *d = declared_find(scaler_declarations, "instance_join");
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &joins), 1);
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &joins), 0);
}

static void a_host_joins_with_a_token(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    join_on_both();
}

static void add_run(ob_params *p, int32_t index)
{
    ob_uuid id;
    memset(id.b, 1, sizeof(id.b));
    ob_param_uuid_array(p, &id, 1);
    ob_param_int32_array(p, &index, 1);
    ob_param_int32_array(p, &(int32_t){ 3 }, 1);
    ob_param_text_array(p, &(const char *){ "i-1" }, 1);
}

#define DETAIL "{\"container\":{\"logConfiguration\":{\"logDriver\":\"awslogs\"}}}"

static void submit_on_both(void)
{
    assert_int_equal(real_side.sql(api,
                                   "INSERT INTO job (id, account, region, queue_id, definition,"
                                   " name, mcpu, mem_mib, created_at_ms, detail) VALUES"
                                   " ('01010101-0101-0101-0101-010101010101', 'a', 'a', 1, 'd',"
                                   " '', 0, 0, 0, '" DETAIL "')",
                                   NULL, NULL, NULL),
                     0);
    const pg_job_queue q = {
        .account = "a", .region = "a", .name = "q", .enabled = true, .ce_ids = "{}", .body = ""
    };
    assert_int_equal(sim_pg_put_queue(&q), 1);
    pg_job j = { .account = "a",
                 .region = "a",
                 .queue_id = 1,
                 .definition = "d",
                 .name = "",
                 .detail = DETAIL };
    memset(j.id.b, 1, sizeof(j.id.b));
    assert_int_equal(sim_pg_submit(&j, NULL, 1, NULL), 0);
}

static void place_on_both(void)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_uuid id;
    memset(id.b, 1, sizeof(id.b));
    ob_param_text_array(&p, &(const char *){ "i-1" }, 1);
    ob_param_uuid_array(&p, &id, 1);
    ob_param_int32_array(&p, &(int32_t){ 0 }, 1);
    ob_param_int32_array(&p, &(int32_t){ 3 }, 1);
    ob_param_int64_array(&p, &(int64_t){ 1000 }, 1);
    const declared *d = declared_find(scheduler_declarations, "placement_insert");
    assert_int_equal(pair_exec(&connections[0].pair, d, NULL, &p), 1);
}

static void output_is_of_a_run_that_is_on_its_instance(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    submit_on_both();
    place_on_both();
    for (int32_t index = 0; index < 2; index++) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        add_run(&p, index);
        assert_int_equal(
            pair_exec(&connections[3].pair, declared_find(intake, "log_runs"), NULL, &p),
            index == 0);
    }
}

static void add_stream(ob_params *p, const char *name)
{
    static const char *const account = "1", *const region = "r", *const group = "g";
    ob_param_text_array(p, &account, 1);
    ob_param_text_array(p, &region, 1);
    ob_param_text_array(p, &group, 1);
    ob_param_text_array(p, &name, 1);
}

static void a_log_stream_is_found_by_its_name(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    ob_cleanup(ob_params_done) ob_params made = { 0 }, own = { 0 }, other = { 0 };
    static const char *const job = "01900000-0000-7000-8000-000000000001";
    add_stream(&made, "s");
    ob_param_text_array(&made, &job, 1);
    ob_param_int32_array(&made, &(int32_t){ -1 }, 1);
    ob_param_int(&made, 1000);
    add_stream(&own, "s");
    add_stream(&other, "other");
    const declared *make = declared_find(intake, "log_make_streams");
    const declared *find = declared_find(intake, "log_open");
    assert_int_equal(pair_exec(&connections[3].pair, make, NULL, &made), 1);
    assert_int_equal(pair_exec(&connections[3].pair, make, NULL, &made), 0);
    assert_int_equal(pair_exec(&connections[3].pair, find, NULL, &own), 1);
    assert_int_equal(pair_exec(&connections[3].pair, find, NULL, &other), 0);
}

static void drain_on_both(void)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, &(const char *){ "i-1" }, 1);
    ob_param_int(&p, OB_INSTANCE_DRAINING);
    ob_param_text(&p, "the end");
    ob_param_int(&p, 1 << OB_INSTANCE_LAUNCHING);
    ob_param_int(&p, 0); /* its deadline is now */
    const declared *d = declared_find(scaler_declarations, "instance_advance");
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &p), 1);
}

static void an_instance_with_a_run_is_overdue(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    join_on_both();
    submit_on_both();
    place_on_both();
    drain_on_both();
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, &(const char *){ "i-1" }, 1);
    const declared *d = declared_find(scaler_declarations, "instances_overdue");
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &p), 1);
}

/* ---- Sessions ---- */

static void exec_int(pair *p, const char *stmt, int64_t value)
{
    ob_cleanup(ob_params_done) ob_params params = { 0 };
    ob_param_int(&params, value);
    (void)pair_exec(p, declared_find(shared_declarations, stmt), NULL, &params);
}

static void pause_ms(int64_t ms)
{
    (void)nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void sessions_end_in_the_same_way(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    pair *holder = &connections[0].pair, *rival = &connections[1].pair;
    assert_true(pair_exec(holder, NULL, "SET idle_session_timeout = '2s'", NULL) >= 0);
    exec_int(holder, "leader_lock", OB_ROLE_SCHEDULER);
    exec_int(rival, "leader_lock", OB_ROLE_SCHEDULER);
    exec_int(rival, "leader_end_stalled", OB_ROLE_SCHEDULER); /* too early */
    pause_ms(1200);
    exec_int(rival, "leader_end_stalled", OB_ROLE_SCHEDULER);
    pause_ms(100); /* the backend needs a moment to end */
    exec_int(rival, "leader_lock", OB_ROLE_SCHEDULER);
    assert_int_equal(pair_exec(holder, NULL, "SELECT 1", NULL), -1);
    assert_false(real_side.ok(holder->real));
    assert_false(sim_side.ok(holder->sim));

    assert_true(pair_exec(rival, NULL, "SET idle_session_timeout = '500ms'", NULL) >= 0);
    assert_int_equal(sim_pg_leader(OB_ROLE_SCHEDULER), 1);
    pause_ms(800);
    assert_int_equal(sim_pg_leader(OB_ROLE_SCHEDULER), -1);
    exec_int(&connections[2].pair, "leader_lock", OB_ROLE_SCHEDULER);
    assert_int_equal(pair_exec(rival, NULL, "SELECT 1", NULL), -1);
}

static void transactions_that_are_idle_end_in_the_same_way(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    pair *p = &connections[0].pair;
    assert_true(pair_exec(p, NULL, "SET idle_in_transaction_session_timeout = '300ms'", NULL) >= 0);
    assert_true(pair_exec(p, NULL, "BEGIN", NULL) >= 0);
    exec_int(p, "leader_lock", OB_ROLE_SCHEDULER);
    pause_ms(600);
    assert_int_equal(pair_exec(p, NULL, "SELECT 1", NULL), -1);
}

static void texts_without_a_name_have_the_same_results(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "INSERT INTO schema_migration VALUES (%d)", OB_SCHEMA_VERSION);
    assert_int_equal(real_side.sql(api, sql, NULL, NULL, NULL), 0);
    int n = 0;
    for (const declared *d = shared_declarations; d->name; d++)
        if (strcmp(d->table, "none") == 0 && ++n)
            assert_true(pair_exec(&connections[0].pair, NULL, d->sql, NULL) >= 0);
    assert_int_equal(n, 3);
}

static int start(void **state)
{
    (void)state;
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    assert_int_equal(real_side.connect(conninfo, "openbatch-api", &api, NULL), 0);
    clients_prepare(api);
    size_t n = 0;
    for (const declared *d = api_declarations; d->name; d++)
        if (strcmp(d->table, "log_intake") == 0 && n + 1 < ARRAY_SIZE(intake))
            intake[n++] = *d;
    return 0;
}

static int end(void **state)
{
    (void)state;
    real_side.free(api);
    own_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(random_statements_have_the_same_results, close_all),
        cmocka_unit_test_teardown(a_reason_is_deleted_by_its_key, close_all),
        cmocka_unit_test_teardown(jobs_that_have_ended_come_in_pages, close_all),
        cmocka_unit_test_teardown(a_host_joins_with_a_token, close_all),
        cmocka_unit_test_teardown(output_is_of_a_run_that_is_on_its_instance, close_all),
        cmocka_unit_test_teardown(a_log_stream_is_found_by_its_name, close_all),
        cmocka_unit_test_teardown(an_instance_with_a_run_is_overdue, close_all),
        cmocka_unit_test_teardown(sessions_end_in_the_same_way, close_all),
        cmocka_unit_test_teardown(transactions_that_are_idle_end_in_the_same_way, close_all),
        cmocka_unit_test_teardown(texts_without_a_name_have_the_same_results, close_all),
    };
    return cmocka_run_group_tests(tests, start, end);
}
