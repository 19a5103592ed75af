/* Rounds with a PostgreSQL of its own, without Kafka: what is kept of a round whose transaction is
 * refused, and what a leader takes over from the one before. */
#include "unit.h"

#include "health_figures.h"
#include "migrated.h"
#include "ob/bus.h"
#include "ob/clock.h"
#include "ob/error.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/service.h"
#include "peers.h"
#include "publisher.h"
#include "recover.h"
#include "report_messages.h"
#include "round.h"
#include "scheduler_store.h"
#include "topology.h"

#define ROUNDS 40

static own_server server;
static char conninfo[128];
static scheduler s;
static int n_jobs, n_instances;

/* ---- In place of the bus and of the publisher ---- */

int ob_bus_send_clear(ob_bus *bus,
                      ob_point point,
                      const char *topic,
                      int32_t partition,
                      const char *key,
                      size_t key_len,
                      const char *data,
                      size_t len,
                      void *ref,
                      ob_error *err)
{
    (void)bus, (void)point, (void)topic, (void)partition, (void)key, (void)key_len, (void)data,
        (void)len;
    (void)ref, (void)err;
    return 0;
}

int ob_bus_partitions(ob_bus *bus, const char *topic, int timeout_ms, int32_t *ret, ob_error *err)
{
    (void)bus, (void)topic, (void)timeout_ms, (void)err;
    *ret = 1;
    return 0;
}

int ob_bus_is_up(const ob_bus *bus)
{
    (void)bus;
    return 1;
}

void publisher_kick(publisher *p)
{
    (void)p;
}

static int64_t stuck_ms; /* the publisher's */

int64_t publisher_stuck_ms(publisher *p)
{
    (void)p;
    return stuck_ms;
}

uint64_t publisher_count(publisher *p)
{
    (void)p;
    return 7;
}

uint64_t publisher_skipped(publisher *p)
{
    (void)p;
    return 3;
}

/* ---- Its tables ---- */

__attribute__((format(printf, 1, 2))) static void sql(const char *fmt, ...)
{
    char text[1024];
    ob_error err = { 0 };
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (ob_db_sql(s.db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static int64_t count(const char *query)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_error err = { 0 };
    if (ob_db_sql(s.db, query, NULL, &res, &err) < 0)
        fail_msg("%s: %s", err.text, query);
    return ob_col_int(res, 0, 0, -1);
}

static ob_uuid job_id(int n)
{
    char text[OB_UUID_TEXT];
    ob_uuid id;
    (void)snprintf(text, sizeof(text), "01900000-0000-7000-8000-%012d", n);
    assert_true(ob_uuid_parse(text, strlen(text), &id));
    return id;
}

/* An accepted job of 1 vCPU; its doorbell has been heard. */
static ob_uuid submit(void)
{
    int n = ++n_jobs;
    sql("INSERT INTO job (account, region, id, queue_id, definition, name, array_size, mcpu, "
        "mem_mib,"
        " created_at_ms, detail) VALUES ('1', 'r', '01900000-0000-7000-8000-%012d', 1, 'd', 'n', "
        "0, 1000,"
        " 100, 1000, '{}'); INSERT INTO inbox (consumer, kind, job_id)"
        " VALUES (1, 1, '01900000-0000-7000-8000-%012d')",
        n, n);
    s.inbox.rung = true;
    return job_id(n);
}

/* An ACTIVE one of 4 vCPUs that the scheduler has been told of. */
static int add_instance(void)
{
    char id[24];
    (void)snprintf(id, sizeof(id), "i-%d", ++n_instances);
    sql("INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, vcpus, state, token_hash)"
        " VALUES ('%s', 1, 'm5.xlarge', false, 4000, 4000, 4, 1, '')",
        id);
    topology_instance_changed(s.topology, id);
    return n_instances;
}

/* As the leader's loop: on while there is something to do, and once more after a failure. */
static void turn(void)
{
    ob_error err = { 0 };
    int r, failures = 0;
    do {
        r = round_turn(&s, &err);
        if (r < 0 && (failures++ > 0 || round_again(&s, &err) < 0))
            fail_msg("%s", err.text);
    } while (r < 0 || engine_dirty(s.engine));
}

/* A new epoch: all is loaded. */
static void lead(void)
{
    ob_error err = { 0 };
    if (ob_leader_try(s.leader, &err) != 1)
        fail_msg("%s", err.text);
    s.db = ob_leader_db(s.leader);
    s.epoch = ob_leader_epoch(s.leader);
    sql("SET idle_session_timeout = 0"); /* nobody keeps it alive here */
    if (recover_load(&s, &err) < 0)
        fail_msg("%s", err.text);
}

static int start(void **state)
{
    (void)state;
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    s.leader = ob_leader_new(conninfo, "scheduler", scheduler_stmts);
    s.peers = peers_new();
    s.topology = topology_new();
    s.reports = json_array();
    s.partitions = 1;
    lead();
    sql("INSERT INTO compute_environment (account, region, name, uuid, type, enabled, "
        "resource_type,"
        " min_vcpus, max_vcpus, body) VALUES ('1', 'r', 'ce', gen_random_uuid(), 'MANAGED', true,"
        " 'EC2', 0, 1000, '{}');"
        "INSERT INTO ce_status (ce_id, version, valid, reason, shapes)"
        " VALUES (1, 1, true, '', '[[4000, 4000, 0]]');"
        "INSERT INTO job_queue (account, region, name, enabled, priority, ce_ids, body)"
        " VALUES ('1', 'r', 'q', true, 1, '{1}', '{}')");
    topology_queue_changed(s.topology, 1);
    turn();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!server.pid)
        return 0;
    ob_leader_free(s.leader);
    engine_free(s.engine);
    engine_effects_done(&s.effects);
    peers_free(s.peers);
    topology_free(s.topology);
    json_decref(s.reports);
    free(s.inbox.seqs);
    own_server_stop(&server);
    return 0;
}

#define PLACED_WRONG                                                                               \
    "SELECT count(*) FROM placement p JOIN instance i ON i.id = p.instance_id WHERE i.state <> 1"

/* ---- Tests ---- */

/* Each time an instance has just begun to drain when the round that places on it is committed. */
static void instances_that_drain_within_rounds_make_nobody_load(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    uint64_t reloads = s.reloads, withdrawn = s.withdrawn;
    for (int i = 0; i < ROUNDS; i++) {
        int drains = add_instance();
        turn();
        for (int n = 0; n < 3; n++)
            (void)submit();
        sql("UPDATE instance SET state = %d WHERE id = 'i-%d'", i % 5 == 0 ? 3 : 2, drains);
        turn();
        assert_int_equal(count(PLACED_WRONG), 0);
        (void)add_instance();
        turn();
        assert_int_equal(count("SELECT count(*) FROM live WHERE state <> 3"), 0);
    }
    assert_int_equal(s.reloads, reloads);
    assert_true(s.withdrawn - withdrawn >= ROUNDS / 2);
    assert_int_equal(count("SELECT count(*) FROM placement"), 3 * ROUNDS);
    assert_int_equal(count("SELECT count(*) FROM job_event WHERE state = 3"), 3 * ROUNDS);
    assert_int_equal(count("SELECT max(run) FROM live"), 1);
}

static void report(ob_uuid job, const char *instance, engine_run_state state)
{
    engine_run_report r = { .run = { .id = job, .index = -1, .run = 1 },
                            .state = state,
                            .started_at_ms = 2000,
                            .stopped_at_ms = state == RUN_EXITED ? 3000 : 0,
                            .started = true,
                            .has_exit_code = true };
    engine_report(s.engine, instance, &r);
}

static const char *instance_of(ob_uuid job)
{
    static char id[64];
    char text[OB_UUID_TEXT], query[200];
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_uuid_format(&job, text);
    (void)snprintf(query, sizeof(query), "SELECT instance_id FROM placement WHERE job_id = '%s'",
                   text);
    assert_int_equal(ob_db_sql(s.db, query, NULL, &res, NULL), 0);
    (void)snprintf(id, sizeof(id), "%s", ob_col(res, 0, 0));
    return id;
}

/* As if the clock of the leader before had been an hour ahead. */
static void what_the_leader_before_has_shown_is_not_undercut(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    report(id, instance_of(id), RUN_RUNNING);
    turn();
    assert_true(count("SELECT told_at_ms FROM live WHERE state = 4") > 0);
    sql("UPDATE live SET told_at_ms = told_at_ms + 3600000 WHERE state = 4");
    int64_t told = count("SELECT told_at_ms FROM live WHERE state = 4");
    char where[64];
    (void)snprintf(where, sizeof(where), "%s", instance_of(id));
    ob_leader_drop(s.leader);
    lead();
    report(id, where, RUN_EXITED);
    turn();
    assert_int_equal(count("SELECT count(*) FROM done WHERE state = 5"), 1);
    assert_int_equal(count("SELECT at_ms FROM job_event WHERE state = 5"), told);
}

/* Rows of events and of attempts that publishing takes for each other (event_has_attempts). */
#define FIRST_ENDS                                                                                 \
    "SELECT count(*) FROM job_event e JOIN attempt a ON a.job_id = e.job_id AND a.idx = e.idx_lo"  \
    " WHERE e.state IN (5, 6) AND e.attempt = 1 AND e.run = 1 AND e.instance_id IS NOT NULL"
#define DIFFERENT                                                                                  \
    FIRST_ENDS                                                                                     \
    " AND (a.attempt, a.run, a.instance_id, a.cluster, a.exit_code, a.container_reason,"           \
    " a.reason, a.started_at_ms, a.stopped_at_ms) IS DISTINCT FROM (e.attempt, e.run,"             \
    " e.instance_id, e.cluster, e.exit_code, e.container_reason,"                                  \
    " coalesce(e.reason, ''), e.started_at_ms, e.stopped_at_ms)"

static void the_event_of_a_first_run_s_end_says_all_of_its_attempt(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid ended = submit(), unstarted = submit(), stopped = submit();
    turn();
    int64_t before = count(FIRST_ENDS);
    report(ended, instance_of(ended), RUN_EXITED);
    engine_run_report r = { .run = { .id = unstarted, .index = -1, .run = 1 },
                            .state = RUN_EXITED,
                            .reason = "CannotPullContainerError: \"so\"" };
    engine_report(s.engine, instance_of(unstarted), &r);
    engine_stop(s.engine, &(ob_job_ref){ .id = stopped, .index = -1 }, true, "stopped");
    turn();
    report(stopped, instance_of(stopped), RUN_RUNNING);
    turn();
    report(stopped, instance_of(stopped), RUN_EXITED);
    turn();
    assert_int_equal(count(FIRST_ENDS), before + 3);
    assert_int_equal(count(DIFFERENT), 0);
}

static void memory_that_differs_from_the_tables_is_loaded_anew(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    uint64_t reloads = s.reloads;
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    sql("DELETE FROM placement WHERE job_id = (SELECT max(job_id::text)::uuid FROM placement)");
    sql("DELETE FROM live WHERE job_id NOT IN (SELECT job_id FROM placement)");
    engine_stop(s.engine, &(ob_job_ref){ .id = id, .index = -1 }, true, "seen");
    turn();
    assert_int_equal(s.reloads, reloads + 1);
}

/* What the scheduler says of a thing it depends on. */
static json_t *said_of(const char *name)
{
    health_post(&s);
    json_auto_t *all = ob_health_object();
    return json_incref(json_object_get(json_object_get(all, "depends"), name));
}

static int64_t figure(const char *name)
{
    json_auto_t *all = ob_health_object();
    return ob_json_int(json_object_get(all, "info"), name, -1);
}

static void assert_said(const char *name, bool ok, bool required, const char *text)
{
    json_auto_t *said = said_of(name);
    assert_int_equal(ob_json_bool(said, "ok", !ok), ok);
    assert_int_equal(ob_json_bool(said, "required", !required), required);
    if (!strstr(ob_json_str(said, "text", ""), text))
        fail_msg("%s: '%s' is not '%s'", name, ob_json_str(said, "text", ""), text);
}

static void health_names_what_is_unwell_and_counts_what_went_wrong(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    char id[24];
    (void)snprintf(id, sizeof(id), "i-%d", add_instance());
    turn();
    assert_said("instances", true, false, "");
    engine_unwell(s.engine, id, "containerd is away");
    assert_said("instances", false, false, "1 unwell: the container engine of ");
    assert_said("instances", false, false, id);
    assert_said("instances", false, false, "containerd is away");
    assert_int_equal(figure("instancesUnwell"), 1);
    engine_unwell(s.engine, id, NULL);
    assert_said("instances", true, false, "");
    assert_int_equal(figure("instancesUnwell"), 0);

    stuck_ms = 29999;
    assert_said("publisher", true, true, "");
    stuck_ms = 31000;
    assert_said("publisher", false, true, "publishing has made no progress for 31 s");
    stuck_ms = 0;
    assert_int_equal(figure("eventsSkipped"), 3);
    assert_int_equal(figure("withdrawnRounds"), s.withdrawn);
    assert_int_equal(figure("reloads"), s.reloads);
    assert_true(s.withdrawn > 0 && s.reloads > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_that_drain_within_rounds_make_nobody_load),
        cmocka_unit_test(what_the_leader_before_has_shown_is_not_undercut),
        cmocka_unit_test(the_event_of_a_first_run_s_end_says_all_of_its_attempt),
        cmocka_unit_test(memory_that_differs_from_the_tables_is_loaded_anew),
        cmocka_unit_test(health_names_what_is_unwell_and_counts_what_went_wrong),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
