/* See round_world.h. */
#include "round_world.h"

#include "mass_stops.h"
#include "ob/bus.h"
#include "peers.h"
#include "publisher.h"
#include "recover.h"
#include "round.h"
#include "scheduler_store.h"
#include "topology.h"

own_server server;
scheduler s;
int n_jobs;
static char conninfo[128];
static int n_instances;

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

int64_t stuck_ms;

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

void sql(const char *fmt, ...)
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

int64_t count(const char *query)
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

ob_uuid submit(void)
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

int add_instance(void)
{
    char id[24];
    (void)snprintf(id, sizeof(id), "i-%d", ++n_instances);
    sql("INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, vcpus, state, token_hash)"
        " VALUES ('%s', 1, 'm5.xlarge', false, 4000, 4000, 4, 1, '')",
        id);
    topology_instance_changed(s.topology, id);
    return n_instances;
}

void turn(void)
{
    ob_error err = { 0 };
    int r, failures = 0;
    do {
        r = round_turn(&s, &err);
        if (r < 0 && (failures++ > 0 || round_again(&s, &err) < 0))
            fail_msg("%s", err.text);
    } while (r < 0 || engine_dirty(s.engine));
}

void lead(void)
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

int start(void **state)
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

int stop(void **state)
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

void report(ob_uuid job, const char *instance, engine_run_state state)
{
    engine_run_report r = { .run = { .id = job, .index = -1, .run = 1 },
                            .state = state,
                            .started_at_ms = 2000,
                            .stopped_at_ms = state == RUN_EXITED ? 3000 : 0,
                            .started = true,
                            .has_exit_code = true };
    engine_report(s.engine, instance, &r);
}

const char *instance_of(ob_uuid job)
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

void the_next_leader(void)
{
    ob_leader_drop(s.leader);
    lead();
    turn();
}
