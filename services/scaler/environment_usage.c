/* Points of an environment's use over time (ce_usage): every EVERY_MS those that differ from the
 * ones before, in one transaction, and after LONGEST_MS all. Decides nothing. Loop thread. */
#include "environment_usage.h"

#include <string.h>

#include "environments.h"
#include "ob/clock.h"
#include "scaler_store.h"

#define EVERY_MS 10000
#define LONGEST_MS 600000

static void add_instance(ce_usage *u, const instance *in)
{
    /* A host that joined counts nothing against a maximum, but jobs use it. */
    const ob_resources *size = in->nominal.mcpu > 0 ? &in->nominal : &in->size;
    u->instances++;
    u->mcpu += in->used.mcpu;
    if (in->state == OB_INSTANCE_ACTIVE || in->state == OB_INSTANCE_DRAINING)
        u->provisioned_mcpu += size->mcpu;
}

static bool differs(const ce_usage *a, const ce_usage *b)
{
    return a->mcpu != b->mcpu || a->provisioned_mcpu != b->provisioned_mcpu ||
           a->desired_vcpus != b->desired_vcpus || a->max_vcpus != b->max_vcpus ||
           a->instances != b->instances;
}

/* One for each environment, in the order of the table. */
static ce_usage *count_all(const scaler *s)
{
    ce_usage *all = ob_calloc(HASH_COUNT(s->envs) + 1, sizeof(*all));
    size_t n = 0;
    for (env *e = s->envs; e; e = e->hh.next) {
        e->usage_at = n;
        all[n++] = (ce_usage){ .ce_id = e->id,
                               .at_ms = ob_wall_ms(),
                               .desired_vcpus = e->written_desired,
                               .max_vcpus = e->max_vcpus };
    }
    for (const instance *in = s->instances; in; in = in->hh.next) {
        const env *e = scaler_env(s, in->ce_id);
        if (e)
            add_instance(&all[e->usage_at], in);
    }
    return all;
}

int environment_usage_write(scaler *s, int64_t now_ms, ob_error *err)
{
    if (s->used_at_ms && now_ms - s->used_at_ms < EVERY_MS)
        return 0;
    ob_cleanup(ob_freep) ce_usage *all = count_all(s);
    ob_cleanup(ob_freep) ce_usage *due = ob_calloc(HASH_COUNT(s->envs) + 1, sizeof(*due));
    size_t n = 0;
    for (const env *e = s->envs; e; e = e->hh.next)
        if (!e->usage_ms || now_ms - e->usage_ms >= LONGEST_MS ||
            differs(&all[e->usage_at], &e->usage))
            due[n++] = all[e->usage_at];
    int r = n > 0 ? store_put_usage(s->leader, due, n, err) : 0;
    if (r < 0)
        return r;
    s->used_at_ms = now_ms;
    for (size_t i = 0; i < n; i++) {
        env *e = scaler_env(s, due[i].ce_id);
        e->usage = due[i];
        e->usage_ms = now_ms;
    }
    return 0;
}
