/* All that an engine holds. Structures only: who does what with them is said by the other headers,
 * one a file. The files lean on each other in one direction (tools/include_rules.py), from below:
 *     model, arena
 *     terms, job_table, waiters                tables
 *     share, class, line, array                what waits, and in which order
 *     ce, instance, slots, hold, fit           where there is room
 *     effects, moves                           the door for every change, and what it writes
 *     queue, keep, run_end, stop, dependencies
 *     admit, report, lost, timeout, load       inputs
 *     place, head, front, counts, demand,
 *     reason, queue_usage, dependents          the second half of a round
 *     queue_sweep, withdraw
 *     engine_round                             the door */
#pragma once

#include "model_environment.h"
#include "model_job.h"
#include "model_queue.h"

typedef struct work_kind work_kind;

typedef struct input {
    enum { IN_SUBMIT, IN_STOP, IN_REPORTS, IN_REGISTERED } kind;
    const char *instance_id, *reason;
    union {
        engine_submission submission;
        struct {
            ob_job_ref job;
            bool terminate;
        } stop;
        struct {
            engine_run_report *reports;
            size_t n;
        } held;
    };
} input;

typedef struct question { /* who waits for it? */
    int64_t seq;
    ob_job_ref job;
} question;

typedef struct notice { /* of an end, to those who depend on it */
    job *of;
    int32_t index;
    bool bulk; /* of all children in the bulk of an array */
} notice;

struct engine {
    void *jobs; /* tree (tsearch) of job by id and index */
    queue *queues;
    ce *ces;
    instance *instances;
    uint64_t topology; /* increases with each change of queues, environments, instances */
    int64_t next_order;
    uint32_t mark;
    bool dirty, instances_gone;
    int64_t hold_due_ms; /* when the hold of the first instance ends; INT64_MAX = none is held */
    size_t n_unwell;     /* instances */
    work_kind *kinds;    /* hold.c */
    uint32_t last_serial;
    int64_t wait_due_ms; /* likewise of what waits: reasons, fronts, reservations, time limits */
    uint64_t rounds;

    ENGINE_LIST(terms *, terms); /* by number; 0 is not used */
    uint32_t terms_unused;       /* no lower number is free */
    terms *terms_by_key;

    int64_t steady_ms;
    int64_t ahead_ms;        /* engine_shown */
    int64_t next_timeout_ms; /* no run times out before */

    struct target *targets; /* waiters.h */
    struct waiter *waiters;
    bool waiters_loaded;

    struct job_block *blocks; /* memory of single jobs */
    job *free_jobs;

    ENGINE_LIST(input, inputs);
    ENGINE_LIST(question, questions);
    struct engine_arena *input_arena;

    /* Within a round. */
    int64_t now_ms;
    int64_t shown_ms; /* as clients see the time */
    engine_effects *effects;
    ENGINE_LIST(job *, touched);
    ENGINE_LIST(job *, returned); /* RUNNABLE again, not yet in their class */
    ENGINE_LIST(notice, notices);
    ENGINE_LIST(job *, dead); /* ended: freed when the round is over */
    ENGINE_LIST(queue *, by_priority);
    ENGINE_LIST(share *, line); /* of one queue, whose turn it is first; from first_share on */
    size_t first_share;
    ENGINE_LIST(class *, failed); /* fit nowhere, by queue and in their order */
    ENGINE_LIST(instance *, kept);

    size_t n_waiting, n_placed, n_jobs, n_classes, n_instances, ignored;
};

/* Requests a round at that time, measured by its now_ms. */
static inline void round_due_at(engine *e, int64_t at_ms)
{
    if (at_ms < e->wait_due_ms)
        e->wait_due_ms = at_ms;
}
