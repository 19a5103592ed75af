/* See pairs.h. */
#include "pairs.h"

#include "ob/clock.h"

static own_server server;
static char conninfo[128];
ob_db *api;

declared intake[16];

struct connection connections[CONNECTIONS] = {
    { .pair = { "scheduler", scheduler_declarations } },
    { .pair = { "scheduler", scheduler_declarations } },
    { .pair = { "scaler", scaler_declarations } },
    { .pair = { "api", intake } }, /* only one: a number for a row is not given back */
};

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

static void empty_real(void)
{
    ob_error err = { 0 };
    if (real_side.sql(
            api,
            "TRUNCATE job, job_queue, compute_environment, scheduling_policy, inbox, live, pod,"
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

void open_all(void)
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

int close_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
        pair_close(&connections[i].pair);
    sim_pg_close();
    return 0;
}

int start(void **state)
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

int end(void **state)
{
    (void)state;
    real_side.free(api);
    own_server_stop(&server);
    return 0;
}
