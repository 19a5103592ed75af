/* The scheduler's statements about queues, environments and instances
 * (services/scheduler/sql/queries/topology.sql). */
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"

static bool is_fargate(const pg_compute_environment *c)
{
    return strncmp(c->resource_type, "FARGATE", strlen("FARGATE")) == 0;
}

static void put_queue(pg_run *run, const pg_job_queue *q)
{
    const pg_queue_status *s =
        pg_get(run->s, PG_QUEUE_STATUS, &(pg_queue_status){ .queue_id = q->id });
    const pg_scheduling_policy *p =
        pg_get(run->s, PG_SCHEDULING_POLICY, &(pg_scheduling_policy){ .id = q->policy_id });
    pg_out_row(run);
    pg_put_int(run, q->id);
    pg_put_text(run, q->name);
    pg_put_int(run, q->priority);
    pg_put_bool(run, q->enabled);
    pg_put_bool(run, q->deleting);
    pg_put_text(run, q->ce_ids);
    pg_put_int(run, q->version);
    pg_put_int(run, s ? s->version : PG_NULL);
    pg_put_bool(run, q->policy_id != PG_NULL);
    pg_put_text(run, p ? p->body : NULL);
    pg_put_text(run, q->time_limits);
}

static void queues(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_JOB_QUEUE, &at));) {
        const pg_job_queue *q = pg_see(run->s, rec);
        if (run->args->n == 0 || pg_has_int(run, 0, q->id))
            put_queue(run, q);
    }
}

static int64_t max_vcpus(const pg_compute_environment *c)
{
    if (strcmp(c->type, "UNMANAGED") != 0)
        return c->max_vcpus;
    return c->eks_cluster_arn && c->unmanaged_vcpus != PG_NULL ? c->unmanaged_vcpus : 0;
}

static void put_environment(pg_run *run, const pg_compute_environment *c)
{
    char uuid[OB_UUID_TEXT];
    ob_uuid_format(&c->uuid, uuid);
    const pg_ce_status *s = pg_get(run->s, PG_CE_STATUS, &(pg_ce_status){ .ce_id = c->id });
    pg_out_row(run);
    pg_put_int(run, c->id);
    pg_put_text(run, c->name);
    pg_put_text(run,
                c->eks_cluster_arn ? c->eks_cluster_arn : pg_textf("%s_Batch_%s", c->name, uuid));
    pg_put_bool(run, c->enabled && !c->deleting);
    pg_put_bool(run, s && s->valid);
    pg_put_int(run, max_vcpus(c));
    pg_put_text(run, s ? s->shapes : NULL);
    pg_put_text(run, s ? s->lacking : NULL);
    pg_put_bool(run, is_fargate(c));
    pg_put_bool(run, strcmp(c->type, "UNMANAGED") == 0);
    pg_put_int(run, c->unmanaged_vcpus);
}

static void environments(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_COMPUTE_ENVIRONMENT, &at));) {
        const pg_compute_environment *c = pg_see(run->s, rec);
        if (run->args->n == 0 || pg_has_int(run, 0, c->id))
            put_environment(run, c);
    }
}

static void instances(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *i = pg_see(run->s, rec);
        if (run->args->n > 0 ? !pg_has_text(run, 0, i->id)
                             : i->state >= OB_INSTANCE_TERMINATED && !pg_has_placement(run, i->id))
            continue;
        pg_out_row(run);
        pg_put_text(run, i->id);
        pg_put_int(run, i->ce_id);
        pg_put_int(run, i->mcpu);
        pg_put_int(run, i->mem_mib);
        pg_put_int(run, i->gpus);
        pg_put_int(run, i->vcpus);
        pg_put_int(run, i->state);
        pg_put_text(run, i->token_hash);
        pg_put_text(run, i->key_salt);
        pg_put_bool(run, strcmp(i->type, "unmanaged") == 0);
        pg_put_bool(run, i->doubtful && i->state == OB_INSTANCE_LAUNCHING);
    }
}

#define S "scheduler"
#define QUEUE                                                                                      \
    "id,name,priority,enabled,deleting,ce_ids,version,known_version,fair,policy,time_limits"
#define CE "id,name,cluster,enabled,valid,max_vcpus,shapes,lacking,exact,unmanaged,share_vcpus"
#define INSTANCE "id,ce_id,mcpu,mem_mib,gpus,vcpus,state,token_hash,key_salt,joined,doubtful"
const pg_statement pg_topology_statements[] = {
    { S, "queues", "", QUEUE, queues },
    { S, "queues_of", "I", QUEUE, queues },
    { S, "ces", "", CE, environments },
    { S, "ces_of", "I", CE, environments },
    { S, "instances", "", INSTANCE, instances },
    { S, "instances_of", "T", INSTANCE, instances },
    { 0 },
};
