/* LAUNCHING instances, see launches.h. Owns no memory. Invariants: the row is committed before the
 * provider is asked to launch; no provider call inside a transaction; a launch is repeated by the
 * same id. Loop thread. */
#include "launches.h"

#include <stdio.h>
#include <string.h>

#include "announce.h"
#include "decide/env_types.h"
#include "environment_metrics.h"
#include "environments.h"
#include "instance_moves.h"
#include "ob/log.h"

#define RETRY_MS 1000

/* A launch failed. */
static int
end_launch(scaler *s, instance *in, int why, const char *text, int64_t now_ms, ob_error *err)
{
    env *e = scaler_env(s, in->ce_id);
    in->end_code = environment_metrics_refused(s, why);
    if (e && why == -ENOSPC)
        env_types_refuse(e, in->type, now_ms);
    if (e && why == -EINVAL && !e->invalid)
        e->invalid = ob_strf("CLIENT_ERROR - %s", text);
    return moves_advance(s, &(id_list){ .ids = (const char *[]){ in->id }, .n = 1 },
                         BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED, text, err);
}

/* Fargate has no types: its instances are what the provider can run. */
static ob_arch arch_of(scaler *s, const instance *in)
{
    const ob_instance_type *type = ob_catalog_find(in->type);
    if (type)
        return type->arch;
    return s->provider->ops->refuses(s->provider, OB_ARCH_X86_64) ? OB_ARCH_ARM64 : OB_ARCH_X86_64;
}

/* What the executor of a node is told. Returns how many settings there are. */
#define NODE_SETTINGS 7
static size_t node_settings(const scaler *s,
                            const env *e,
                            const instance *in,
                            provider_setting out[NODE_SETTINGS])
{
    if (in->origin != ORIGIN_NODE || !e || !e->kubernetes)
        return 0;
    const provider_setting all[NODE_SETTINGS] = {
        { "OPENBATCH_RUNTIME", PROVIDER_KUBERNETES },
        { "OPENBATCH_KUBERNETES_DIR", s->config.kubernetes_dir ? s->config.kubernetes_dir : "" },
        { "OPENBATCH_KUBERNETES_CLUSTER", e->cluster },
        { "OPENBATCH_KUBERNETES_NAMESPACE", e->kube_namespace },
        { "OPENBATCH_KUBERNETES_NODE", in->node_name },
        { "OPENBATCH_KUBERNETES_NODE_UID", in->node_uid },
        { "OPENBATCH_KUBERNETES_CE_UUID", e->uuid },
    };
    memcpy(out, all, sizeof(all));
    return NODE_SETTINGS;
}

/* Asks the provider. salt: of the key that the instance gets; NULL: it has its own. A refusal for
 * lack of capacity ends the row */
static int provide(scaler *s, instance *in, const char *salt, int64_t now_ms, ob_error *err)
{
    const env *e = scaler_env(s, in->ce_id);
    char token[OB_SEAL_TOKEN_TEXT] = "";
    ob_seal_owner owner = { 0 };
    (void)snprintf(owner.instance, sizeof(owner.instance), "%s", in->id);
    (void)snprintf(owner.salt, sizeof(owner.salt), "%s", salt ? salt : "");
    if (salt)
        ob_seal_token(&s->seal, &owner, token);
    bool known = ob_catalog_find(in->type) || in->origin != ORIGIN_CATALOGUE;
    ob_error said = { 0 };
    provider_setting more[NODE_SETTINGS];
    provider_launch_spec spec = { .id = in->id,
                                  .token = salt ? token : NULL,
                                  .ce_name = e ? e->name : "",
                                  .type = in->type,
                                  .arch = arch_of(s, in),
                                  .size = in->nominal,
                                  .spot = in->spot,
                                  .more = more,
                                  .n_more = node_settings(s, e, in, more),
                                  .resources = e ? e->resources : NULL };
    provider *p = scaler_provider(s, in);
    int r = known ? p->ops->launch(p, &spec, &said)
                  : ob_fail(&said, EINVAL, "instance type %s is not in the catalogue", in->type);
    explicit_bzero(token, sizeof(token));
    if (r == 0) {
        in->launched = true;
        return 0;
    }
    in->retry_at_ms = now_ms + RETRY_MS;
    ob_warn("launch.failed", "{s:s, s:s, s:s}", "instance", in->id, "type", in->type, "error",
            said.text);
    if ((r != -ENOSPC && r != -EINVAL) || in->state != OB_INSTANCE_LAUNCHING) {
        (void)environment_metrics_refused(s, r);
        return 0;
    }
    return end_launch(s, in, r, said.text, now_ms, err);
}

static const char *type_of(const env *e, const decide_launch *l)
{
    return l->type ? l->type->name : e->managed ? PROVIDER_FARGATE : PROVIDER_UNMANAGED_LOCAL;
}

int launches_start(
    scaler *s, decide_launch *launches, env *const *envs, size_t n, int64_t now_ms, ob_error *err)
{
    if (n == 0)
        return 0;
    ob_cleanup(ob_freep) store_instance *rows = ob_calloc(n, sizeof(*rows));
    char(*ids)[OB_INSTANCE_TEXT] = ob_calloc(n, sizeof(*ids));
    char(*salts)[OB_SEAL_SALT_TEXT] = ob_calloc(n, sizeof(*salts));
    for (size_t i = 0; i < n; i++) {
        const env *e = envs[launches[i].env];
        const decide_launch *l = &launches[i];
        ob_instance_id_new(ids[i]);
        ob_seal_salt_new(salts[i]);
        rows[i] = (store_instance){ .id = ids[i],
                                    .type = type_of(e, l),
                                    .key_salt = salts[i],
                                    .ce_id = e->id,
                                    .spot = e->spot,
                                    .may_fail = l->type && l->type->may_fail,
                                    .launch_hash = e->launch_hash,
                                    .size = l->size,
                                    .vcpus = (l->nominal.mcpu + 999) / 1000 };
    }
    int r = store_insert(s->leader, rows, n, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const env *e = envs[launches[i].env];
        instance *in = envs_add_instance(s, ids[i], e, type_of(e, &launches[i]), &launches[i],
                                         salts[i], now_ms);
        ob_info("instance.changed", "{s:s, s:I, s:s, s:s}", "instance", in->id, "ce",
                (json_int_t)in->ce_id, "type", in->type, "to", "LAUNCHING");
    }
    /* Launches that are not reached because of an error are retried like any launch without an
     * answer. */
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = provide(s, scaler_instance(s, ids[i]), salts[i], now_ms, err);
        if (r == 0)
            r = ob_leader_keep(s->leader, err);
    }
    free(ids);
    free(salts);
    return r;
}

int launches_join_node(scaler *s,
                       const env *e,
                       const node_facts *node,
                       const ob_resources *size,
                       int64_t now_ms,
                       ob_error *err)
{
    char id[OB_INSTANCE_TEXT], salt[OB_SEAL_SALT_TEXT];
    ob_instance_id_new(id);
    ob_seal_salt_new(salt);
    int r = store_insert(s->leader,
                         &(store_instance){ .id = id,
                                            .type = PROVIDER_KUBERNETES,
                                            .key_salt = salt,
                                            .ce_id = e->id,
                                            .launch_hash = e->launch_hash,
                                            .node_name = node->name,
                                            .node_uid = node->uid,
                                            .size = *size },
                         1, err);
    if (r < 0)
        return r;
    decide_launch as = { .size = *size };
    instance *in = envs_add_instance(s, id, e, PROVIDER_KUBERNETES, &as, salt, now_ms);
    in->node_name = ob_strdup(node->name);
    in->node_uid = ob_strdup(node->uid);
    ob_info("node.joined", "{s:s, s:s, s:s, s:i, s:i, s:i}", "instance", in->id, "ce", e->name,
            "node", in->node_name, "mcpu", size->mcpu, "mem", size->mem_mib, "gpus", size->gpus);
    return provide(s, in, salt, now_ms, err);
}

static int set_key(scaler *s, instance *in, const char *salt, ob_error *err)
{
    int r = store_key(s->leader, in->id, salt, err);
    if (r < 0)
        return r;
    ob_seal_trust_set(&in->trust, salt, NULL);
    in->key_stored = true;
    announce_instances(s, &(const char *){ in->id }, 1); /* who knows another key reads */
    return 0;
}

int launches_store_keys(scaler *s, ob_error *err)
{
    int r = 0;
    for (instance *in = s->instances; in && r == 0; in = in->hh.next) {
        if (in->key_stored || !*in->trust.salt)
            continue;
        ob_info("key.adopted", "{s:s}", "instance", in->id);
        char salt[OB_SEAL_SALT_TEXT];
        memcpy(salt, in->trust.salt, sizeof(salt));
        r = set_key(s, in, salt, err);
    }
    return r;
}

/* A launch without an answer, or whose directory is gone, is repeated with the same id, and gets a
 * new key. An instance that has been ACTIVE is never made again: a new one would know nothing of
 * the runs that have started there, and would start them a second time. One of an earlier version
 * has no key yet: it gets its first, always the same, which counts when its executor has used it.
 */
static int relaunch(scaler *s, instance *in, int64_t now_ms, ob_error *err)
{
    provider *p = scaler_provider(s, in);
    int has = p->ops->has(p, in->id);
    if (has < 0) {
        in->retry_at_ms = now_ms + RETRY_MS;
        return 0;
    }
    if (has)
        return provide(s, in, *in->trust.salt ? NULL : OB_SEAL_FIRST_SALT, now_ms, err);
    if (in->state != OB_INSTANCE_LAUNCHING) {
        in->retry_at_ms = now_ms + RETRY_MS;
        (void)instance_set_fate(in, FATE_GONE, 0, "the provider no longer has it");
        return 0;
    }
    char salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    int r = set_key(s, in, salt, err);
    return r < 0 ? r : provide(s, in, salt, now_ms, err);
}

static int relaunch_due(scaler *s, int64_t now_ms, ob_error *err)
{
    instance *in, *next;
    int r = 0;
    HASH_ITER(hh, s->instances, in, next)
    {
        if (r < 0 || in->launched || in->state == OB_INSTANCE_LOST || now_ms < in->retry_at_ms)
            continue;
        r = relaunch(s, in, now_ms, err);
        if (r == 0)
            r = ob_leader_keep(s->leader, err);
    }
    return r;
}

int launches_reconcile(scaler *s, int64_t now_ms, ob_error *err)
{
    s->provider->ops->list(s->provider);
    if (s->nodes)
        s->nodes->ops->list(s->nodes);
    return relaunch_due(s, now_ms, err);
}

/* ---- What the provider says ---- */

/* An instance without a row, or one that was given up, is ended. A row is committed before its
 * launch, so it is known here by then. */
static void found(scaler *s, provider *of, const char *id)
{
    instance *in = scaler_instance(s, id);
    if (in && in->state != OB_INSTANCE_LOST) {
        if (in->prospect == PROSPECT_MAY_FAIL)
            (void)instance_set_prospect(in, PROSPECT_FOUND);
        return;
    }
    s->unknown = ob_realloc(s->unknown, (s->n_unknown + 1) * sizeof(*s->unknown));
    unknown_instance *unknown = &s->unknown[s->n_unknown++];
    unknown->of = of;
    (void)snprintf(unknown->id, sizeof(unknown->id), "%s", id);
}

static void on_found(const char *id, void *arg)
{
    scaler *s = arg;
    found(s, s->provider, id);
}

static void on_found_node(const char *id, void *arg)
{
    scaler *s = arg;
    found(s, s->nodes, id);
}

static void on_failed(const char *id, int r, const char *text, void *arg)
{
    instance *in = scaler_instance(arg, id);
    if (in)
        (void)instance_set_fate(in, FATE_FAILED, r, text);
}

static void on_gone(const char *id, const char *text, void *arg)
{
    instance *in = scaler_instance(arg, id);
    if (in)
        (void)instance_set_fate(in, FATE_GONE, 0, text);
}

void launches_listen(scaler *s)
{
    s->provider->on =
        (provider_sink){ .found = on_found, .failed = on_failed, .gone = on_gone, .arg = s };
    if (!s->nodes)
        return;
    s->nodes->on = s->provider->on;
    s->nodes->on.found = on_found_node;
}

static void end_unknown(scaler *s)
{
    for (size_t i = 0; i < s->n_unknown; i++) {
        const unknown_instance *unknown = &s->unknown[i];
        /* It is known by now: another leader's, read since. */
        const instance *in = scaler_instance(s, unknown->id);
        if (in && in->state != OB_INSTANCE_LOST)
            continue;
        ob_info("instance.disowned", "{s:s}", "instance", unknown->id);
        unknown->of->ops->terminate(unknown->of, unknown->id, false);
    }
    s->n_unknown = 0;
}

/* A doubtful launch has succeeded: it counts from now on, and its type is available again. */
static int take_found(scaler *s, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    ob_cleanup(id_list_done) id_list changed = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->prospect == PROSPECT_FOUND && in->state == OB_INSTANCE_LAUNCHING)
            id_list_add(&list, in->id);
    if (list.n == 0)
        return 0;
    int r = store_found(s->leader, list.ids, list.n, &res, err);
    for (int i = 0; r == 0 && i < PQntuples(res); i++) {
        instance *in = scaler_instance(s, PQgetvalue(res, i, MOVED_ID));
        env *e = in ? scaler_env(s, in->ce_id) : NULL;
        id_list_add(&changed, PQgetvalue(res, i, MOVED_ID));
        if (in)
            (void)instance_set_prospect(in, PROSPECT_SURE);
        if (e)
            env_types_accept(e, in->type);
        s->dirty = true;
    }
    announce_instances(s, changed.ids, changed.n);
    return r;
}

/* Instances that failed later, or ended without an order. */
static int take_failures(scaler *s, int64_t now_ms, ob_error *err)
{
    instance *in, *next;
    int r = 0;
    HASH_ITER(hh, s->instances, in, next)
    {
        bool launching = in->state == OB_INSTANCE_LAUNCHING;
        id_list one = { .ids = (const char *[]){ in->id }, .n = 1 };
        if (r < 0 || in->fate == FATE_OPEN)
            continue;
        int error = in->fate_error;
        ob_cleanup(ob_freep) char *text = ob_take(in->fate_text);
        (void)instance_set_fate(in, FATE_OPEN, 0, NULL);
        if (!launching)
            in->end_code = "gone";
        if (launching)
            r = end_launch(s, in, error, text, now_ms, err);
        else if (in->state == OB_INSTANCE_ACTIVE || in->state == OB_INSTANCE_DRAINING)
            r = moves_advance(s, &one, BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING),
                              OB_INSTANCE_LOST, text, err);
    }
    return r;
}

static int take_registrations(scaler *s, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->executor != EXECUTOR_AWAITED && in->state == OB_INSTANCE_LAUNCHING)
            id_list_add(&list, in->id);
    int r = moves_advance(s, &list, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_ACTIVE, NULL, err);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        instance *in = scaler_instance(s, list.ids[i]);
        if (in->state == OB_INSTANCE_LAUNCHING && in->executor == EXECUTOR_REGISTERED)
            (void)instance_set_executor(in, EXECUTOR_AWAITED); /* the row did not move */
    }
    return r;
}

int launches_hear(scaler *s, int64_t now_ms, ob_error *err)
{
    end_unknown(s);
    int r = take_registrations(s, err);
    if (r == 0)
        r = take_found(s, err);
    return r < 0 ? r : take_failures(s, now_ms, err);
}

/* ---- What is due ---- */

static int give_up_launches(scaler *s, int64_t now_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    int64_t set_ms = s->config.register_ms;
    for (instance *in = s->instances; in; in = in->hh.next) {
        int64_t limit_ms = set_ms > 0 ? set_ms : scaler_provider(s, in)->ops->register_ms;
        if (in->state == OB_INSTANCE_LAUNCHING && now_ms - in->since_ms > limit_ms) {
            in->end_code = "not_registered";
            id_list_add(&list, in->id);
        }
    }
    return moves_advance(s, &list, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED,
                         "its executor did not register in time", err);
}

int launches_turn(scaler *s, int64_t now_ms, ob_error *err)
{
    int r = give_up_launches(s, now_ms, err);
    return r < 0 ? r : relaunch_due(s, now_ms, err);
}
