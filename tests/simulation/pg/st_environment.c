/* The scaler's statements about compute environments
 * (services/scaler/sql/queries/environments.sql). */
#include <strings.h>

#include "environments_sql.h"
#include "pg_internal.h"

static bool has_instances(const pg_run *run, int64_t ce_id)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *i = pg_see(run->s, rec);
        if (i->ce_id == ce_id && i->state < OB_INSTANCE_TERMINATED)
            return true;
    }
    return false;
}

static void put_environment(pg_run *run, const pg_compute_environment *e, const pg_ce_status *s)
{
    pg_out_row(run);
    pg_put_int(run, e->id);
    pg_put_text(run, e->name);
    pg_put_int(run, e->version);
    pg_put_bool(run, e->enabled);
    pg_put_bool(run, e->deleting);
    pg_put_text(run, e->resource_type);
    pg_put_int(run, e->min_vcpus);
    pg_put_int(run, e->max_vcpus);
    pg_put_int(run, e->desired_vcpus);
    pg_put_text(run, e->body);
    pg_put_int(run, s ? s->version : PG_NULL);
    pg_put_int(run, s ? s->desired_vcpus : PG_NULL);
    pg_put_text(run, s ? s->lacking : NULL);
    pg_put_text(run, s ? s->shapes : NULL);
    pg_put_bool(run, s ? s->valid : PG_NULL);
    pg_put_text(run, s ? s->reason : NULL);
    pg_put_bool(run, strcasecmp(e->type, "MANAGED") == 0);
    pg_put_uuid(run, &e->uuid);
    pg_put_text(run, e->eks_cluster_arn);
    pg_put_text(run, e->kubernetes_namespace);
}

static void environments(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_COMPUTE_ENVIRONMENT, &at));) {
        const pg_compute_environment *e = pg_see(run->s, rec);
        const pg_ce_status *s = pg_get(run->s, PG_CE_STATUS, &(pg_ce_status){ .ce_id = e->id });
        if (!e->deleting || s || has_instances(run, e->id))
            put_environment(run, e, s);
    }
}

static void status_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        int64_t ce_id = pg_int_at(run, STATUS_CE_ID, i);
        if (!pg_get(run->s, PG_COMPUTE_ENVIRONMENT, &(pg_compute_environment){ .id = ce_id }))
            continue;
        pg_ce_status *s = pg_row_new(PG_CE_STATUS);
        s->ce_id = ce_id;
        s->version = pg_int_at(run, STATUS_VERSION, i);
        s->valid = pg_equal_at(run, STATUS_VALID, i, 1);
        s->reason = pg_text_at(run, STATUS_REASON, i);
        s->desired_vcpus = pg_int_at(run, STATUS_DESIRED_VCPUS, i);
        s->shapes = pg_text_at(run, STATUS_SHAPES, i);
        s->lacking = pg_text_at(run, STATUS_LACKING, i);
        pg_upsert(run, PG_CE_STATUS, s);
    }
}

static void status_delete(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_ce_status key = { .ce_id = pg_int_at(run, 0, i) };
        pg_rec *rec = pg_find(run->s, PG_CE_STATUS, &key);
        if (rec && !has_instances(run, key.ce_id))
            (void)pg_delete(run, rec);
    }
}

static void usage_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_ce_usage *u = pg_row_new(PG_CE_USAGE);
        u->ce_id = pg_int_at(run, USAGE_CE_ID, i);
        u->at_ms = pg_int_at(run, USAGE_AT_MS, i);
        u->mcpu = pg_int_at(run, USAGE_MCPU, i);
        u->provisioned_mcpu = pg_int_at(run, USAGE_PROVISIONED_MCPU, i);
        u->desired_vcpus = pg_int_at(run, USAGE_DESIRED_VCPUS, i);
        u->max_vcpus = pg_int_at(run, USAGE_MAX_VCPUS, i);
        u->instances = pg_int_at(run, USAGE_INSTANCES, i);
        pg_upsert(run, PG_CE_USAGE, u);
    }
}

#define S "scaler"
const pg_statement pg_environment_statements[] = {
    { S, "environments", "",
      "id,name,version,enabled,deleting,resource_type,min_vcpus,max_vcpus,desired_vcpus,body,"
      "status_version,status_desired_vcpus,status_lacking,status_shapes,status_valid,"
      "status_reason,managed,uuid,eks_cluster_arn,kubernetes_namespace",
      environments },
    { S, "status_put", "IIITTIT", NULL, status_put },
    { S, "status_delete", "I", NULL, status_delete },
    { S, "usage_put", "IIIIIII", NULL, usage_put },
    { 0 },
};
