/* What decide looks at and what it answers. Sizes are nominal unless said otherwise, vCPUs in
 * thousandths. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shape.h"

/* How an environment chooses among its types ("Allocation strategies" of AWS Batch). All but
 * DECIDE_BEST_FIT go on to other types when the best has none left. */
typedef enum decide_strategy {
    DECIDE_BEST_FIT,                  /* the least cost; waits for that type */
    DECIDE_PROGRESSIVE,               /* the least cost */
    DECIDE_ORDERED,                   /* the user's order, then cost */
    DECIDE_SPOT_CAPACITY,             /* the fewest interruptions, then cost */
    DECIDE_SPOT_PRICE_CAPACITY,       /* the least cost with what interruptions cost */
    DECIDE_SPOT_CAPACITY_PRIORITIZED, /* the fewest interruptions, the user's order, cost */
} decide_strategy;

/* A type that an environment may launch. */
typedef struct decide_type {
    const char *name;
    ob_resources nominal, usable;
    int64_t price;         /* for ranking: millionths of a dollar an hour */
    int32_t interruptions; /* for ranking: % */
    int32_t rank;          /* place in the user's order */
    bool barred;           /* it is never launched, */
    bool dear;             /* for its price */
    bool too_large;        /* for all that the provider has */
    bool may_fail;         /* the provider had none of it when it was asked last, and ... */
    bool unavailable;      /* ... is not asked again yet, whatever room it has */
} decide_type;

/* Why work cannot have an instance. */
typedef enum decide_why {
    DECIDE_CAPACITY, /* the provider has none for it now */
    DECIDE_PRICE,    /* only types that are too dear could hold it */
    DECIDE_TRIED,    /* it waits for launches that are in doubt */
} decide_why;

typedef struct decide_shortage {
    ob_resources need;
    decide_why why;
} decide_shortage;

typedef struct decide_instance {
    ob_resources nominal, size, used; /* size: what jobs can use */
    int32_t runs;
    ob_instance_state state; /* not TERMINATED */
    bool ran;                /* it has had a run */
    bool outdated;           /* of an older infrastructure: to be replaced */
    bool bounded;            /* DRAINING: its runs have a deadline */
    bool may_fail;           /* LAUNCHING, of a type that the provider had none of: no answer yet */
    int64_t idle_ms;         /* ACTIVE without a run: for how long */
    const decide_shape *plan; /* work it was launched for, while the scheduler has not placed it */
    size_t n_plan;
    const char *drain; /* out: why it is to go, or NULL; a LAUNCHING one can go at once, a DRAINING
                          one gets a deadline */
} decide_instance;

typedef struct decide_env {
    int64_t id;
    decide_strategy strategy;
    bool enabled;      /* false: nothing is launched for work */
    bool valid;        /* false: nothing is launched */
    bool deleting;     /* all its instances go */
    bool exact;        /* Fargate: an instance of its own, of exactly its size, for each job */
    bool may_exceed;   /* may pass max_mcpu by one instance, for work that fits nothing smaller */
    bool demand_known; /* false: nothing is given back */
    int64_t floor_mcpu, max_mcpu;
    int64_t scale_down_ms; /* an instance stays at least so long after its last run */
    int64_t starved_ms;    /* it has lacked the provider's room for so long */
    const decide_type *types;
    size_t n_types;
    const decide_shape *shapes; /* work that waits */
    size_t n_shapes;
    decide_instance *instances;
    size_t n_instances;
    bool lacks_room; /* out: wants more than the provider has now */
    /* Room for n_shapes, or NULL; out: which work that is, each shape once. */
    decide_shortage *shortages;
    size_t n_shortages; /* out */
    bool passed;        /* out: its turn did not come, or not to its end: it is to be decided again;
                           what it lacks is not known */
} decide_env;

/* What the provider has. Environments share it. */
typedef struct decide_host {
    bool limited; /* false: no known end, the rest means nothing */
    int64_t mcpu, mem;
    int64_t mcpu_left, mcpu_ending; /* ending: comes back when instances under way have ended */
    int64_t mem_left, mem_ending;   /* MiB */
} decide_host;

typedef struct decide_limits {
    int64_t idle_ms;    /* idle for so long: given back */
    int64_t starved_ms; /* without an instance for so long: another environment gives one up */
    size_t max_launches;
    size_t max_steps; /* no further launch behind one that comes to so much work; 0: no end */
} decide_limits;

typedef struct decide_launch {
    size_t env;              /* index */
    const decide_type *type; /* NULL: exact */
    ob_resources nominal, size;
    decide_shape *plan; /* the work it is for; new, the caller's */
    size_t n_plan;
} decide_launch;
