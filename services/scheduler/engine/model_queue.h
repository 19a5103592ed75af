/* The engine's data about queues: their shares, and the classes of their jobs. */
#pragma once

#include "model_job.h"

/* A share of a queue. */
struct share {
    char *name; /* key; "": of jobs without a share */
    queue *queue;
    size_t n_classes;
    int64_t mcpu;                 /* in use */
    double usage;                 /* of a fair share, vCPU seconds as of at_ms */
    int64_t at_ms, seen_ms;       /* seen_ms: when it had jobs last */
    double weight;                /* lower gets more */
    bool active, stored, changed; /* changed: since the row was written */
    int64_t published_ms;
    struct { /* in a line (line.c) */
        ENGINE_LIST(class *, work);
        size_t first;
        double load; /* the lowest goes first */
        int64_t line_mcpu;
    };
    UT_hash_handle hh; /* queue->shares */
};

/* The launch that an environment could make for a class: within maxvCpus, or else above it. */
typedef struct class_fit {
    bool launch, there;   /* some shape, some instance that is there is large enough */
    int32_t cost_mcpu;    /* of the environment's maxvCpus for each job, well packed */
    int32_t least_mcpu;   /* of the smallest shape that is large enough */
    const char *shortage; /* why there is no instance for it now, or NULL */
} class_fit;

/* Jobs of one queue with one shape, share and priority: if one fits, all do. */
struct class_key {
    ob_resources need;
    int32_t priority;
    share *share;
};
struct class
{
    queue *queue;
    union {
        struct class_key key;
        struct {
            ob_resources need;
            int32_t priority;
            share *share;
        };
    };
    job *waiting;     /* by order; an array stands here while it has children to place */
    size_t n_waiting; /* children counted */
    size_t n_jobs;    /* records that point here */
    char *reason;     /* as stored */
    int64_t code_since_ms, published_ms; /* of the stored reason */
    uint64_t reason_sign, soft_sign, fit_topology;
    int cond; /* a condition that may become a code, and ... */
    int64_t cond_since_ms;
    int64_t passed_ms; /* a job behind was served first since then; 0: none was */
    bool capped;       /* only the queue's reservation for other shares prevented it */
    bool coming;       /* demand has found capacity that is on its way, or has requested it */
    bool beyond;       /* but not for all its jobs */
    unsigned starting; /* bits: environments of its queue where some of it is on its way */
    int32_t ahead;     /* jobs before its first one, up to ENGINE_FRONT_MAX */
    job *at;           /* its first job in a line, and, of an array, the child */
    int32_t at_index;
    int64_t given; /* jobs of it that demand has given out */
    class_fit fit[ENGINE_MAX_CES];
    UT_hash_handle hh; /* queue->classes */
};

struct queue {
    int64_t id; /* key */
    char *name;
    int32_t priority;
    bool known, deleting, sweep; /* sweep: its jobs are to be ended in the next round */
    ce *ces[ENGINE_MAX_CES];
    size_t n_ces;
    share *shares;
    struct {
        bool fair;
        double decay_s;
        int32_t reservation;
        struct weight {
            char *share;
            double factor;
        } * weights;
        size_t n_weights;
    } policy;
    struct time_limit {
        char *code;
        int64_t ms;
    } * limits;
    size_t n_limits;
    share all;        /* a line of all classes: first in, first out */
    int64_t mcpu;     /* in use */
    engine_sum used;  /* likewise, of each resource */
    int64_t cap_mcpu; /* the remaining vCPUs are reserved for shares that are not active */
    size_t n_active;
    bool shares_changed;             /* who is active, or the weights */
    class *keeper;                   /* the class for which capacity is kept; NULL: none */
    ce *keeps_in;                    /* launches there, below maxvCpus; NULL: an instance is kept */
    uint64_t changes, front_changes; /* of what the front shows; as of the front */
    ENGINE_LIST(engine_front, front);
    int64_t front_ms, front_mcpu;
    bool front_owed; /* the row is not known to say the same */
    struct {         /* the first job that waits, as the last round left it */
        class *cls;  /* NULL: none; valid within the round */
        ob_uuid id;
        int32_t index;
        int64_t since_ms;
    } head;
    int64_t blocked_published_ms;
    int32_t n_succeeded, n_failed; /* since 'usage'; parents of arrays are not counted */
    effect_usage usage;            /* the last point, as of usage_ms (0: none) */
    int64_t usage_ms;
    class *classes;
    struct {
        int64_t jobs[OB_JOB_STATE_COUNT];     /* parents of arrays are jobs */
        int64_t children[OB_JOB_STATE_COUNT]; /* of arrays */
    } counts;                                 /* also of what has ended */
    bool counts_changed, counts_ended;        /* since the row was written: something; an end */
    int64_t counts_ms;                        /* when it was written; 0: not yet */
    job *held;                                /* SUBMITTED: came before the queue was known */
    array *arrays;
    size_t n_jobs; /* children not counted */
    UT_hash_handle hh;
};

/* Removes it from its queue's list of jobs that came before the queue was known; does nothing if it
 * is in none. */
static inline void job_leave_held(job *j)
{
    if (j->state != OB_JOB_SUBMITTED || !j->prev)
        return;
    DL_DELETE(j->cls->queue->held, j);
    j->prev = j->next = NULL;
}

#define NO_STATE (-1)
/* Some of its jobs, or of the children of its arrays, go from one state to another; NO_STATE: they
 * are new to the engine. */
static inline void queue_count(queue *q, bool children, int from, int to, int64_t n)
{
    int64_t *counts = children ? q->counts.children : q->counts.jobs;
    if (from != NO_STATE)
        counts[from] -= n;
    counts[to] += n;
    q->counts_changed = true;
    q->counts_ended = q->counts_ended || ob_job_is_final((ob_job_state)to);
}
