/* What to launch and what to give back: pure. Environments with their demand and instances in,
 * launches and drains out. No I/O, no clock: times are arguments. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/job.h"

typedef struct decide_shape {
    ob_resources need;
    int64_t count;
} decide_shape;

/* A type that an environment may launch. */
typedef struct decide_type {
    const char *name;
    int32_t vcpus, mem_mib; /* nominal */
    ob_resources usable;
    int64_t price;    /* for ranking: millionths of a dollar an hour */
    bool unavailable; /* the provider has none now, whatever room it has */
} decide_type;

typedef struct decide_instance {
    int32_t vcpus, mem_mib; /* nominal */
    ob_resources size, used;
    int32_t runs;
    ob_instance_state state; /* not TERMINATED */
    int64_t idle_ms;         /* ACTIVE without a run: for how long */
    const char *drain;       /* out: why it is to go, or NULL; a LAUNCHING one can go at once */
} decide_instance;

typedef struct decide_env {
    int64_t id;
    bool enabled;      /* false: no scale-out */
    bool deleting;     /* all its instances go */
    bool may_exceed;   /* may launch one instance beyond max_vcpus when it could have none else */
    bool demand_known; /* false: nothing is given back */
    int32_t floor_vcpus, max_vcpus;
    int64_t starved_ms; /* it has lacked the provider's room for so long */
    const decide_type *types;
    size_t n_types;
    const decide_shape *shapes; /* work that waits */
    size_t n_shapes;
    decide_instance *instances;
    size_t n_instances;
    bool lacks_room; /* out: wants more than the provider has now */
} decide_env;

/* What the provider has. Environments share it. */
typedef struct decide_host {
    bool limited; /* false: no known end, the rest means nothing */
    int32_t vcpus;
    int32_t vcpus_left, vcpus_ending; /* ending: comes back when instances under way have ended */
    int64_t mem_left, mem_ending;     /* MiB */
} decide_host;

typedef struct decide_limits {
    int64_t idle_ms;    /* idle for so long: given back */
    int64_t starved_ms; /* without an instance for so long: another environment gives one up */
    size_t max_launches;
} decide_limits;

typedef struct decide_launch {
    size_t env; /* index */
    const decide_type *type;
} decide_launch;

/* Decides. Writes the 'out' members of envs and their instances, and at most max_launches launches
 * to 'out' (the caller's array of that size). Returns the number of launches. Calling it again with
 * the launches added as LAUNCHING instances yields no more of the same. */
size_t decide(decide_env *envs,
              size_t n_envs,
              const decide_host *host,
              const decide_limits *limits,
              decide_launch *out);
