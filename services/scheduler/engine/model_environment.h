/* The engine's data about compute environments and their instances. */
#pragma once

#include "model_job.h"

/* Free capacity of an ACTIVE instance, kept sorted: GPUs, vCPUs, memory, instance id. */
typedef struct slot {
    ob_resources room;
    instance *on;
} slot;

struct ce {
    int64_t id; /* key */
    char *name, *cluster;
    ENGINE_LIST(engine_shortage, shortages); /* by need */
    struct engine_arena *shortages_arena;
    bool known, enabled, valid, exact, unmanaged, use_changed;
    int32_t max_vcpus, share_vcpus;
    ob_resources *shapes;
    size_t n_shapes;
    instance *instances;
    int32_t vcpus;     /* of its instances that are or come ... */
    int64_t mcpu;      /* ... and their usable size */
    int64_t used_mcpu; /* by the runs on its instances */
    size_t launches;   /* instances that are LAUNCHING */
    ENGINE_LIST(slot, slots);
    ENGINE_LIST(effect_shape, demand); /* as published last */
    ENGINE_LIST(effect_shape, next);   /* being computed */
    ENGINE_LIST(ob_resources, coming); /* likewise: the free capacity of LAUNCHING instances */
    ENGINE_LIST(slot, held);           /* likewise: instances that get nothing now, ... */
    ENGINE_LIST(ob_resources, soon);   /* ... and what is left of those that soon will */
    int64_t headroom_mcpu;             /* below max_vcpus, not given out yet */
    queue *headroom_for;     /* the free capacity below max_vcpus is kept for this queue's keeper */
    int32_t placed_priority; /* the lowest of the queues that placed here in this round, ... */
    const queue *placed_by;  /* ... and which; NULL: several */
    uint64_t placed_round;
    ob_resources free; /* the largest free amount of each resource, as of free_round */
    uint64_t free_round;
    UT_hash_handle hh;
};

/* Why an instance gets no new runs for a while, or until it works again. */
#define SUSPECT_AFTER 3
struct hold {
    int64_t until_ms;         /* none is placed before; 0 = not held */
    int64_t for_ms;           /* its length */
    int64_t refused_until_ms; /* held for a refusal, whatever ends other holds; 0 = not */
    int refusals;             /* that followed one another */
    int failures;             /* holds for starts that failed, that followed one another */
    int64_t kind;             /* of the work for which it is */
    bool trial;               /* held while one run shows whether starts work again */
    struct {
        ob_uuid id;
        int32_t index;
    } failed[SUSPECT_AFTER]; /* jobs whose start failed since one worked */
    int n_failed;
    char *failure;    /* of the last hold for that: a container's reason */
    char *unwell;     /* its executor's text; NULL: it works */
    int64_t since_ms; /* that it is unwell; 0: no round has seen it yet */
    uint64_t changes; /* of the two texts */
};

struct instance {
    char *id;        /* key */
    uint32_t serial; /* of no other, also after it */
    ce *ce;
    ob_resources size, used;
    int32_t vcpus;
    ob_instance_state state;
    bool known; /* false: gone, or named by a row that was loaded only */
    bool lost;  /* its runs are to be ended in the next round */
    bool in_slots;
    queue *kept_for;  /* for its keeper only, with regard to queues of its priority or lower */
    struct hold hold; /* hold.c */
    int32_t n_runs;
    run *runs;
    instance *iprev, *inext; /* ce->instances */
    UT_hash_handle hh;
};

static inline bool instance_is_held(const instance *i)
{
    return i->hold.until_ms || i->hold.unwell;
}
