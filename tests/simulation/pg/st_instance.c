/* The scaler's statements about instances (services/scaler/sql/queries/instances.sql). */
#include <string.h>
#include <strings.h>

#include "instances_sql.h"
#include "pg_internal.h"

bool pg_has_placement(const pg_run *run, const char *instance_id)
{
    pg_placement key = { .instance_id = instance_id };
    size_t at = pg_from(PG_PLACEMENT, &key, 1);
    return pg_next_of(run->s, PG_PLACEMENT, &key, 1, &at) != NULL;
}

static void put_id(pg_run *run, const char *id)
{
    pg_out_row(run);
    pg_put_text(run, id);
}

static void instances(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *i = pg_see(run->s, rec);
        if (i->state >= OB_INSTANCE_TERMINATED)
            continue;
        pg_out_row(run);
        pg_put_text(run, i->id);
        pg_put_int(run, i->ce_id);
        pg_put_text(run, i->type);
        pg_put_bool(run, i->spot);
        pg_put_int(run, i->mcpu);
        pg_put_int(run, i->mem_mib);
        pg_put_int(run, i->gpus);
        pg_put_int(run, i->vcpus);
        pg_put_int(run, i->state);
        pg_put_text(run, i->token_hash);
        pg_put_text(run, i->key_salt);
        pg_put_text(run, i->infra);
        pg_put_bool(run, i->deadline_at != PG_NULL);
        pg_put_bool(run, i->doubtful && i->state == OB_INSTANCE_LAUNCHING);
        pg_put_text(run, i->node_name);
        pg_put_text(run, i->node_uid);
    }
}

typedef struct use {
    const char *instance_id;
    int64_t runs, mcpu, mem_mib, gpus;
} use;

static void put_use(pg_run *run, const use *u)
{
    if (u->runs == 0)
        return;
    pg_out_row(run);
    pg_put_text(run, u->instance_id);
    pg_put_int(run, u->runs);
    pg_put_int(run, u->mcpu);
    pg_put_int(run, u->mem_mib);
    pg_put_int(run, u->gpus);
}

static void instance_use(pg_run *run)
{
    use u = { .instance_id = "" };
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_PLACEMENT, &at));) {
        const pg_placement *p = pg_see(run->s, rec);
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = p->job_id });
        if (strcmp(u.instance_id, p->instance_id) != 0) {
            put_use(run, &u);
            u = (use){ .instance_id = p->instance_id };
        }
        if (!j)
            continue;
        u.runs++;
        u.mcpu += j->mcpu;
        u.mem_mib += j->mem_mib;
        u.gpus += j->gpus;
    }
    put_use(run, &u);
}

static void instances_empty(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run); i++)
        if (!pg_has_placement(run, pg_text_at(run, 0, i)))
            put_id(run, pg_text_at(run, 0, i));
}

static void instances_overdue(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *i = pg_see(run->s, rec);
        if (i->state == OB_INSTANCE_DRAINING && i->deadline_at != PG_NULL &&
            i->deadline_at <= run->now_us && pg_has_text(run, 0, i->id) &&
            pg_has_placement(run, i->id))
            put_id(run, i->id);
    }
}

static void instance_insert(pg_run *run)
{
    for (size_t n = 0; n < pg_arg_rows(run) && !run->stop.set; n++) {
        pg_instance *i = pg_row_new(PG_INSTANCE);
        i->id = pg_text_at(run, NEW_INSTANCE_ID, n);
        i->ce_id = pg_int_at(run, NEW_INSTANCE_CE_ID, n);
        i->type = pg_text_at(run, NEW_INSTANCE_TYPE, n);
        i->spot = pg_equal_at(run, NEW_INSTANCE_SPOT, n, 1);
        i->mcpu = pg_int_at(run, NEW_INSTANCE_MCPU, n);
        i->mem_mib = pg_int_at(run, NEW_INSTANCE_MEM_MIB, n);
        i->gpus = pg_int_at(run, NEW_INSTANCE_GPUS, n);
        i->vcpus = pg_int_at(run, NEW_INSTANCE_VCPUS, n);
        i->state = OB_INSTANCE_LAUNCHING;
        i->token_hash = "";
        i->key_salt = pg_text_at(run, NEW_INSTANCE_KEY_SALT, n);
        i->infra = pg_text_at(run, NEW_INSTANCE_INFRA, n);
        i->doubtful = pg_equal_at(run, NEW_INSTANCE_DOUBTFUL, n, 1);
        i->node_name = pg_text_at(run, NEW_INSTANCE_NODE_NAME, n);
        i->node_uid = pg_text_at(run, NEW_INSTANCE_NODE_UID, n);
        i->launched_at = run->now_us;
        (void)pg_insert(run, PG_INSTANCE, i);
    }
}

static void instance_join(pg_run *run)
{
    const pg_join_token *t =
        pg_get(run->s, PG_JOIN_TOKEN, &(pg_join_token){ .hash = pg_text(run, JOINING_JOIN_HASH) });
    const pg_compute_environment *c =
        t ? pg_get(run->s, PG_COMPUTE_ENVIRONMENT, &(pg_compute_environment){ .id = t->ce_id })
          : NULL;
    const char *ce = pg_text(run, JOINING_CE);
    if (!c || !ce || c->deleting || strcmp(c->name, ce) != 0 ||
        strcasecmp(c->type, "UNMANAGED") != 0)
        return;
    pg_instance *i = pg_row_new(PG_INSTANCE);
    i->id = pg_text(run, JOINING_ID);
    i->ce_id = c->id;
    i->type = pg_text(run, JOINING_TYPE);
    i->spot = false;
    i->mcpu = pg_int(run, JOINING_MCPU);
    i->mem_mib = pg_int(run, JOINING_MEM_MIB);
    i->gpus = pg_int(run, JOINING_GPUS);
    i->vcpus = 0;
    i->state = OB_INSTANCE_LAUNCHING;
    i->token_hash = "";
    i->key_salt = pg_text(run, JOINING_KEY_SALT);
    i->infra = "";
    i->doubtful = false;
    i->launched_at = run->now_us;
    if (!pg_insert_new(run, PG_INSTANCE, i))
        return;
    pg_out_row(run);
    pg_put_int(run, c->id);
}

static void instance_found(pg_run *run)
{
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *is = pg_see(run->s, rec);
        if (!is->doubtful || !pg_has_text(run, 0, is->id))
            continue;
        pg_instance *i = pg_update(run, rec);
        if (!i)
            return;
        i->doubtful = false;
        put_id(run, i->id);
    }
}

/* A row of several new sizes gets one of them; the scaler gives one. */
static void instance_resize(pg_run *run)
{
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *is = pg_see(run->s, rec);
        size_t n = 0;
        while (n < pg_arg_rows(run) && (!pg_text_at(run, RESIZE_ID, n) ||
                                        strcmp(pg_text_at(run, RESIZE_ID, n), is->id) != 0))
            n++;
        pg_instance *i =
            n < pg_arg_rows(run) && is->state < OB_INSTANCE_LOST ? pg_update(run, rec) : NULL;
        if (!i)
            continue;
        i->mcpu = pg_int_at(run, RESIZE_MCPU, n);
        i->mem_mib = pg_int_at(run, RESIZE_MEM_MIB, n);
        i->gpus = pg_int_at(run, RESIZE_GPUS, n);
        if (pg_check(run, PG_INSTANCE, i))
            put_id(run, i->id);
    }
}

static void instance_set_key(pg_run *run)
{
    pg_rec *rec = pg_find(run->s, PG_INSTANCE, &(pg_instance){ .id = pg_text(run, 0) });
    const pg_instance *is = rec ? pg_see(run->s, rec) : NULL;
    pg_instance *i = is && is->state < OB_INSTANCE_TERMINATED ? pg_update(run, rec) : NULL;
    if (!i)
        return;
    i->key_salt = pg_text(run, 1);
    i->token_hash = "";
    (void)pg_check(run, PG_INSTANCE, i);
}

/* ---- {{move}}: the first parameters are ids, state and reason ---- */

static pg_instance *move(pg_run *run, pg_rec *rec)
{
    pg_instance *i = pg_update(run, rec);
    if (!i)
        return NULL;
    i->state = pg_int(run, 1);
    if (pg_text(run, 2))
        i->reason = pg_text(run, 2);
    if (i->state == OB_INSTANCE_ACTIVE)
        i->active_at = run->now_us;
    if (i->state == OB_INSTANCE_TERMINATED)
        i->ended_at = run->now_us;
    put_id(run, i->id);
    return i;
}

static void instance_advance(pg_run *run)
{
    int64_t from = pg_int(run, ADVANCE_FROM_STATES), after_ms = pg_int(run, ADVANCE_DEADLINE_MS);
    int64_t deadline = run->now_us + after_ms * 1000;
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *is = pg_see(run->s, rec);
        if (!(from >> is->state & 1) || !pg_has_text(run, ADVANCE_IDS, is->id))
            continue;
        pg_instance *i = move(run, rec);
        if (i && after_ms >= 0 && (i->deadline_at == PG_NULL || i->deadline_at > deadline))
            i->deadline_at = deadline;
    }
}

static void instance_end_empty(pg_run *run)
{
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *is = pg_see(run->s, rec);
        if ((is->state == OB_INSTANCE_DRAINING || is->state == OB_INSTANCE_LOST) &&
            pg_has_text(run, 0, is->id) && !pg_has_placement(run, is->id))
            (void)move(run, rec);
    }
}

#define S "scaler"
const pg_statement pg_instance_statements[] = {
    { S, "instances", "",
      "id,ce_id,type,spot,mcpu,mem_mib,gpus,vcpus,state,token_hash,key_salt,infra,has_deadline,"
      "doubtful,node_name,node_uid",
      instances },
    { S, "instance_use", "", "instance_id,runs,mcpu,mem_mib,gpus", instance_use },
    { S, "instances_empty", "T", "id", instances_empty },
    { S, "instances_overdue", "T", "id", instances_overdue },
    { S, "instance_insert", "TITIIIIIITTTT", NULL, instance_insert },
    { S, "instance_join", "ttiiittt", "ce_id", instance_join },
    { S, "instance_found", "T", "id", instance_found },
    { S, "instance_resize", "TIII", "id", instance_resize },
    { S, "instance_set_key", "tt", NULL, instance_set_key },
    { S, "instance_advance", "Titii", "id", instance_advance },
    { S, "instance_end_empty", "Tit", "id", instance_end_empty },
    { 0 },
};
