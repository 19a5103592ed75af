/* What a round of the engine decides (engine.h): rows to be written, events, orders, demand.
 * Strings live until the next engine_effects_clear. */
#pragma once

#include "ob/id.h"
#include "ob/job.h"

/* ---- Of queues and classes: stored, and loaded by a new leader ---- */

/* Why the jobs of a class wait: jobs of a queue with the same request, share and priority. */
typedef struct effect_reason {
    int64_t queue_id;
    ob_resources need;
    const char *share; /* "": none */
    int32_t priority;
    const char *reason; /* NULL: the class waits no longer (delete) */
    int64_t since_ms;   /* when it began to wait for this code ("MISCONFIGURATION:..."), or 0 */
} effect_reason;

/* The usage of a share in a fair-share queue: vCPU seconds, older ones counting less, as of at_ms.
 * The row is written when the share becomes active or inactive, and otherwise with a round that
 * changed its use, at least ENGINE_SHARE_EVERY_MS apart. */
#define ENGINE_SHARE_EVERY_MS 10000
typedef struct effect_share {
    int64_t queue_id;
    const char *share;
    double usage;
    int64_t at_ms;
    bool active; /* has jobs that have not ended, or had some within the decay time */
    bool gone;   /* delete the row: its usage is negligible */
} effect_share;

/* The front of a queue: its RUNNABLE jobs in the order in which they will be served. */
#define ENGINE_FRONT_MAX 100
#define ENGINE_FRONT_EVERY_MS 1000
typedef struct engine_front {
    ob_uuid id;
    int32_t index;
    int64_t since_ms; /* at this position */
} engine_front;

/* ---- Of jobs ---- */

typedef struct effect_live { /* a live row as it is after the round */
    ob_uuid id;
    int32_t index;
    ob_job_state state;
    int32_t run;
    int32_t attempt;         /* the current attempt; while it waits: the number of ended attempts */
    const char *instance_id; /* NULL = none */
    int64_t ce_id;           /* 0 = none */
    int64_t started_at_ms, runnable_at_ms; /* 0 = NULL */
    int64_t
        published_at_ms; /* STARTING, RUNNING: time of its last event; for an array: the last stop
                            of a child; 0 = NULL. Shown times are never earlier than this, under any
                            leader and clock; for a waiting job it is runnable_at_ms */
    const char *reason;
    int flags;
    int64_t order;
    int32_t waits; /* engine_job_row's; 0: NULL */
    const char *stop_reason;
    bool is_parent;
    ob_job_state bulk_state;
    const char *bulk_reason;
    int32_t counts[OB_JOB_STATE_COUNT];
} effect_live;

typedef struct effect_key {
    ob_uuid id;
    int32_t index;
} effect_key;

typedef struct effect_done {
    ob_uuid id;
    int32_t index;
    int64_t queue_id;
    ob_job_state state;
    const char *reason;
    int64_t started_at_ms, stopped_at_ms;
    int flags;
    bool is_parent;
    ob_job_state bulk_state;
    const char *bulk_reason;
    int32_t counts[OB_JOB_STATE_COUNT];
} effect_done;

typedef struct effect_attempt {
    ob_uuid id;
    int64_t queue_id;
    int32_t index, attempt, run;
    const char *instance_id, *cluster;
    bool has_exit_code;
    int32_t exit_code;
    const char *container_reason, *reason;
    /* In this order, as far as they are known (0 = NULL): it became RUNNABLE, got its instance, its
     * image, its container. started_at_ms is by another clock: its instance's. */
    int64_t runnable_at_ms, placed_at_ms, pulled_at_ms, created_at_ms;
    int64_t started_at_ms, stopped_at_ms;
    int64_t cpu_ms, peak_bytes; /* what it has used; 0 = NULL */
    bool retried;               /* another one follows */
    bool host_lost;             /* with its instance */
} effect_attempt;

typedef struct effect_pod { /* in order: what is known of the pod of the current attempt */
    ob_run_ref run;
    int32_t attempt;
    const char *body;
} effect_pod;

typedef struct effect_event { /* in order; idx_lo..idx_hi is -1..-1 for a job or parent */
    ob_uuid id;
    int64_t queue_id;
    int32_t idx_lo, idx_hi;
    ob_job_state state;
    int32_t attempt, run; /* attempt: attempts ended so far */
    const char *instance_id, *cluster;
    int64_t at_ms, started_at_ms, stopped_at_ms;
    int64_t before_ms; /* STARTING, RUNNING: when it got into the state before */
    bool has_exit_code, timed_out;
    int32_t exit_code;
    const char *container_reason, *reason;
    int flags;
    bool is_parent;
    bool blocked; /* no move: the job is at the head of its queue and blocked, for this reason */
    int32_t counts[OB_JOB_STATE_COUNT];
} effect_event;

typedef struct effect_placement { /* write the deletes before the inserts */
    const char *instance_id;
    ob_run_ref run;
    int64_t placed_at_ms; /* of an insert */
} effect_placement;

typedef struct effect_order { /* to an instance's executor */
    enum { ORDER_RUN, ORDER_STOP, ORDER_CONFIRM } kind;
    const char *instance_id;
    ob_run_ref run;
    int32_t attempt; /* ORDER_RUN */
    int64_t queue_id;
} effect_order;

#define ENGINE_FRONT_SHARES 20
typedef struct effect_front { /* published on change, at least ENGINE_FRONT_EVERY_MS apart */
    int64_t queue_id, at_ms;
    const engine_front *front;
    size_t n_front;
    int64_t mcpu; /* in use by the queue's jobs */
    struct {
        const char *share;
        int64_t mcpu;
    } shares[ENGINE_FRONT_SHARES]; /* largest first */
    size_t n_shares;
    size_t active_shares;
} effect_front;

/* Jobs and children of arrays by state; a parent is a job. Those that have ended are counted as
 * long as their queue is there. Written by each round that ends something, and otherwise on change,
 * at least ENGINE_COUNTS_EVERY_MS apart. */
#define ENGINE_COUNTS_EVERY_MS 1000
typedef struct effect_counts {
    int64_t queue_id, at_ms;
    int64_t jobs[OB_JOB_STATE_COUNT], children[OB_JOB_STATE_COUNT];
} effect_counts;

/* A point of a queue's use over time, at most every ENGINE_USAGE_EVERY_MS. It holds until the next
 * one, which comes when something differs, or after ENGINE_USAGE_LONGEST_MS. Children of arrays are
 * counted, not their parents. */
#define ENGINE_USAGE_EVERY_MS 10000
#define ENGINE_USAGE_LONGEST_MS 600000
typedef struct effect_usage {
    int64_t queue_id, at_ms;
    int64_t mcpu;              /* in use */
    int32_t placed, waiting;   /* STARTING and RUNNING; RUNNABLE */
    int32_t succeeded, failed; /* since the point before, or since the leader began */
} effect_usage;

/* The answer to engine_ask_dependents: jobs that wait for it, at most ENGINE_DEPENDENTS_MAX. */
#define ENGINE_DEPENDENTS_MAX 100
typedef struct effect_dependent {
    ob_uuid id;
    int32_t index; /* of the child that it waits for; -1: the whole job */
    bool n_to_n;   /* child i waits for child i */
} effect_dependent;
typedef struct effect_dependents {
    int64_t seq, at_ms;
    effect_dependent *list;
    size_t n;
    bool more; /* there are others */
} effect_dependents;

typedef struct effect_shape {
    ob_resources need;
    int32_t count;
} effect_shape;
typedef struct effect_demand { /* one for each environment whose demand changed, or in which an
                                  instance changed its state or became idle or busy */
    int64_t ce_id;
    const effect_shape *shapes;
    size_t n_shapes;
} effect_demand;

/* Growing arrays; count is n_<name>. */
#define ENGINE_LIST(type, name)                                                                    \
    type *name;                                                                                    \
    size_t n_##name, cap_##name
typedef struct engine_effects {
    ENGINE_LIST(effect_live, live_insert);
    ENGINE_LIST(effect_live, live_update);
    ENGINE_LIST(effect_key, live_delete);
    ENGINE_LIST(effect_done, done);
    ENGINE_LIST(effect_attempt, attempts);
    ENGINE_LIST(effect_pod, pods);
    ENGINE_LIST(effect_event, events);
    ENGINE_LIST(effect_placement, placement_insert);
    ENGINE_LIST(effect_placement, placement_delete);
    ENGINE_LIST(effect_order, orders);
    ENGINE_LIST(effect_reason, reasons);
    ENGINE_LIST(effect_share, shares);
    ENGINE_LIST(effect_front, fronts);
    ENGINE_LIST(effect_counts, counts);
    ENGINE_LIST(effect_usage, usages);
    ENGINE_LIST(effect_dependents, dependents);
    ENGINE_LIST(effect_demand, demand);
    struct engine_arena *arena; /* the engine's: memory of the strings and shapes above */
} engine_effects;
