/* Rounds with a PostgreSQL of its own, without Kafka: what is kept of a round whose transaction is
 * refused, and what a leader takes over from the one before. */
#include "unit.h"

#include "health_figures.h"
#include "mass_stops.h"
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

static int64_t published_round;

int64_t publisher_round(publisher *p)
{
    (void)p;
    return published_round;
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
    stops_forget(&s);
    free(s.stops.begun);
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

static int64_t of_attempt(const char *column)
{
    char query[200];
    (void)snprintf(query, sizeof(query),
                   "SELECT %s FROM attempt WHERE job_id = '01900000-0000-7000-8000-%012d'", column,
                   n_jobs);
    return count(query);
}

static void an_attempt_keeps_its_phases_and_what_it_has_used_under_another_leader(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    report(id, instance_of(id), RUN_RUNNING);
    turn();
    char where[64];
    (void)snprintf(where, sizeof(where), "%s", instance_of(id));
    int64_t runnable = count("SELECT runnable_at_ms FROM live WHERE state = 4");
    int64_t placed = count("SELECT placed_at_ms FROM placement WHERE job_id ="
                           " (SELECT job_id FROM live WHERE state = 4)");
    assert_true(runnable > 0 && placed >= runnable);
    ob_leader_drop(s.leader);
    lead();
    engine_run_report r = { .run = { .id = id, .index = -1, .run = 1 },
                            .state = RUN_EXITED,
                            .pulled_at_ms = placed + 20,
                            .created_at_ms = placed + 30,
                            .stopped_at_ms = placed + 1000,
                            .started = true,
                            .has_exit_code = true,
                            .cpu_ms = 700,
                            .peak_bytes = INT64_C(5) << 40 };
    engine_report(s.engine, where, &r);
    turn();
    assert_int_equal(of_attempt("runnable_at_ms"), runnable);
    assert_int_equal(of_attempt("placed_at_ms"), placed);
    assert_int_equal(of_attempt("pulled_ms"), 20);
    assert_int_equal(of_attempt("created_ms"), 30);
    assert_int_equal(of_attempt("cpu_ms"), 700);
    assert_int_equal(of_attempt("peak_bytes"), INT64_C(5) << 40);
}

/* One that an earlier version placed, and an executor of an earlier version reports. */
static void what_an_attempt_does_not_know_is_null(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    char where[64];
    (void)snprintf(where, sizeof(where), "%s", instance_of(id));
    sql("UPDATE placement SET placed_at_ms = NULL");
    ob_leader_drop(s.leader);
    lead();
    report(id, where, RUN_EXITED);
    turn();
    assert_true(of_attempt("runnable_at_ms") > 0);
    static const char *const unknown[] = { "placed_at_ms", "pulled_ms", "created_ms", "cpu_ms",
                                           "peak_bytes" };
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_int_equal(of_attempt(unknown[i]), -1);
}

/* ---- Counts ---- */

/* Queues whose counts of what has ended are those of the tables. */
#define AGREEING                                                                                   \
    "SELECT count(*) FROM (SELECT"                                                                 \
    " jobs[6] - (SELECT count(*) FROM done WHERE idx = -1 AND state = 5) AS a,"                    \
    " jobs[7] - (SELECT count(*) FROM done WHERE idx = -1 AND state = 6) AS b,"                    \
    " children[6] - (SELECT coalesce(sum(counts[6]), 0) FROM (SELECT counts FROM live UNION ALL"   \
    "  SELECT counts FROM done) AS x) AS c,"                                                       \
    " children[7] - (SELECT coalesce(sum(counts[7]), 0) FROM (SELECT counts FROM live UNION ALL"   \
    "  SELECT counts FROM done) AS x) AS d"                                                        \
    " FROM queue_snapshot WHERE queue_id = 1) AS n WHERE (a, b, c, d) = (0, 0, 0, 0)"

static void assert_counted(void)
{
    if (count(AGREEING) != 1)
        fail_msg("the counts differ from the tables");
}

static ob_uuid submit_array(int size)
{
    ob_uuid id = submit();
    sql("UPDATE job SET array_size = %d WHERE id = '01900000-0000-7000-8000-%012d'", size, n_jobs);
    return id;
}

static void end_child(ob_uuid job, int32_t index, int32_t code)
{
    char text[OB_UUID_TEXT], query[200];
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_uuid_format(&job, text);
    (void)snprintf(query, sizeof(query),
                   "SELECT instance_id FROM placement WHERE job_id = '%s' AND idx = %d", text,
                   (int)index);
    assert_int_equal(ob_db_sql(s.db, query, NULL, &res, NULL), 0);
    assert_int_equal(PQntuples(res), 1);
    engine_run_report r = { .run = { .id = job, .index = index, .run = 1 },
                            .state = RUN_EXITED,
                            .started_at_ms = 2000,
                            .stopped_at_ms = 3000,
                            .started = true,
                            .has_exit_code = true,
                            .exit_code = code };
    engine_report(s.engine, ob_col(res, 0, 0), &r);
}

static void the_next_leader(void)
{
    ob_leader_drop(s.leader);
    lead();
    turn();
}

static void what_has_ended_is_counted_once_under_each_leader(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    for (int i = 0; i < 3; i++)
        (void)add_instance();
    ob_uuid single = submit(), stopped = submit(), array = submit_array(3);
    turn();
    assert_counted();
    end_child(array, 0, 0);
    end_child(array, 1, 1);
    end_child(single, -1, 0);
    engine_stop(s.engine, &(ob_job_ref){ .id = stopped, .index = -1 }, true, "enough");
    turn();
    end_child(stopped, -1, 143);
    turn();
    assert_counted();
    the_next_leader();
    assert_counted();
    assert_int_equal(count("SELECT children[6] FROM queue_snapshot"), 1);

    /* A leader that was deposed before its commit has counted nothing. */
    ob_error err = { 0 };
    end_child(array, 2, 0);
    sql("UPDATE leader SET epoch = epoch + 1 WHERE role = 'scheduler'");
    assert_true(round_turn(&s, &err) < 0);
    assert_int_equal(count("SELECT children[6] FROM queue_snapshot"), 1);
    the_next_leader();
    assert_counted();
    end_child(array, 2, 0);
    turn();
    assert_counted();
    assert_int_equal(count("SELECT children[6] FROM queue_snapshot"), 2);
    assert_int_equal(count("SELECT children[7] FROM queue_snapshot"), 1);

    /* As if a version that counts nothing had led. */
    sql("UPDATE queue_snapshot SET jobs = NULL, children = NULL, counted_at_ms = NULL");
    the_next_leader();
    assert_counted();
    sql("DELETE FROM queue_snapshot");
    the_next_leader();
    assert_counted();
    /* And as if it had led in between: it leaves the numbers as they were. */
    sql("UPDATE queue_snapshot SET jobs = '{0,0,0,0,0,90,91}', children = jobs");
    sql("UPDATE leader SET round = round + 1 WHERE role = 'scheduler'");
    the_next_leader();
    assert_counted();
    assert_int_equal(count("SELECT counted_since FROM leader WHERE role = 'scheduler'"), s.epoch);
    the_next_leader();
    assert_counted();
    assert_int_equal(count("SELECT counted_since FROM leader WHERE role = 'scheduler'"),
                     s.epoch - 1);
}

/* ---- Stopping all that match ---- */

#define MANY 2500 /* more than a step takes */
#define NOT_STOPPED                                                                                \
    "SELECT count(*) FROM job j LEFT JOIN live l ON l.job_id = j.id LEFT JOIN done d ON"           \
    " d.job_id = j.id WHERE j.name = 'many' AND (coalesce(d.flags, l.flags) & 2 = 0)"

static void submit_many(const char *name, int n, int64_t at_ms)
{
    sql("WITH j AS (INSERT INTO job (account, region, id, queue_id, definition, name, mcpu,"
        " mem_mib, created_at_ms, detail) SELECT '1', 'r', gen_random_uuid(), 1, 'd', '%s',"
        " 1000, 100, %d, '{}' FROM generate_series(1, %d) RETURNING id)"
        " INSERT INTO inbox (consumer, kind, job_id) SELECT 1, 1, id FROM j",
        name, (int)at_ms, n);
    s.inbox.rung = true;
}

static void a_request_stops_all_that_match_whoever_leads(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    submit_many("many", MANY, 1000);
    submit_many("other", 10, 1000);
    sql("WITH r AS (INSERT INTO stop_request (account, region, queue_id, states, name_prefix,"
        " revision, terminate, reason, created_at_ms) VALUES ('1', 'r', 1, 31, 'ma', 0, true,"
        " 'all', 1500) RETURNING id)"
        " INSERT INTO inbox (consumer, kind, ref) SELECT 1, 7, id FROM r");
    submit_many("many later", 10, 2000);
    ob_error err = { 0 };
    int turns = 0;
    while (count("SELECT count(*) FROM stop_progress WHERE looked > 0") == 0) {
        assert_true(turns++ < 20);
        if (round_turn(&s, &err) < 0)
            fail_msg("%s", err.text);
    }
    int64_t looked = count("SELECT looked FROM stop_progress");
    assert_int_equal(count("SELECT count(*) FROM stop_progress WHERE finished_at_ms IS NULL"), 1);

    /* The next step is decided and not committed. */
    sql("UPDATE leader SET epoch = epoch + 1 WHERE role = 'scheduler'");
    assert_true(round_turn(&s, &err) < 0);
    assert_int_equal(count("SELECT looked FROM stop_progress"), looked);
    ob_leader_drop(s.leader);
    lead();
    for (turns = 0; stops_pending(&s); turns++) {
        assert_true(turns < 20);
        turn();
    }
    assert_int_equal(count("SELECT count(*) FROM stop_progress WHERE finished_at_ms > 0"), 1);
    assert_int_equal(count("SELECT matched FROM stop_progress"), MANY);
    assert_int_equal(count(NOT_STOPPED), 0);
    assert_int_equal(count("SELECT count(*) FROM job j JOIN live l ON l.job_id = j.id"
                           " WHERE j.name <> 'many' AND l.flags = 0"
                           " AND j.name IN ('other', 'many later')"),
                     20);
    assert_counted();
    /* Its row of the inbox was taken by a version that does not know it. */
    sql("INSERT INTO stop_request (account, region, queue_id, states, name_prefix, revision,"
        " terminate, reason, created_at_ms) VALUES ('1', 'r', 1, 31, 'other', 0, true, 'all',"
        " 1500)");
    the_next_leader();
    for (turns = 0; stops_pending(&s); turns++) {
        assert_true(turns < 20);
        turn();
    }
    assert_int_equal(count("SELECT count(*) FROM stop_progress WHERE finished_at_ms > 0"), 2);
    assert_int_equal(count("SELECT sum(matched) FROM stop_progress"), MANY + 10);
    /* What is no longer kept is forgotten with the next request. */
    sql("DELETE FROM stop_request");
    sql("INSERT INTO inbox (consumer, kind, ref) VALUES (1, 7, 4711)");
    s.inbox.rung = true;
    turn();
    assert_int_equal(count("SELECT count(*) FROM stop_progress"), 0);
    assert_int_equal(count("SELECT count(*) FROM inbox"), 0);
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
        cmocka_unit_test(an_attempt_keeps_its_phases_and_what_it_has_used_under_another_leader),
        cmocka_unit_test(what_an_attempt_does_not_know_is_null),
        cmocka_unit_test(what_has_ended_is_counted_once_under_each_leader),
        cmocka_unit_test(a_request_stops_all_that_match_whoever_leads),
        cmocka_unit_test(memory_that_differs_from_the_tables_is_loaded_anew),
        cmocka_unit_test(health_names_what_is_unwell_and_counts_what_went_wrong),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
