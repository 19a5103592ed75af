/* Instances of unmanaged environments. Owns the offers that wait for the next turn. Never launches
 * for a managed environment.
 *
 * Invariants: a row is made only for an executor that has a join token of that very environment:
 * its message opens with a key under that token, and the statement that makes the row checks it; no
 * row is made with the salt of an earlier version, whose key follows from the join token; an ended
 * id is never accepted again; an executor repeats its offer, so none needs to be stored. Loop
 * thread. */
#include "unmanaged.h"

#include <stdio.h>
#include <string.h>

#include "environments.h"
#include "launches.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "scaler_store.h"

#define OFFERS_MAX 32 /* a turn */
#define REFUSED_EVERY_MS 60000
/* No machine is larger, and sums of many still fit the type. */
#define MCPU_MAX (4096 * 1000)
#define MEM_MIB_MAX (64 * 1024 * 1024)
#define GPUS_MAX 256
#define CE_MAX 383 /* an ARN */

struct join_offer {
    char id[OB_INSTANCE_TEXT];
    char *ce;
    char join_hash[OB_TOKEN_HASH_TEXT], key_salt[OB_SEAL_SALT_TEXT];
    ob_resources size;
};

static bool take_size(const json_t *join, ob_resources *ret)
{
    int64_t mcpu = ob_json_int(join, "mcpu", 0), mem = ob_json_int(join, "mem", 0);
    int64_t gpus = ob_json_int(join, "gpus", 0);
    *ret = (ob_resources){ .mcpu = (int32_t)mcpu, .mem_mib = (int32_t)mem, .gpus = (int32_t)gpus };
    return mcpu > 0 && mcpu <= MCPU_MAX && mem > 0 && mem <= MEM_MIB_MAX && gpus >= 0 &&
           gpus <= GPUS_MAX;
}

/* The executor repeats its offer every second. */
static void refuse(scaler *s, const char *id, const char *ce, const char *why)
{
    int64_t now_ms = ob_mono_ms();
    if (s->join_refused_at_ms && now_ms - s->join_refused_at_ms < REFUSED_EVERY_MS)
        return;
    ob_warn("join.refused", "{s:o, s:o, s:s}", "instance", ob_json_text(id), "ce", ob_json_text(ce),
            "error", why);
    s->join_refused_at_ms = now_ms;
}

void join_note(scaler *s, const json_t *msg)
{
    const json_t *join = json_object_get(msg, "join");
    const char *id = ob_json_str(msg, "instance", ""), *ce = ob_json_str(msg, "ce", "");
    const char *salt = ob_seal_salt_of(msg);
    char token[OB_SEAL_JOIN_TEXT];
    join_offer offer = { 0 };
    if (!ob_instance_id_is(id) || !*ce || strlen(ce) > CE_MAX || !take_size(join, &offer.size) ||
        s->n_offers == OFFERS_MAX || !*salt)
        return;
    if (ob_seal_is_host_of_before(salt)) {
        refuse(
            s, id, ce,
            "its join token, or its program, is of an earlier version; ./openbatch join prints a "
            "new one");
        return;
    }
    if (!ob_seal_join_of(&s->seal, salt, token))
        return;
    for (size_t i = 0; i < s->n_offers; i++)
        if (!strcmp(s->offers[i].id, id))
            return;
    memcpy(offer.id, id, sizeof(offer.id));
    ob_token_hash(token, offer.join_hash);
    explicit_bzero(token, sizeof(token));
    (void)snprintf(offer.key_salt, sizeof(offer.key_salt), "%s", salt);
    offer.ce = ob_strdup(ce);
    s->offers = ob_realloc(s->offers, (s->n_offers + 1) * sizeof(*s->offers));
    s->offers[s->n_offers++] = offer;
}

static int let_in(scaler *s, const join_offer *offer, int64_t now_ms, ob_error *err)
{
    int64_t ce_id = 0;
    int r = store_join(s->leader,
                       &(store_joining){ .id = offer->id,
                                         .ce = offer->ce,
                                         .join_hash = offer->join_hash,
                                         .key_salt = offer->key_salt,
                                         .size = offer->size },
                       &ce_id, err);
    if (r < 0)
        return r;
    env *e = ce_id ? scaler_env(s, ce_id) : NULL;
    if (ce_id && !e) { /* as new as its environment: read with it */
        s->reload_owed = true;
        return 0;
    }
    if (!e) {
        refuse(s, offer->id, offer->ce,
               "the compute environment is not known or not unmanaged, the join token is not one "
               "of it, or the instance has ended");
        return 0;
    }
    decide_launch as = { .size = offer->size };
    instance *in =
        envs_add_instance(s, offer->id, e, PROVIDER_JOINED, &as, offer->key_salt, now_ms);
    in->launched = true;
    (void)instance_set_executor(in, EXECUTOR_REGISTERED);
    ob_info("instance.joined", "{s:s, s:s, s:i, s:i}", "instance", in->id, "ce", e->name, "mcpu",
            in->size.mcpu, "mem", in->size.mem_mib);
    s->dirty = true;
    return 0;
}

static bool has_instance(const scaler *s, const env *e)
{
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->ce_id == e->id && in->origin == ORIGIN_UNMANAGED_LOCAL)
            return true;
    return false;
}

/* Launches an executor of this host for an environment without one: as large as the whole
 * provider. */
static int launch_local(scaler *s, env *e, int64_t now_ms, ob_error *err)
{
    provider_room room;
    s->provider->ops->room(s->provider, &room);
    decide_launch one = { .size = { .mcpu = (int32_t)room.mcpu,
                                    .mem_mib = (int32_t)room.mem_mib } };
    return launches_start(s, &one, &e, 1, now_ms, err);
}

int join_turn(scaler *s, int64_t now_ms, ob_error *err)
{
    int r = 0;
    for (size_t i = 0; i < s->n_offers; i++) {
        if (r == 0 && !scaler_instance(s, s->offers[i].id))
            r = let_in(s, &s->offers[i], now_ms, err);
        free(s->offers[i].ce);
    }
    s->n_offers = 0;
    env *e, *next;
    HASH_ITER(hh, s->envs, e, next)
    {
        if (r == 0 && s->config.unmanaged_local && !e->managed && !e->kubernetes && e->enabled &&
            !e->deleting && !has_instance(s, e))
            r = launch_local(s, e, now_ms, err);
    }
    return r;
}

void join_done(scaler *s)
{
    for (size_t i = 0; i < s->n_offers; i++)
        free(s->offers[i].ce);
    free(s->offers);
    s->offers = NULL;
    s->n_offers = 0;
}
