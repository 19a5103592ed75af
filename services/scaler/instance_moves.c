/* See instance_moves.h. Owns nothing. Invariants: memory changes after the commit; no provider call
 * inside a transaction. Loop thread. */
#include "instance_moves.h"

#include "announce.h"
#include "decide/env_types.h"
#include "environment_metrics.h"
#include "environments.h"
#include "ob/clock.h"
#include "ob/log.h"

void id_list_done(id_list *list)
{
    free(list->ids);
}

void id_list_add(id_list *list, const char *id)
{
    list->ids = ob_realloc(list->ids, (list->n + 1) * sizeof(*list->ids));
    list->ids[list->n++] = id;
}

/* After the commit. */
static void moved(scaler *s, instance *in, ob_instance_state to, const char *reason, int64_t now_ms)
{
    ob_info("instance.changed", "{s:s, s:I, s:s, s:s, s:s, s:s*}", "instance", in->id, "ce",
            (json_int_t)in->ce_id, "type", in->type, "from", ob_instance_state_name(in->state),
            "to", ob_instance_state_name(to), "reason", reason);
    environment_metrics_move(s, in, to, now_ms);
    instance_set_state(in, to, now_ms);
    s->dirty = true;
}

static void became_active(scaler *s, instance *in, int64_t now_ms)
{
    env *e = scaler_env(s, in->ce_id);
    in->idle_since_ms = in->runs > 0 ? 0 : now_ms;
    if (e && in->prospect != PROSPECT_SURE)
        env_types_accept(e, in->type);
    (void)instance_set_prospect(in, PROSPECT_SURE);
}

static void end_at_provider(scaler *s, const instance *in, bool graceful)
{
    provider *p = scaler_provider(s, in);
    if (in->origin != ORIGIN_JOINED) /* the scheduler informs such an executor */
        p->ops->terminate(p, in->id, graceful);
}

static void after_move(scaler *s, instance *in, const store_move *move, int64_t now_ms)
{
    in->has_deadline = in->has_deadline || move->deadline_ms >= 0;
    if (move->to == OB_INSTANCE_ACTIVE)
        became_active(s, in, now_ms);
    if (move->to == OB_INSTANCE_LOST || move->to == OB_INSTANCE_TERMINATED)
        end_at_provider(s, in, move->to == OB_INSTANCE_TERMINATED);
    if (move->to == OB_INSTANCE_TERMINATED)
        envs_drop_instance(s, in);
}

int moves_commit(scaler *s, const id_list *list, const store_move *move, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    if (list->n == 0)
        return 0;
    int r = store_advance(s->leader, list->ids, list->n, move, &res, err);
    if (r < 0)
        return r;
    int64_t now_ms = ob_mono_ms();
    ob_cleanup(id_list_done) id_list changed = { 0 };
    for (int i = 0; i < PQntuples(res); i++) {
        instance *in = scaler_instance(s, PQgetvalue(res, i, MOVED_ID));
        if (!in)
            continue;
        moved(s, in, move->to, move->reason, now_ms);
        id_list_add(&changed, PQgetvalue(res, i, MOVED_ID));
    }
    announce_instances(s, changed.ids, changed.n);
    for (size_t i = 0; i < changed.n; i++)
        after_move(s, scaler_instance(s, changed.ids[i]), move, now_ms);
    return 0;
}

int moves_advance(scaler *s,
                  const id_list *list,
                  unsigned from,
                  ob_instance_state to,
                  const char *reason,
                  ob_error *err)
{
    return moves_commit(
        s, list, &(store_move){ .from = from, .to = to, .reason = reason, .deadline_ms = -1 }, err);
}

int moves_end_empty(scaler *s, const id_list *list, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *ended = NULL;
    ob_cleanup(id_list_done) id_list changed = { 0 };
    if (list->n == 0)
        return 0;
    int r = store_end_empty(s->leader, list->ids, list->n, &ended, err);
    for (int i = 0; r == 0 && i < PQntuples(ended); i++)
        id_list_add(&changed, PQgetvalue(ended, i, MOVED_ID));
    announce_instances(s, changed.ids, changed.n);
    for (size_t i = 0; i < changed.n; i++) {
        instance *in = scaler_instance(s, changed.ids[i]);
        if (!in)
            continue;
        bool lost = in->state == OB_INSTANCE_LOST;
        moved(s, in, OB_INSTANCE_TERMINATED, NULL, now_ms);
        end_at_provider(s, in, !lost);
        envs_drop_instance(s, in);
    }
    return r;
}
