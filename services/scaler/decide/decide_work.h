/* A decision under way: pure. Part of decide. */
#pragma once

#include "decide_fill.h"
#include "decide_types.h"

typedef struct work_env {
    decide_env *env;
    fill *waiting; /* work that is not packed yet */
    bool *within;  /* of its shapes: a type within max_mcpu can hold it */
    bool *aside;   /* of its shapes: they wait for a type that is not available now */
    bool *tried;   /* of its shapes: some wait for doubtful launches */
    bool *wanted;  /* instances that waiting work needs */
    int64_t alive; /* mcpu of all instances that have not ended: counts against maxvCpus */
    int64_t kept;  /* of it LAUNCHING and ACTIVE, less drains decided here */
    bool settled;  /* no further launch is possible for it */
} work_env;

typedef struct work {
    work_env *envs;
    size_t n;
    decide_host host;
    const decide_limits *limits;
} work;

/* Packs waiting work into the instances that there are, and marks those that go with their
 * environment. */
void work_begin(work_env *w, decide_env *env);
void work_end(work_env *w);

/* Is work left that no instance is there for? */
bool work_has_rest(const work_env *w);
/* The number of instances of a type that maxvCpus allows now. */
int64_t work_within_max(const work_env *w, const decide_type *type);
/* Can an instance of that type hold work of that shape, according to maxvCpus? */
bool work_holds(const work_env *w, const decide_type *type, size_t shape);
