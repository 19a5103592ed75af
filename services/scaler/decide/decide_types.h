/* What decide looks at and what it answers. Sizes are nominal unless said otherwise, vCPUs in
 * thousandths. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shape.h"

/* How an environment chooses among its types ("Allocation strategies" of AWS Batch). All but
 * DECIDE_BEST_FIT use other types if the best is not available. */
typedef enum decide_strategy {
    DECIDE_BEST_FIT,                  /* the least cost; waits for that type */
    DECIDE_PROGRESSIVE,               /* the least cost */
    DECIDE_ORDERED,                   /* the user's order, then cost */
    DECIDE_SPOT_CAPACITY,             /* the fewest interruptions, then cost */
    DECIDE_SPOT_PRICE_CAPACITY,       /* the lowest cost including that of interruptions */
    DECIDE_SPOT_CAPACITY_PRIORITIZED, /* the fewest interruptions, the user's order, cost */
} decide_strategy;

/* A type that an environment may launch. */
typedef struct decide_type {
    const char *name;
    ob_resources nominal, usable;
    int64_t price;         /* for ranking: millionths of a dollar an hour */
    int32_t interruptions; /* for ranking: % */
    int32_t rank;          /* position in the user's order */
    bool barred;           /* it is never launched, */
    bool dear;             /* for its price */
    bool too_large;        /* for all that the provider has */
    bool may_fail;         /* the provider had none at the last request, and ... */
    bool unavailable;      /* ... is not asked again yet, whatever capacity it has */
} decide_type;

/* Why work cannot have an instance. */
typedef enum decide_why {
    DECIDE_CAPACITY, /* the provider has no instance for it now */
    DECIDE_PRICE,    /* all types that could hold it are too expensive */
    DECIDE_TRIED,    /* it waits for doubtful launches */
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
    bool outdated;           /* launched with old settings: to be replaced */
    bool bounded;            /* DRAINING: its runs have a deadline */
    bool may_fail;   /* LAUNCHING, of a type that was not available last time: no answer yet */
    int64_t idle_ms; /* ACTIVE without a run: for how long */
    const decide_shape
        *plan; /* work that it was launched for and that the scheduler has not placed yet */
    size_t n_plan;
    const char *drain; /* out: why it is given back, or NULL; a LAUNCHING one can end at once, a
                          DRAINING one gets a deadline */
} decide_instance;

typedef struct decide_env {
    int64_t id;
    decide_strategy strategy;
    bool enabled;      /* false: nothing is launched for work */
    bool valid;        /* false: nothing is launched */
    bool deleting;     /* all its instances go */
    bool exact;        /* Fargate: each job gets its own instance of exactly its size */
    bool may_exceed;   /* may exceed max_mcpu by one instance, for work that fits nothing smaller */
    bool demand_known; /* false: nothing is given back */
    int64_t floor_mcpu, max_mcpu;
    int64_t scale_down_ms; /* an instance stays at least this long after its last run */
    int64_t starved_ms;    /* the time for which it has lacked the provider's capacity */
    const decide_type *types;
    size_t n_types;
    const decide_shape *shapes; /* work that waits */
    size_t n_shapes;
    decide_instance *instances;
    size_t n_instances;
    bool lacks_room; /* out: it needs more than the provider has now */
    /* Space for n_shapes, or NULL; out: the affected work, each shape once. */
    decide_shortage *shortages;
    size_t n_shortages; /* out */
    bool passed; /* out: it was not decided completely and must be decided again; its shortages are
                    not known */
} decide_env;

/* The provider's capacity, which environments share. */
typedef struct decide_host {
    bool limited; /* false: no known limit, the other members have no meaning */
    int64_t mcpu, mem;
    int64_t mcpu_left, mcpu_ending; /* ending: becomes free when ending instances have ended */
    int64_t mem_left, mem_ending;   /* MiB */
} decide_host;

typedef struct decide_limits {
    int64_t idle_ms;    /* idle time after which an instance is given back */
    int64_t starved_ms; /* time without an instance after which another environment gives one up */
    size_t max_launches;
    size_t max_steps; /* no further launch after this much work; 0: no limit */
} decide_limits;

typedef struct decide_launch {
    size_t env;              /* index */
    const decide_type *type; /* NULL: exact */
    ob_resources nominal, size;
    decide_shape *plan; /* the work it is for; new, the caller's */
    size_t n_plan;
} decide_launch;
