/* How close the scaler's choice of instances is to the lowest cost: random workloads over several
 * sets of types, compared with the lower bound of linear programming (tests/fakes/packing.h), and
 * the cost of a decision. Needs no server.
 *
 * usage: bench_decide [WORKLOADS] */
#include <stdio.h>
#include <stdlib.h>

#include "packing.h"

/* vcpus: of work in up to twelve shapes; distinct: so many jobs instead, of a shape each. */
static void
measure(const char *name, const char *const *entries, int64_t vcpus, size_t distinct, int workloads)
{
    static packing p;
    double sum = 0, worst = 0, took = 0, longest = 0;
    size_t launches = 0, rounds = 0, incomplete = 0, near = 0;
    packing_types(&p, entries);
    for (int i = 0; i < workloads; i++) {
        if (distinct > 0)
            packing_distinct(&p, (unsigned)i + 1, distinct);
        else
            packing_random(&p, (unsigned)i + 1, 1 + (size_t)i % 12, vcpus);
        packing_result res = packing_launch(&p, DECIDE_PROGRESSIVE, NULL, NULL);
        double ratio = res.cost / packing_bound(&p);
        sum += ratio;
        near += ratio <= 1.1;
        worst = ratio > worst ? ratio : worst;
        took += res.ms;
        longest = res.longest_ms > longest ? res.longest_ms : longest;
        launches += res.launches;
        rounds += res.rounds;
        incomplete += !res.complete;
    }
    (void)printf("{\"types\": \"%s\", \"vcpus\": %lld, \"distinctShapes\": %zu, \"workloads\": %d, "
                 "\"meanCostOverBound\": %.4f, \"worst\": %.4f, \"within10Percent\": %zu, "
                 "\"instances\": %.1f, \"decisions\": %.1f, \"msPerDecision\": %.3f, "
                 "\"msOfTheLongest\": %.3f, "
                 "\"incomplete\": %zu}\n",
                 name, (long long)vcpus, distinct, workloads, sum / workloads, worst, near,
                 (double)launches / workloads, (double)rounds / workloads, took / (double)rounds,
                 longest, incomplete);
}

int main(int argc, char **argv)
{
    int workloads = argc > 1 ? atoi(argv[1]) : 200;
    static const char *const optimal[] = { "optimal", NULL };
    static const char *const arm[] = { "default_arm64", NULL };
    static const char *const older[] = { "m5", "c5", "r5", NULL };
    static const char *const one[] = { "m5", NULL };
    for (int64_t vcpus = 64; vcpus <= 4096; vcpus *= 8) {
        measure("optimal", optimal, vcpus, 0, workloads);
        measure("default_arm64", arm, vcpus, 0, workloads);
        measure("m5 c5 r5", older, vcpus, 0, workloads);
        measure("m5", one, vcpus, 0, workloads);
    }
    int few = workloads < 20 ? 1 : workloads / 20;
    for (size_t distinct = 1000; distinct <= 4000; distinct *= 2) {
        measure("optimal", optimal, 0, distinct, few);
        measure("default_arm64", arm, 0, distinct, few);
        measure("m5 c5 r5", older, 0, distinct, few);
    }
    return 0;
}
