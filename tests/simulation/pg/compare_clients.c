/* Requests of clients on both: the api's own statements on the real server, sim_pg.h's functions on
 * the simulated one. What is asked for depends on what is there. */
#include "unit.h"

#include "compare.h"
#include "sim_pg.h"

#define NAMED "a" /* account and region */

static const char *const statements[] = {
    "submit",
    "stop",
    "stop_request_add",
    "queue_insert",
    "queue_update",
    "queue_gone",
    "policy_insert",
    "policy_update",
    "environment_insert",
    "environment_update",
    "environment_gone",
    "join_token_add",
    "instance_interrupt",
};

void clients_prepare(ob_db *api)
{
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
        const declared *d = declared_find(api_declarations, statements[i]);
        ob_db_stmt stmts[] = { { d->name, d->sql }, { 0 } };
        assert_int_equal(real_side.prepare(api, stmts, NULL), 0);
    }
}

static void run_real(ob_db *api, const char *stmt, ob_params *p)
{
    ob_error err = { 0 };
    if (real_side.exec(api, stmt, p, NULL, &err) < 0)
        fail_msg("%s: %s", stmt, err.text);
    ob_params_done(p);
}

static void add_number(ob_params *p, int64_t value)
{
    if (value == PG_NULL)
        ob_param_text(p, NULL);
    else
        ob_param_int(p, value);
}

static void add_bool(ob_params *p, int64_t value)
{
    ob_param_text(p, value ? "true" : "false");
}

/* A row of the table that is there, or NULL. */
static const void *pick_row(pg_table table)
{
    size_t n = sim_pg_count(table), at = 0;
    const void *row = NULL;
    for (size_t left = n > 0 ? pick(n) + 1 : 0; left > 0; left--)
        row = sim_pg_next(table, &at);
    return row;
}

/* ---- Queues, policies, environments ---- */

/* "{1}", and the parameter: an array of numbers. */
static const char *pick_ces(ob_params *p)
{
    static const char *const texts[] = { "{1}", "{2}", "{1,2}" };
    static const int64_t ids[] = { 1, 2 };
    size_t which = pick(3);
    ob_param_int64_array(p, which == 1 ? &ids[1] : ids, which == 2 ? 2 : 1);
    return texts[which];
}

static void gone(ob_db *api, const char *stmt, const char *name)
{
    ob_params p = { 0 };
    ob_param_text(&p, NAMED);
    ob_param_text(&p, NAMED);
    ob_param_text(&p, name);
    run_real(api, stmt, &p);
}

static void put_queue(ob_db *api)
{
    const pg_job_queue *is = pick(3) ? pick_row(PG_JOB_QUEUE) : NULL;
    const pg_scheduling_policy *policy = pick(2) ? pick_row(PG_SCHEDULING_POLICY) : NULL;
    pg_job_queue q = { .id = is ? is->id : 0,
                       .account = NAMED,
                       .region = NAMED,
                       .name = is ? is->name : pick_text(),
                       .enabled = pick(8) > 0,
                       .priority = pick_int(),
                       .body = pick_text(),
                       .deleting = is && pick(6) == 0,
                       .policy_id = policy ? policy->id : PG_NULL,
                       .time_limits = pick(2) ? pick_text() : NULL };
    ob_params p = { 0 };
    if (is) {
        ob_param_int(&p, q.id);
    } else {
        gone(api, "queue_gone", q.name);
        ob_param_text(&p, NAMED);
        ob_param_text(&p, NAMED);
        ob_param_text(&p, q.name);
    }
    add_bool(&p, q.enabled);
    ob_param_int(&p, q.priority);
    q.ce_ids = pick_ces(&p);
    ob_param_text(&p, q.body);
    if (is)
        add_bool(&p, q.deleting);
    add_number(&p, q.policy_id);
    ob_param_text(&p, q.time_limits);
    run_real(api, is ? "queue_update" : "queue_insert", &p);
    assert_true(sim_pg_put_queue(&q) >= 0);
}

static void put_policy(ob_db *api)
{
    const pg_scheduling_policy *is = pick(3) ? pick_row(PG_SCHEDULING_POLICY) : NULL;
    pg_scheduling_policy row = { .id = is ? is->id : 0,
                                 .account = NAMED,
                                 .region = NAMED,
                                 .name = is ? is->name : pick_text(),
                                 .body = pick_text() };
    ob_params p = { 0 };
    if (is) {
        ob_param_int(&p, row.id);
    } else {
        ob_param_text(&p, NAMED);
        ob_param_text(&p, NAMED);
        ob_param_text(&p, row.name);
    }
    ob_param_text(&p, row.body);
    run_real(api, is ? "policy_update" : "policy_insert", &p);
    assert_true(sim_pg_put_policy(&row) >= 0);
}

static void put_environment(ob_db *api)
{
    static const char *const types[] = { "MANAGED", "UNMANAGED" };
    static const char *const resources[] = { "EC2", "FARGATE", "FARGATE_SPOT" };
    const pg_compute_environment *is = pick(3) ? pick_row(PG_COMPUTE_ENVIRONMENT) : NULL;
    pg_compute_environment c = { .id = is ? is->id : 0,
                                 .account = NAMED,
                                 .region = NAMED,
                                 .name = is ? is->name : pick_text(),
                                 .uuid = is ? is->uuid : pick_uuid(),
                                 .type = is ? is->type : types[pick(2)],
                                 .enabled = pick(8) > 0,
                                 .resource_type = resources[pick(3)],
                                 .min_vcpus = pick_int(),
                                 .max_vcpus = pick_int(),
                                 .desired_vcpus = pick(2) ? pick_int() : PG_NULL,
                                 .body = pick_text(),
                                 .deleting = is && pick(6) == 0,
                                 .unmanaged_vcpus = pick(2) ? pick_int() : PG_NULL };
    ob_params p = { 0 };
    if (is) {
        ob_param_int(&p, c.id);
    } else {
        gone(api, "environment_gone", c.name);
        ob_param_text(&p, NAMED);
        ob_param_text(&p, NAMED);
        ob_param_text(&p, c.name);
        ob_param_uuid(&p, &c.uuid);
    }
    add_bool(&p, c.enabled);
    ob_param_text(&p, c.resource_type);
    ob_param_int(&p, c.min_vcpus);
    ob_param_int(&p, c.max_vcpus);
    add_number(&p, c.desired_vcpus);
    ob_param_text(&p, c.body);
    if (is)
        add_bool(&p, c.deleting);
    else
        ob_param_text(&p, c.type);
    add_number(&p, c.unmanaged_vcpus);
    if (is) { /* an update leaves them */
        c.eks_cluster_arn = is->eks_cluster_arn;
        c.kubernetes_namespace = is->kubernetes_namespace;
    } else {
        c.eks_cluster_arn = pick(2) ? pick_text() : NULL;
        c.kubernetes_namespace = pick(2) ? pick_text() : NULL;
        ob_param_text(&p, c.eks_cluster_arn);
        ob_param_text(&p, c.kubernetes_namespace);
    }
    run_real(api, is ? "environment_update" : "environment_insert", &p);
    assert_true(sim_pg_put_environment(&c) >= 0);
}

/* ---- Jobs ---- */

static const int64_t one = 1;

#define LONG(value) ob_param_int64_array(p, &(int64_t){ (value) }, 1)
#define INT(value) ob_param_int32_array(p, &(int32_t){ (int32_t)(value) }, 1)
#define SHORT(value) ob_param_int16_array(p, &(int16_t){ (int16_t)(value) }, 1)
#define TEXT(value) ob_param_text_array(p, &(const char *){ (value) }, 1)

/* In the order of submit's parameters. */
static void add_job(ob_params *p, const pg_job *j, int64_t version, const pg_submit_once *once)
{
    ob_param_uuid_array(p, &j->id, 1);
    TEXT(j->account);
    TEXT(j->region);
    LONG(j->queue_id);
    LONG(version);
    LONG(one); /* the definition */
    SHORT(0);
    TEXT(j->definition);
    INT(j->revision);
    TEXT(j->name);
    INT(j->array_size);
    INT(j->mcpu);
    INT(j->mem_mib);
    INT(j->gpus);
    LONG(j->created_at_ms);
    TEXT(j->detail);
    SHORT(j->attempts);
    TEXT(j->on_exit);
    INT(j->timeout_s);
    TEXT(j->share);
    INT(j->priority);
    TEXT(j->dep_ids);
    TEXT(j->dep_idxs);
    TEXT(j->dep_types);
    TEXT(j->task_tags);
    TEXT(j->failure);
    TEXT(j->traceparent);
    TEXT(once ? once->key_id : NULL);
    TEXT(once ? once->invocation_id : NULL);
    ob_param_bytes_array(p, &(const void *){ once ? "\x01\xff" : NULL }, &(int){ 2 }, 1);
}

static void submit(ob_db *api)
{
    static const char id_text[] = "{01010101-0101-0101-0101-010101010101}";
    const pg_job_queue *q = pick_row(PG_JOB_QUEUE);
    bool waits = pick(2);
    pg_job j = { .id = pick_uuid(),
                 .account = NAMED,
                 .region = NAMED,
                 .queue_id = q ? q->id : 1,
                 .definition = pick_text(),
                 .revision = pick_int(),
                 .name = pick_text(),
                 .array_size = pick_int(),
                 .mcpu = pick_int(),
                 .mem_mib = pick_int(),
                 .gpus = pick_int(),
                 .created_at_ms = pick_int(),
                 .detail = pick_text(),
                 .attempts = pick_int(),
                 .on_exit = pick(2) ? pick_text() : NULL,
                 .timeout_s = pick_int(),
                 .share = pick(2) ? pick_text() : NULL,
                 .priority = pick_int(),
                 .dep_ids = waits ? id_text : NULL,
                 .dep_idxs = waits ? "{-1}" : NULL,
                 .dep_types = waits ? "{0}" : NULL,
                 .task_tags = pick(2) ? pick_text() : NULL,
                 .failure = pick(4) ? NULL : pick_text(),
                 .traceparent = pick(2) ? pick_text() : NULL };
    pg_submit_once call = { .key_id = pick_text(),
                            .invocation_id = pick_text(),
                            .body_hash = "\\x01ff",
                            .job_id = j.id,
                            .created_at_ms = j.created_at_ms };
    const pg_submit_once *once = pick(3) ? NULL : &call;
    if (sim_pg_find(PG_JOB, &j)) /* the api gives each job an id of its own */
        return;
    ob_params p = { 0 };
    add_job(&p, &j, q ? q->version : 1, once);
    run_real(api, "submit", &p);
    assert_int_equal(sim_pg_submit(&j, &once, 1, NULL), 0);
}

static void stop(ob_db *api)
{
    ob_inbox_kind kind = pick(2) ? OB_INBOX_CANCEL : OB_INBOX_TERMINATE;
    ob_uuid id = pick_uuid();
    int32_t index = (int32_t)pick_int();
    const char *reason = pick_text();
    ob_params p = { 0 };
    ob_param_text(&p, NAMED);
    ob_param_text(&p, NAMED);
    ob_param_int(&p, kind);
    ob_param_uuid_array(&p, &id, 1);
    ob_param_int32_array(&p, &index, 1);
    ob_param_text(&p, reason);
    run_real(api, "stop", &p);
    assert_int_equal(sim_pg_stop(kind, &id, index, reason), 0);
}

/* ---- Instances ---- */

static void interrupt(ob_db *api)
{
    const pg_instance *i = pick_row(PG_INSTANCE);
    ob_params p = { 0 };
    if (!i || !sim_pg_find(PG_COMPUTE_ENVIRONMENT, &(pg_compute_environment){ .id = i->ce_id }))
        return;
    ob_param_text(&p, NAMED);
    ob_param_text(&p, NAMED);
    ob_param_text(&p, i->id);
    run_real(api, "instance_interrupt", &p);
    assert_int_equal(sim_pg_interrupt(i->id), 0);
}

static void add_token(ob_db *api)
{
    const pg_compute_environment *c = pick_row(PG_COMPUTE_ENVIRONMENT);
    const char *hash = pick_text();
    ob_params p = { 0 };
    if (!c || sim_pg_find(PG_JOIN_TOKEN, &(pg_join_token){ .hash = hash }))
        return;
    ob_param_int(&p, c->id);
    ob_param_text(&p, hash);
    run_real(api, "join_token_add", &p);
    assert_int_equal(sim_pg_join_token(c->id, hash), 0);
}

static void stop_matching(ob_db *api)
{
    pg_stop_request r = { .account = NAMED,
                          .region = NAMED,
                          .queue_id = pick_int(),
                          .states = (int64_t)pick(32),
                          .name_prefix = pick(2) ? pick_text() : NULL,
                          .definition = pick(2) ? pick_text() : NULL,
                          .revision = (int64_t)pick(3),
                          .share = pick(2) ? pick_text() : NULL,
                          .terminate = pick(2) > 0,
                          .reason = pick_text(),
                          .created_at_ms = pick_int() };
    pg_stop_limits limits = { .open_max = (int64_t)pick(6),
                              .queue_open_max = (int64_t)pick(4),
                              .kept_max = (int64_t)pick(6),
                              .forget_ms = pick_int() };
    ob_params p = { 0 };
    ob_param_text(&p, NAMED);
    ob_param_text(&p, NAMED);
    ob_param_int(&p, r.queue_id);
    ob_param_int(&p, r.states);
    ob_param_text(&p, r.name_prefix);
    ob_param_text(&p, r.definition);
    ob_param_int(&p, r.revision);
    ob_param_text(&p, r.share);
    add_bool(&p, r.terminate);
    ob_param_text(&p, r.reason);
    ob_param_int(&p, r.created_at_ms);
    ob_param_int(&p, limits.open_max);
    ob_param_int(&p, limits.queue_open_max);
    ob_param_int(&p, limits.kept_max);
    ob_param_int(&p, limits.forget_ms);
    run_real(api, "stop_request_add", &p);
    assert_true(sim_pg_stop_matching(&r, &limits) >= 0);
}

void clients_request(ob_db *api)
{
    static void (*const requests[])(
        ob_db *) = { submit,     submit,          submit,    stop,          stop,     put_queue,
                     put_policy, put_environment, interrupt, stop_matching, add_token };
    requests[pick(ARRAY_SIZE(requests))](api);
}
