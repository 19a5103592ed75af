/* Environments and instances in memory, as in PostgreSQL. Owns their memory. Never writes to the
 * database. Loop thread. */
#include "environments.h"

#include <stdio.h>
#include <string.h>

#include "decide/env_types.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"
#include "scaler_store.h"

env *scaler_env(const scaler *s, int64_t id)
{
    env *e;
    HASH_FIND(hh, s->envs, &id, sizeof(id), e);
    return e;
}

instance *scaler_instance(const scaler *s, const char *id)
{
    instance *in;
    HASH_FIND_STR(s->instances, id, in);
    return in;
}

provider *scaler_provider(const scaler *s, const instance *in)
{
    return in->origin == ORIGIN_NODE && s->nodes ? s->nodes : s->provider;
}

static void drop_env(scaler *s, env *e)
{
    HASH_DEL(s->envs, e);
    free(e->name);
    free(e->cluster);
    free(e->kube_namespace);
    kube_environment_free(e->kube);
    env_types_free(e);
    free(e->shapes);
    free(e->shortages);
    free(e->written_lacking);
    free(e->written_reason);
    free(e->written_shapes);
    json_decref(e->counted.json);
    free(e);
}

void envs_drop_instance(scaler *s, instance *in)
{
    HASH_DEL(s->instances, in);
    free(in->type);
    free(in->node_name);
    free(in->node_uid);
    free(in->fate_text);
    free(in->plan);
    free(in->launch_hash);
    json_decref(in->counted.json);
    free(in);
}

void scaler_forget(scaler *s)
{
    env *e, *next_env;
    instance *in, *next_instance;
    HASH_ITER(hh, s->envs, e, next_env)
    drop_env(s, e);
    HASH_ITER(hh, s->instances, in, next_instance)
    envs_drop_instance(s, in);
}

static char *dup_or_null(const char *text)
{
    return text ? ob_strdup(text) : NULL;
}

static void load_env(scaler *s, const PGresult *res, int row)
{
    int64_t id = ob_col_int(res, row, ENV_ID, 0), version = ob_col_int(res, row, ENV_VERSION, 0);
    env *e = scaler_env(s, id);
    if (!e) {
        e = ob_calloc(1, sizeof(*e));
        e->id = id;
        e->version = -1;
        HASH_ADD(hh, s->envs, id, sizeof(e->id), e);
    }
    e->seen = true;
    e->deleting = ob_col_bool(res, row, ENV_DELETING);
    e->enabled = ob_col_bool(res, row, ENV_ENABLED);
    e->written_version = ob_col_int(res, row, ENV_STATUS_VERSION, -1);
    e->written_desired = (int32_t)ob_col_int(res, row, ENV_STATUS_DESIRED_VCPUS, 0);
    free(e->written_lacking);
    free(e->written_shapes);
    e->written_lacking = dup_or_null(ob_col(res, row, ENV_STATUS_LACKING));
    e->written_shapes = dup_or_null(ob_col(res, row, ENV_STATUS_SHAPES));
    free(e->written_reason);
    e->written_valid = ob_col_bool(res, row, ENV_STATUS_VALID);
    e->written_reason = dup_or_null(ob_col(res, row, ENV_STATUS_REASON));
    if (e->version == version)
        return;
    e->version = version;
    free(e->name);
    e->name = ob_strdup(ob_col(res, row, ENV_NAME));
    const char *kind = ob_col(res, row, ENV_RESOURCE_TYPE);
    e->managed = ob_col_bool(res, row, ENV_MANAGED);
    const char *cluster = ob_col(res, row, ENV_EKS_CLUSTER_ARN);
    const char *space = ob_col(res, row, ENV_KUBERNETES_NAMESPACE);
    e->kubernetes = e->unchecked = cluster != NULL;
    free(e->cluster);
    free(e->kube_namespace);
    e->cluster = dup_or_null(cluster);
    e->kube_namespace = dup_or_null(space);
    ob_text_into(e->uuid, sizeof(e->uuid), ob_col(res, row, ENV_UUID));
    e->exact = !strncmp(kind, "FARGATE", strlen("FARGATE"));
    e->spot = !strcmp(kind, "SPOT") || !strcmp(kind, "FARGATE_SPOT");
    e->min_vcpus = (int32_t)ob_col_int(res, row, ENV_MIN_VCPUS, 0);
    e->max_vcpus = (int32_t)ob_col_int(res, row, ENV_MAX_VCPUS, 0);
    /* A desiredvCpus that a user has just set is reached once; after that demand decides. */
    if (e->written_version != version)
        e->wanted_vcpus = (int32_t)ob_col_int(res, row, ENV_DESIRED_VCPUS, 0);
    env_types_set(s, e, ob_col(res, row, ENV_BODY));
}

/* ---- Instances ---- */

instance *envs_add_instance(scaler *s,
                            const char *id,
                            const env *e,
                            const char *type,
                            decide_launch *launch,
                            const char *key_salt,
                            int64_t now_ms)
{
    instance *in = ob_calloc(1, sizeof(*in));
    (void)snprintf(in->id, sizeof(in->id), "%s", id);
    ob_seal_trust_set(&in->trust, key_salt, NULL);
    in->key_stored = true;
    in->ce_id = e->id;
    instance_set_type(in, type);
    in->nominal = launch->nominal;
    in->size = launch->size;
    in->spot = e->spot;
    in->launch_hash = ob_strdup(e->launch_hash);
    in->plan = ob_take(launch->plan);
    in->n_plan = launch->n_plan;
    in->state = OB_INSTANCE_LAUNCHING;
    in->since_ms = in->idle_since_ms = now_ms;
    in->held = -1;
    in->figures.known = true; /* nothing has run there yet */
    if (launch->type && launch->type->may_fail)
        (void)instance_set_prospect(in, PROSPECT_MAY_FAIL);
    HASH_ADD_STR(s->instances, id, in);
    return in;
}

static void load_instance(scaler *s, const PGresult *res, int row, int64_t now_ms)
{
    const char *id = ob_col(res, row, INSTANCE_ROW_ID);
    ob_instance_state state = (ob_instance_state)ob_col_int(res, row, INSTANCE_ROW_STATE, 0);
    instance *in = scaler_instance(s, id);
    if (!in) {
        in = ob_calloc(1, sizeof(*in));
        (void)snprintf(in->id, sizeof(in->id), "%s", id);
        in->since_ms = in->idle_since_ms = now_ms;
        in->held = -1;
        in->ran = true; /* it may have */
        instance_set_type(in, ob_col(res, row, INSTANCE_ROW_TYPE));
        in->launch_hash = ob_strdup(ob_col(res, row, INSTANCE_ROW_INFRA));
        in->node_name = dup_or_null(ob_col(res, row, INSTANCE_ROW_NODE_NAME));
        in->node_uid = dup_or_null(ob_col(res, row, INSTANCE_ROW_NODE_UID));
        in->state = state;
        HASH_ADD_STR(s->instances, id, in);
    }
    if (in->state != state)
        instance_set_state(in, state, now_ms);
    in->seen = true;
    in->has_deadline = ob_col_bool(res, row, INSTANCE_ROW_HAS_DEADLINE);
    if (!ob_col_bool(res, row, INSTANCE_ROW_DOUBTFUL))
        (void)instance_set_prospect(in, PROSPECT_SURE);
    else if (in->prospect == PROSPECT_SURE)
        (void)instance_set_prospect(in, PROSPECT_MAY_FAIL);
    in->ce_id = ob_col_int(res, row, INSTANCE_ROW_CE_ID, 0);
    in->spot = ob_col_bool(res, row, INSTANCE_ROW_SPOT);
    in->size = (ob_resources){ .mcpu = (int32_t)ob_col_int(res, row, INSTANCE_ROW_MCPU, 0),
                               .mem_mib = (int32_t)ob_col_int(res, row, INSTANCE_ROW_MEM_MIB, 0),
                               .gpus = (int32_t)ob_col_int(res, row, INSTANCE_ROW_GPUS, 0) };
    const ob_instance_type *type = ob_catalog_find(in->type);
    in->launched = in->launched || in->origin == ORIGIN_JOINED;
    in->nominal = type ? ob_catalog_nominal(type) : in->size;
    if (in->origin == ORIGIN_JOINED || in->origin == ORIGIN_UNMANAGED_LOCAL ||
        in->origin == ORIGIN_NODE)
        in->nominal = (ob_resources){ 0 };
    in->key_stored = ob_col(res, row, INSTANCE_ROW_KEY_SALT) != NULL;
    ob_seal_trust_set(&in->trust, ob_col(res, row, INSTANCE_ROW_KEY_SALT),
                      ob_col(res, row, INSTANCE_ROW_TOKEN_HASH));
}

/* At first the use comes from PostgreSQL; later from the scheduler, which is more recent. */
static void load_use(scaler *s, const PGresult *res, int row)
{
    instance *in = scaler_instance(s, ob_col(res, row, USE_INSTANCE_ID));
    if (!in)
        return;
    in->runs = (int32_t)ob_col_int(res, row, USE_RUNS, 0);
    in->used = (ob_resources){ .mcpu = (int32_t)ob_col_int(res, row, USE_MCPU, 0),
                               .mem_mib = (int32_t)ob_col_int(res, row, USE_MEM_MIB, 0),
                               .gpus = (int32_t)ob_col_int(res, row, USE_GPUS, 0) };
    in->idle_since_ms = 0;
}

static void forget_unseen(scaler *s)
{
    env *e, *next_env;
    instance *in, *next_instance;
    HASH_ITER(hh, s->envs, e, next_env)
    if (!e->seen)
        drop_env(s, e);
    HASH_ITER(hh, s->instances, in, next_instance)
    if (!in->seen)
        envs_drop_instance(s, in);
}

int envs_load(scaler *s, bool first, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *envs = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *instances = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *use = NULL;
    ob_db *db = ob_leader_db(s->leader);
    int r = store_envs(db, &envs, err);
    if (r == 0)
        r = store_all_instances(db, &instances, err);
    if (r == 0 && first)
        r = store_use(db, &use, err);
    if (r < 0)
        return r;

    for (env *e = s->envs; e; e = e->hh.next)
        e->seen = false;
    for (instance *in = s->instances; in; in = in->hh.next)
        in->seen = false;
    for (int i = 0; i < PQntuples(envs); i++)
        load_env(s, envs, i);
    for (int i = 0; i < PQntuples(instances); i++)
        load_instance(s, instances, i, now_ms);
    for (int i = 0; first && i < PQntuples(use); i++)
        load_use(s, use, i);
    forget_unseen(s);
    s->dirty = true;
    return 0;
}
