/* What an environment may launch: its settings and the catalogue. Owns those members of 'env'.
 * Never writes to the database. Loop thread. */
#include "env_types.h"

#include <stdio.h>
#include <string.h>

#include "ob/fargate.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"

#define REFUSED_MS                                                                                 \
    1000 /* a type that the provider had none of is asked for again: twice as long                 \
          */
#define REFUSED_MAX_MS 60000 /* with each time */
#define REFUSED_MAX 12
#define RISK_OF_REFUSAL 5 /* what a refusal adds to the interruptions expected, in % */
#define JOB_TIMEOUT_MINUTES 30
#define LIST_MAX 400

void env_types_free(env *e)
{
    for (size_t i = 0; i < e->n_types; i++)
        free((char *)e->types[i].name);
    free(e->types);
    free(e->refusals);
    free(e->shapes_json);
    json_decref(e->resources);
    free(e->launch_hash);
    free(e->invalid);
}

static decide_strategy strategy_of(const json_t *resources)
{
    static const struct {
        const char *name;
        decide_strategy strategy;
    } known[] = {
        { "BEST_FIT_PROGRESSIVE", DECIDE_PROGRESSIVE },
        { "BEST_FIT_PROGRESSIVE_ORDERED", DECIDE_ORDERED },
        { "SPOT_CAPACITY_OPTIMIZED", DECIDE_SPOT_CAPACITY },
        { "SPOT_PRICE_CAPACITY_OPTIMIZED", DECIDE_SPOT_PRICE_CAPACITY },
        { "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED", DECIDE_SPOT_CAPACITY_PRIORITIZED },
    };
    const char *name = ob_json_str(resources, "allocationStrategy", "BEST_FIT");
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcmp(name, known[i].name))
            return known[i].strategy;
    return DECIDE_BEST_FIT;
}

/* ---- Types ---- */

/* The position in instanceTypes that allows a type: its own name, else the first family or bundle;
 * -1: none. */
static int32_t rank_of(const json_t *entries, const ob_instance_type *type)
{
    size_t i;
    const json_t *entry;
    int32_t rank = -1;
    json_array_foreach(entries, i, entry)
    {
        const char *text = json_string_value(entry);
        if (!text || !ob_catalog_entry_has(text, type))
            continue;
        if (!strcmp(text, type->name))
            return (int32_t)i;
        rank = rank < 0 ? (int32_t)i : rank;
    }
    return rank;
}

/* bidPercentage: a Spot instance is launched only if its price is below that share of the on-demand
 * price. */
static bool is_priced_out(const env *e, const ob_instance_type *type)
{
    int64_t bid = ob_json_int(e->resources, "bidPercentage", 0);
    return e->spot && type->spot * 100 >= type->on_demand * (bid > 0 ? bid : 100);
}

static void list_entries(const json_t *entries, char *out, size_t size)
{
    size_t i;
    const json_t *entry;
    out[0] = '\0';
    json_array_foreach(entries, i, entry)
        ob_text_format(out, size, "%s%s%s", out, i ? ", " : "", json_string_value(entry));
}

static void say_too_large(scaler *s,
                          env *e,
                          const char *list,
                          const provider_room *room,
                          const ob_instance_type *smallest)
{
    char why[256];
    ob_resources nominal = ob_catalog_nominal(smallest);
    provider_room_text(s->provider, room, smallest->name, &nominal, true, why, sizeof(why));
    e->invalid =
        ob_strf("CLIENT_ERROR - The instance types [%s] cannot be launched: %s.", list, why);
}

static void add_types(scaler *s, env *e)
{
    size_t n, n_refused = 0;
    const char *refusal = NULL;
    provider_room room = { 0 };
    const ob_instance_type *large = NULL; /* the smallest one that is too large */
    s->provider->ops->room(s->provider, &room);
    char list[LIST_MAX];
    const json_t *entries = json_object_get(e->resources, "instanceTypes");
    const ob_instance_type *types = ob_catalog_types(&n);
    e->types = ob_calloc(n + 1, sizeof(*e->types));
    e->refusals = ob_calloc(n + 1, sizeof(*e->refusals));
    for (size_t i = 0; i < n; i++) {
        int32_t rank = rank_of(entries, &types[i]);
        if (rank < 0)
            continue;
        const char *why = s->provider->ops->refuses(s->provider, types[i].arch);
        bool dear = is_priced_out(e, &types[i]);
        ob_resources nominal = ob_catalog_nominal(&types[i]);
        bool too_large = !why && provider_too_small(&room, &nominal);
        refusal = why ? why : refusal;
        n_refused += why != NULL || too_large;
        if (too_large && (!large || nominal.mcpu < ob_catalog_nominal(large).mcpu))
            large = &types[i];
        e->types[e->n_types++] =
            (decide_type){ .name = ob_strdup(types[i].name),
                           .nominal = nominal,
                           .usable = ob_catalog_usable(&types[i]),
                           .price = e->spot ? types[i].spot : types[i].on_demand,
                           .interruptions = types[i].interruptions,
                           .rank = rank,
                           .barred = why || dear || too_large,
                           .dear = dear && !too_large,
                           .too_large = too_large };
    }
    list_entries(entries, list, sizeof(list));
    if (e->n_types == 0)
        e->invalid =
            ob_strf("CLIENT_ERROR - None of the instance types [%s] is in the catalogue.", list);
    else if (n_refused == e->n_types && large)
        say_too_large(s, e, list, &room, large);
    else if (n_refused == e->n_types)
        e->invalid = ob_strf(
            "CLIENT_ERROR - The instance types [%s] cannot be launched: they are "
            "%s, and %s.",
            list, ob_catalog_find(e->types[0].name)->arch == OB_ARCH_ARM64 ? "arm64" : "x86_64",
            refusal);
}

void env_types_refuse(env *e, const char *type, int64_t now_ms)
{
    for (size_t i = 0; i < e->n_types; i++) {
        if (strcmp(e->types[i].name, type) != 0)
            continue;
        type_refusals *r = &e->refusals[i];
        int64_t wait_ms = REFUSED_MS << (r->n < REFUSED_MAX ? r->n : REFUSED_MAX);
        r->n++;
        r->until_ms = now_ms + (wait_ms < REFUSED_MAX_MS ? wait_ms : REFUSED_MAX_MS);
    }
}

void env_types_accept(env *e, const char *type)
{
    for (size_t i = 0; i < e->n_types; i++)
        if (!strcmp(e->types[i].name, type))
            e->refusals[i] = (type_refusals){ 0 };
}

void env_types_refresh(env *e, int64_t now_ms)
{
    for (size_t i = 0; i < e->n_types; i++) {
        const ob_instance_type *type = ob_catalog_find(e->types[i].name);
        e->types[i].may_fail = e->refusals[i].n > 0;
        e->types[i].unavailable = e->refusals[i].until_ms > now_ms;
        e->types[i].interruptions =
            type->interruptions +
            RISK_OF_REFUSAL * (e->refusals[i].n < REFUSED_MAX ? e->refusals[i].n : REFUSED_MAX);
    }
}

/* ---- For the scheduler ---- */

static void add_shape(json_t *shapes, const ob_resources *r)
{
    json_auto_t *shape = json_pack("[i, i, i]", r->mcpu, r->mem_mib, r->gpus);
    size_t at;
    const json_t *other;
    json_array_foreach(shapes, at, other)
    {
        if (json_equal(other, shape))
            return;
    }
    (void)json_array_append(shapes, shape);
}

/* [[mcpu, memMiB, gpus], ...] of the types within maxvCpus; of all types if it may be exceeded.
 * Each once. Includes types that are too expensive now, because prices change; excludes types that
 * are larger than the whole provider, because they never come. */
static char *shapes_of(scaler *s, const env *e)
{
    json_auto_t *shapes = json_array();
    provider_room room = { 0 };
    s->provider->ops->room(s->provider, &room);
    if (e->exact) {
        ob_resources sizes[OB_FARGATE_SIZES_MAX];
        size_t n = ob_fargate_sizes(sizes);
        for (size_t i = 0; i < n; i++)
            if (!provider_too_small(&room, &sizes[i]))
                add_shape(shapes, &sizes[i]);
    }
    for (size_t i = 0; i < e->n_types; i++)
        if (!e->types[i].too_large &&
            (e->may_exceed || e->types[i].nominal.mcpu <= (int64_t)e->max_vcpus * 1000))
            add_shape(shapes, &e->types[i].usable);
    return json_dumps(shapes, JSON_COMPACT);
}

/* ---- What instances are made by ---- */

/* Members whose change replaces the instances of an environment ("Updating compute environments" of
 * the AWS Batch user guide). Fargate's instances last for one job and are never replaced. */
static const char *const launch_members[] = {
    "allocationStrategy",
    "bidPercentage",
    "ec2Configuration",
    "ec2KeyPair",
    "imageId",
    "instanceRole",
    "instanceTypes",
    "launchTemplate",
    "placementGroup",
    "securityGroupIds",
    "spotIamFleetRole",
    "subnets",
    "tags",
    "type",
    "updateToLatestImageVersion",
};

static char *launch_hash_of(const env *e)
{
    char hash[65];
    if (e->exact || !e->managed)
        return ob_strdup("-");
    json_auto_t *picked = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(launch_members); i++)
        (void)json_object_set(picked, launch_members[i],
                              json_object_get(e->resources, launch_members[i]));
    ob_cleanup(ob_freep) char *text = json_dumps(picked, JSON_COMPACT | JSON_SORT_KEYS);
    ob_token_hash(text, hash);
    return ob_strdup(hash);
}

static void take_policies(env *e, const json_t *body)
{
    const json_t *update = json_object_get(body, "updatePolicy");
    const json_t *scaling = json_object_get(e->resources, "scalingPolicy");
    int64_t minutes = ob_json_int(update, "jobExecutionTimeoutMinutes", JOB_TIMEOUT_MINUTES);
    e->drain_ms =
        json_is_true(json_object_get(update, "terminateJobsOnUpdate")) ? 0 : minutes * 60000;
    e->scale_down_ms = ob_json_int(scaling, "minScaleDownDelayMinutes", 0) * 60000;
}

void env_types_set(scaler *s, env *e, const char *body)
{
    json_auto_t *parsed = NULL;
    ob_error err = { 0 };
    if (ob_json_parse(body, strlen(body), &parsed, &err) < 0)
        ob_warn("environment.refused", "{s:s, s:s}", "ce", e->name, "error", err.text);
    env_types_free(e);
    e->n_types = 0;
    e->types = NULL;
    e->refusals = NULL;
    e->invalid = NULL;
    e->resources = json_incref(json_object_get(parsed, "computeResources"));
    e->strategy = strategy_of(e->resources);
    /* "Never exceeds maxvCpus" holds for BEST_FIT with on-demand instances only. */
    e->may_exceed = e->strategy != DECIDE_BEST_FIT || e->spot;
    if (e->managed && !e->exact)
        add_types(s, e);
    e->shapes_json = shapes_of(s, e);
    e->launch_hash = launch_hash_of(e);
    take_policies(e, parsed);
}
