/* How near the scaler's choice of instances comes to the least cost: random workloads over several
 * sets of types, against the lower bound of linear programming (tests/fakes/packing.h), and what a
 * decision takes. No server is needed.
 *
 * usage: bench_decide [WORKLOADS] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "packing.h"

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void measure(const char *name, const char *const *entries, int64_t vcpus, int workloads)
{
    static packing p;
    double sum = 0, worst = 0, took = 0;
    size_t launches = 0, incomplete = 0, near = 0;
    packing_types(&p, entries);
    for (int i = 0; i < workloads; i++) {
        packing_random(&p, (unsigned)i + 1, 1 + (size_t)i % 12, vcpus);
        double begin = now_ms();
        packing_result res = packing_launch(&p, DECIDE_PROGRESSIVE, NULL, NULL);
        took += (now_ms() - begin) / (double)res.rounds;
        double ratio = res.cost / packing_bound(&p);
        sum += ratio;
        near += ratio <= 1.1;
        worst = ratio > worst ? ratio : worst;
        launches += res.launches;
        incomplete += !res.complete;
    }
    (void)printf("{\"types\": \"%s\", \"vcpus\": %lld, \"workloads\": %d, \"meanCostOverBound\": "
                 "%.4f, \"worst\": %.4f, \"within10Percent\": %zu, \"instances\": %.1f, "
                 "\"msPerDecision\": %.3f, "
                 "\"incomplete\": %zu}\n",
                 name, (long long)vcpus, workloads, sum / workloads, worst, near,
                 (double)launches / workloads, took / workloads, incomplete);
}

int main(int argc, char **argv)
{
    int workloads = argc > 1 ? atoi(argv[1]) : 200;
    static const char *const optimal[] = { "optimal", NULL };
    static const char *const arm[] = { "default_arm64", NULL };
    static const char *const older[] = { "m5", "c5", "r5", NULL };
    static const char *const one[] = { "m5", NULL };
    for (int64_t vcpus = 64; vcpus <= 4096; vcpus *= 8) {
        measure("optimal", optimal, vcpus, workloads);
        measure("default_arm64", arm, vcpus, workloads);
        measure("m5 c5 r5", older, vcpus, workloads);
        measure("m5", one, vcpus, workloads);
    }
    return 0;
}
