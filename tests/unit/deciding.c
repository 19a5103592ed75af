/* See deciding.h. */
#include "deciding.h"

#include "ob/catalog.h"

const decide_host unlimited = { .limited = false };
const decide_limits limits = { .idle_ms = 5000, .starved_ms = 2000, .max_launches = MAX_LAUNCHES };
decide_launch launches[MAX_LAUNCHES];

decide_type types_of[2][512];

void forget_plans(void)
{
    for (size_t i = 0; i < MAX_LAUNCHES; i++)
        free(launches[i].plan);
    memset(launches, 0, sizeof(launches));
}

size_t run(decide_env *envs,
           size_t n,
           const decide_host *host,
           const decide_limits *bounds,
           decide_launch *out)
{
    forget_plans();
    return decide(envs, n, host, bounds, out);
}

decide_env make_env(int slot, const char *const *entries, int32_t floor, int32_t max)
{
    size_t n, k = 0;
    const ob_instance_type *all = ob_catalog_types(&n);
    for (size_t i = 0; i < n; i++)
        for (const char *const *e = entries; *e; e++)
            if (ob_catalog_entry_has(*e, &all[i])) {
                types_of[slot][k++] = (decide_type){ .name = all[i].name,
                                                     .nominal = ob_catalog_nominal(&all[i]),
                                                     .usable = ob_catalog_usable(&all[i]),
                                                     .price = all[i].on_demand,
                                                     .interruptions = all[i].interruptions,
                                                     .rank = (int32_t)(e - entries) };
                break;
            }
    return (decide_env){ .id = slot,
                         .strategy = DECIDE_PROGRESSIVE,
                         .enabled = true,
                         .valid = true,
                         .demand_known = true,
                         .floor_mcpu = floor * 1000,
                         .max_mcpu = max * 1000,
                         .types = types_of[slot],
                         .n_types = k };
}

void wants(decide_env *env, const decide_shape *shapes, size_t n)
{
    env->shapes = shapes;
    env->n_shapes = n;
}

void has(decide_env *env, decide_instance *instances, size_t n)
{
    env->instances = instances;
    env->n_instances = n;
}

decide_instance instance(const char *type, ob_instance_state state, int32_t runs)
{
    const ob_instance_type *t = ob_catalog_find(type);
    assert_non_null(t);
    decide_instance in = {
        .nominal = ob_catalog_nominal(t), .size = ob_catalog_usable(t), .runs = runs, .state = state
    };
    if (runs > 0)
        in.used = in.size; /* full */
    else if (state == OB_INSTANCE_ACTIVE)
        in.idle_ms = VERY_IDLE;
    return in;
}

decide_host host_of(int32_t vcpus, int32_t left)
{
    return (decide_host){ .limited = true,
                          .mcpu = vcpus * 1000,
                          .mem = 1 << 20,
                          .mcpu_left = left * 1000,
                          .mem_left = 1 << 20 };
}

int32_t launched_vcpus(size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += launches[i].nominal.mcpu / 1000;
    return sum;
}
