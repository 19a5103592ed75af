/* The engine's data about jobs: single jobs, arrays, children that differ, and runs. */
#pragma once

#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "engine.h"
#include "ob/error.h"
#include "ob/rows.h"
#include "retry.h"

#define FLAGS_STOPPING (OB_FLAG_TERMINATED | OB_FLAG_TIMED_OUT)
#define NO_INDEX UINT16_MAX /* of a job that is no array child; the largest array has 10,000 */

typedef struct job job;
typedef struct array array;
typedef struct child child;
typedef struct run run;
typedef struct class class;
typedef struct queue queue;
typedef struct share share;
typedef struct ce ce;
typedef struct instance instance;

/* A single job, an array's parent (array.base) or a child that differs from its siblings
 * (child.base). There can be a million of them: 64 bytes, and 32 for the node of the tree. */
struct job {
    ob_uuid id;
    class *cls;
    union {
        struct { /* waiting: neighbours in cls->waiting or queue->held; prev is NULL out of a list
                  */
            job *prev, *next;
        };
        struct run *placed; /* STARTING, RUNNING */
    };
    uint64_t order : 40; /* of admission; a child has its parent's; a new one with each retry */
    uint64_t terms : 24; /* number of its terms */
    int64_t at_ms;       /* createdAt while SUBMITTED, else when it became PENDING or RUNNABLE */
    int32_t last_run;
    uint16_t index;
    uint8_t state : 3, flags : 3;
    uint8_t stored : 1;  /* the database has a live row of it */
    uint8_t touched : 1; /* it is in engine.touched */
    uint8_t ended : 4;   /* attempts */
    uint8_t is_array : 1;
    uint8_t waits : 1; /* for others: has a waiter */
};
#define ORDER(n) ((uint64_t)(n) & (((uint64_t)1 << 40) - 1))
#define ENDED(n) ((unsigned)(n)&15)

typedef struct terms {
    char *key;
    uint32_t number;
    int32_t attempts, timeout_s;
    int64_t kind;
    retry_rules *rules;
    size_t n_jobs;
    UT_hash_handle hh; /* engine.terms_by_key */
} terms;

struct array {
    job base;
    int32_t size;
    int32_t bulk;   /* children that have no record of their own and are in bulk_state */
    int32_t low;    /* children below have left the bulk, and ... */
    uint64_t *left; /* ... those with a bit here; NULL: no other */
    ob_job_state bulk_state;
    char *bulk_reason, *stop_reason;
    uint64_t *failed; /* children that have failed; NULL: none. The bulk has bulk_state instead */
    int32_t counts[OB_JOB_STATE_COUNT];
    int64_t last_ms;      /* when a child ended last */
    array *aprev, *anext; /* queue->arrays */
    child *kids;          /* living children that have left the bulk */
};

struct child {
    job base;
    array *parent;
    child *kprev, *knext;
};

struct run {
    job *job;
    instance *on;
    run *rprev, *rnext;                     /* instance->runs */
    int64_t placed_at_ms;                   /* 0: unknown */
    int64_t started_at_ms, published_at_ms; /* published_at_ms: time of its last event */
    char *stop_reason;                      /* terminated (job.flags) */
    uint32_t mark;                          /* of the registration that named it */
    bool reported;
    int64_t timeout_at_ms; /* steady time; 0: none */
};

static inline array *job_as_array(job *j)
{
    return (array *)(void *)j;
}
static inline child *job_as_child(job *j)
{
    return (child *)(void *)j;
}
static inline int32_t job_index(const job *j)
{
    return j->index == NO_INDEX ? -1 : j->index;
}
static inline bool job_is_placed(const job *j)
{
    return j->state == OB_JOB_STARTING || j->state == OB_JOB_RUNNING;
}

static inline ob_run_ref job_run_ref(const job *j)
{
    return (ob_run_ref){ .id = j->id, .index = job_index(j), .run = j->last_run };
}

/* The order of jobs within a class, and of heads when first in is first out. */
static inline bool job_is_before(const job *a, const job *b)
{
    if (a->order != b->order)
        return a->order < b->order;
    int d = ob_uuid_cmp(&a->id, &b->id);
    return d ? d < 0 : a->index < b->index;
}
