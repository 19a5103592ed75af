/* Owns nothing. One thread. */
#include "packing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ob/catalog.h"
#include "ob/error.h"

#define LAUNCHES 64 /* as the scaler */
#define STEPS 10000000
#define ROUNDS_MAX 200

void packing_types(packing *p, const char *const *entries)
{
    size_t n;
    const ob_instance_type *all = ob_catalog_types(&n);
    p->n_types = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t e = 0; entries[e]; e++)
            if (ob_catalog_entry_has(entries[e], &all[i])) {
                p->types[p->n_types++] = (decide_type){ .name = all[i].name,
                                                        .nominal = ob_catalog_nominal(&all[i]),
                                                        .usable = ob_catalog_usable(&all[i]),
                                                        .price = all[i].on_demand,
                                                        .interruptions = all[i].interruptions,
                                                        .rank = (int32_t)e };
                break;
            }
}

void packing_random(packing *p, unsigned seed, size_t n_shapes, int64_t vcpus)
{
    static const int32_t mcpu[] = { 250, 500, 1000, 1000, 2000, 2000, 4000, 8000, 16000 };
    static const int32_t mib_each[] = { 512, 1024, 1900, 2048, 3800, 4096, 7000, 7600 };
    p->n_shapes = n_shapes;
    for (size_t i = 0; i < n_shapes; i++) {
        int32_t cpu = mcpu[(size_t)rand_r(&seed) % ARRAY_SIZE(mcpu)];
        int32_t each = mib_each[(size_t)rand_r(&seed) % ARRAY_SIZE(mib_each)];
        int64_t share = vcpus * 1000 / (int64_t)n_shapes;
        share = share / 2 + (int64_t)rand_r(&seed) % share;
        p->shapes[i] = (decide_shape){
            .need = { .mcpu = cpu, .mem_mib = (int32_t)((int64_t)each * cpu / 1000) },
            .count = share / cpu > 0 ? share / cpu : 1,
        };
    }
}

void packing_distinct(packing *p, unsigned seed, size_t n)
{
    static const int32_t mcpu[] = { 1000, 1000, 2000, 2000, 4000, 8000, 16000 };
    p->n_shapes = n;
    for (size_t i = 0; i < n; i++) {
        int32_t cpu = mcpu[(size_t)rand_r(&seed) % ARRAY_SIZE(mcpu)];
        int32_t mem = 500 * cpu / 1000 + rand_r(&seed) % (7000 * (cpu / 1000));
        p->shapes[i] = (decide_shape){ .need = { .mcpu = cpu, .mem_mib = mem }, .count = 1 };
    }
}

static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double value_of(const packing *p, double cpu, double mem)
{
    double sum = 0;
    for (size_t i = 0; i < p->n_shapes; i++)
        sum += (double)p->shapes[i].count *
               (cpu * p->shapes[i].need.mcpu + mem * p->shapes[i].need.mem_mib);
    return sum;
}

/* May work be worth that much? */
static bool feasible(const packing *p, double cpu, double mem)
{
    if (cpu < 0 || mem < 0)
        return false;
    for (size_t i = 0; i < p->n_types; i++)
        if (cpu * p->types[i].usable.mcpu + mem * p->types[i].usable.mem_mib >
            (double)p->types[i].price * (1 + 1e-9))
            return false;
    return true;
}

/* Of jobs that are all alike, an instance takes a whole number: each costs its part at the least.
 */
static double bound_of_equals(const packing *p)
{
    const ob_resources *need = &p->shapes[0].need;
    double least = 0;
    for (size_t i = 0; i < p->n_types; i++) {
        const ob_resources *has = &p->types[i].usable;
        int32_t by_cpu = has->mcpu / need->mcpu, by_mem = has->mem_mib / need->mem_mib;
        int32_t n = by_cpu < by_mem ? by_cpu : by_mem;
        if (n > 0 && (least == 0 || (double)p->types[i].price / n < least))
            least = (double)p->types[i].price / n;
    }
    return least * (double)p->shapes[0].count;
}

/* The best point is where two of the limits meet, or a limit and an axis. */
double packing_bound(const packing *p)
{
    double best = p->n_shapes == 1 ? bound_of_equals(p) : 0;
    for (size_t i = 0; i < p->n_types; i++) {
        const decide_type *a = &p->types[i];
        double points[2][2] = { { (double)a->price / a->usable.mcpu, 0 },
                                { 0, (double)a->price / a->usable.mem_mib } };
        for (size_t k = 0; k < 2; k++)
            if (value_of(p, points[k][0], points[k][1]) > best &&
                feasible(p, points[k][0], points[k][1]))
                best = value_of(p, points[k][0], points[k][1]);
        for (size_t j = i + 1; j < p->n_types; j++) {
            const decide_type *b = &p->types[j];
            double det = (double)a->usable.mcpu * b->usable.mem_mib -
                         (double)b->usable.mcpu * a->usable.mem_mib;
            if (det == 0)
                continue;
            double cpu =
                ((double)a->price * b->usable.mem_mib - (double)b->price * a->usable.mem_mib) / det;
            double mem =
                ((double)b->price * a->usable.mcpu - (double)a->price * b->usable.mcpu) / det;
            double value = value_of(p, cpu, mem);
            if (value > best && feasible(p, cpu, mem))
                best = value;
        }
    }
    return best;
}

packing_result packing_launch(packing *p,
                              decide_strategy strategy,
                              void (*count)(const decide_launch *launch, void *arg),
                              void *arg)
{
    decide_launch out[LAUNCHES];
    decide_instance *instances = NULL;
    decide_env env = { .strategy = strategy,
                       .enabled = true,
                       .valid = true,
                       .demand_known = true,
                       .max_mcpu = INT64_MAX / 4,
                       .types = p->types,
                       .n_types = p->n_types,
                       .shapes = p->shapes,
                       .n_shapes = p->n_shapes };
    decide_limits limits = { .max_launches = LAUNCHES, .max_steps = STEPS };
    packing_result res = { 0 };
    for (size_t n = LAUNCHES; n > 0 && res.rounds < ROUNDS_MAX; res.rounds++) {
        double begin = cpu_ms();
        n = decide(&env, 1, &(decide_host){ .limited = false }, &limits, out);
        double took = cpu_ms() - begin;
        res.ms += took;
        res.longest_ms = took > res.longest_ms ? took : res.longest_ms;
        instances = ob_realloc(instances, (env.n_instances + n + 1) * sizeof(*instances));
        for (size_t i = 0; i < n; i++) {
            instances[env.n_instances++] = (decide_instance){ .nominal = out[i].nominal,
                                                              .size = out[i].size,
                                                              .plan = out[i].plan,
                                                              .n_plan = out[i].n_plan,
                                                              .state = OB_INSTANCE_LAUNCHING };
            res.cost += (double)out[i].type->price;
            res.launches++;
            if (count)
                count(&out[i], arg);
        }
        env.instances = instances;
        res.complete = n == 0;
    }
    for (size_t i = 0; i < env.n_instances; i++)
        free((void *)instances[i].plan);
    free(instances);
    return res;
}
