/* Random workloads for the scaler's decisions, and the lower bound of their cost. */
#pragma once

#include "decide/decide.h"

#define PACKING_TYPES_MAX 512
#define PACKING_SHAPES_MAX 4096

typedef struct packing {
    decide_type types[PACKING_TYPES_MAX]; /* sorted by name */
    size_t n_types;
    decide_shape shapes[PACKING_SHAPES_MAX];
    size_t n_shapes;
} packing;

/* Types of the catalogue that these entries of instanceTypes allow; ends with NULL. */
void packing_types(packing *p, const char *const *entries);

/* A workload like those of pipelines: n_shapes kinds of jobs of 0.25 to 16 vCPUs with 0.5 to 8 GiB
 * for each, vcpus in all. The same seed makes the same. */
void packing_random(packing *p, unsigned seed, size_t n_shapes, int64_t vcpus);

/* n jobs of 1 to 16 vCPUs, each with a need of memory of its own. */
void packing_distinct(packing *p, unsigned seed, size_t n);

/* No set of instances that holds the work at once costs less, in millionths of a dollar an hour:
 * the largest value of the work under prices for vCPUs and memory at which no type is worth more
 * than it costs (linear programming's duality); of work that is all alike, its parts of the
 * best-filled instances. GPUs are not counted. */
double packing_bound(const packing *p);

typedef struct packing_result {
    double cost;
    size_t launches, rounds;
    double ms, longest_ms; /* of the processor, of all decisions and of the longest */
    bool complete;         /* everything found room */
} packing_result;

/* Lets decide launch for the work, round by round, as the scaler would. count: called with each
 * launch, may be NULL. */
packing_result packing_launch(packing *p,
                              decide_strategy strategy,
                              void (*count)(const decide_launch *launch, void *arg),
                              void *arg);
