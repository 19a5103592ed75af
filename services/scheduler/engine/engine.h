/* The scheduler's decisions. Pure: no I/O, no clock, no threads. Events in, effects out, time as an
 * argument.
 *
 * A round: feed what has arrived (put, submit, stop, report ...), call engine_round, write the
 * effects in one transaction, send the orders. If the transaction is refused because of instances,
 * call engine_withdraw. If it fails otherwise, the service discards the engine, loads a new one
 * from PostgreSQL and feeds the same input again: every input is safe to feed twice. Strings given
 * to the engine are copied; strings in effects are valid until the next engine_effects_clear. */
#pragma once

#include "engine_effects.h"
#include "ob/id.h"
#include "ob/job.h"
#include "ob/rows.h"

typedef struct engine engine;

engine *engine_new(void);
void engine_free(engine *e);

/* ---- Topology: levels, put again whenever they change ---- */

#define ENGINE_MAX_CES 3 /* environments of a queue (AWS Batch quota) */

typedef struct engine_shortage {
    ob_resources need;
    const char *reason;
} engine_shortage;

typedef struct engine_ce {
    int64_t id;
    const char *name;
    const char *cluster; /* <name>_Batch_<uuid> */
    bool enabled, valid;
    bool exact; /* FARGATE: an instance takes only the one job that it was launched for: its size
                   equals the job's request, and so does a shape */
    bool unmanaged;    /* nothing is launched for it */
    int32_t max_vcpus; /* of its instances; of an unmanaged one: that its jobs use at a time (0: no
                          maximum) */
    int32_t share_vcpus;        /* base of a fair share's reservation; 0: max_vcpus */
    const ob_resources *shapes; /* usable sizes that it could ever launch; above max_vcpus only if
                                   it may exceed that by one instance */
    size_t n_shapes;
    const engine_shortage
        *shortages; /* needs for which, according to the scaler, it can get nothing now */
    size_t n_shortages;
} engine_ce;
void engine_put_ce(engine *e, const engine_ce *ce);
void engine_drop_ce(engine *e, int64_t id);

/* A fair-share policy. Weights: a lower one gets more; "A*" stands for all shares that begin with
 * A, each with factor times their number; shares without an entry have 1. */
typedef struct engine_weight {
    const char *share;
    double factor;
} engine_weight;
typedef struct engine_policy {
    int32_t decay_s;     /* shareDecaySeconds; 0: 600 */
    int32_t reservation; /* computeReservation, percent */
    const engine_weight *weights;
    size_t n_weights;
} engine_policy;

typedef struct engine_time_limit { /* jobStateTimeLimitActions: RUNNABLE, CANCEL */
    const char *code;              /* the beginning of a reason, up to " - " */
    int32_t seconds;
} engine_time_limit;

typedef struct engine_queue {
    int64_t id;
    const char *name;
    int32_t priority;
    bool enabled;
    bool deleting; /* its jobs are ended ("JobQueue deleted"); engine_queue_empty says when none is
                      left */
    int64_t ces[ENGINE_MAX_CES];
    size_t n_ces;
    const engine_policy *policy; /* NULL: first in, first out; priorities of jobs are ignored */
    const engine_time_limit *limits;
    size_t n_limits;
} engine_queue;
void engine_put_queue(engine *e, const engine_queue *q);
void engine_drop_queue(engine *e, int64_t id);
bool engine_queue_empty(const engine *e, int64_t id);

typedef struct engine_instance {
    const char *id;
    int64_t ce_id;
    ob_resources size;
    int32_t vcpus;
    ob_instance_state state; /* only ACTIVE takes runs; LAUNCHING counts in reasons (a doubtful one
                                is not put); LOST ends its runs, each as an attempt, reported or
                                not, because an ordered run may have run */
} engine_instance;
void engine_put_instance(engine *e, const engine_instance *i);
/* TERMINATED: dropped; its runs are ended as with LOST. */
void engine_drop_instance(engine *e, const char *id);

/* What follows a failed or long attempt, and the kind of its job. */
typedef struct engine_terms {
    int32_t attempts;  /* in all; 0 counts as 1 */
    int32_t timeout_s; /* limit of each attempt, from its start; 0: none */
    int64_t kind; /* what it runs, as a number: jobs of one kind start or fail alike; 0: unlike any
                     other job */
    const char *on_exit; /* JSON: evaluateOnExit as the user sent it; NULL: none */
} engine_terms;

/* A dependency of a job. */
#define ENGINE_MAX_DEPENDENCIES 20
typedef struct engine_dependency {
    ob_uuid id;
    int32_t index; /* of a child; -1: the whole job */
    ob_dep_type type;
    /* The result of a job that the engine does not have (it has ended). DEP_UNKNOWN counts as
     * failed, because nothing shows that it succeeded. */
    enum { DEP_UNKNOWN, DEP_SUCCEEDED, DEP_FAILED } ended;
    const int32_t
        *failed; /* N_TO_N on an array that has failed: its children that did, ascending */
    size_t n_failed;
} engine_dependency;

/* A job as it was submitted. */
typedef struct engine_submission {
    ob_uuid id;
    int64_t queue_id;
    int32_t array_size; /* 0: a single job */
    ob_resources need;
    const char *share; /* shareIdentifier, or NULL */
    int32_t priority;  /* scheduling priority */
    int64_t created_at_ms;
    engine_terms terms;
    const engine_dependency *deps;
    size_t n_deps;
    const char *failure; /* it fails at once with this reason; NULL: it does not fail */
} engine_submission;

/* ---- Loading from PostgreSQL (a new leader; causes no effects) ---- */

typedef struct engine_job_row { /* one live row with its job */
    engine_submission job;      /* 'deps' is looked at when 'waits' is not 0, 'failure' is not */
    int32_t index;              /* -1: single or parent */
    ob_job_state state;
    int32_t run, attempt;
    const char *instance_id;               /* STARTING, RUNNING */
    int64_t started_at_ms, runnable_at_ms; /* 0 = none */
    int64_t placed_at_ms;                  /* as effect_placement's; 0 = unknown */
    int flags;
    const char *stop_reason;
    ob_job_state bulk_state; /* parents */
    const char *bulk_reason;
    int64_t published_at_ms; /* as effect_live's */
    int64_t running_for_ms;  /* RUNNING: time for which it has run, by the database's clock */
    int64_t order;           /* position in its queue: by admission, a new one with each retry */
    int32_t waits;           /* dependencies that are not over: bit n stands for job.deps[n] */
} engine_job_row;
void engine_load(engine *e, const engine_job_row *row); /* parents before their children */
/* A child of a loaded parent that ended (a done row). */
void engine_load_done_child(engine *e, const ob_uuid *id, int32_t index, ob_job_state state);
/* Reasons already stored in class_reason. */
void engine_load_class_reason(engine *e, const effect_reason *row);
void engine_load_share(engine *e, const effect_share *row);
/* The stored front: its times are kept for jobs that are still at the same position. */
void engine_load_front(engine *e, int64_t queue_id, const engine_front *front, size_t n);

/* The stored numbers of what has ended; the engine counts the rest. After all live rows and ended
 * children. */
void engine_load_counts(engine *e, const effect_counts *row);
/* For a queue without such numbers, or with wrong ones, because a version that did not count has
 * led: they are to be stored anew. */
void engine_load_uncounted(engine *e, int64_t queue_id);
/* And, for each that ended, a job, or array
 * with its children by state (NULL: a single job), that ended. */
void engine_load_ended(engine *e, int64_t queue_id, ob_job_state state, const int64_t *children);

/* ---- Events ---- */

void engine_submit(engine *e, const engine_submission *s); /* known already: ignored */

/* Cancel (terminate false) or terminate a job, an array or one child. Unknown or ended: ignored. */
void engine_stop(engine *e, const ob_job_ref *job, bool terminate, const char *reason);

/* Who waits for the job, or the child, that has not ended? The round answers (effect_dependents).
 * seq: the question's number. */
void engine_ask_dependents(engine *e, int64_t seq, const ob_job_ref *job);

typedef enum engine_run_state { RUN_STARTING, RUN_RUNNING, RUN_EXITED } engine_run_state;
typedef struct engine_run_report {
    ob_run_ref run;
    engine_run_state state;
    int64_t started_at_ms, stopped_at_ms; /* 0 = unknown */
    int64_t pulled_at_ms, created_at_ms;  /* EXITED: its image, its container was there; 0 = unknown
                                           */
    bool has_exit_code;
    int32_t exit_code;
    int64_t cpu_ms, peak_bytes; /* EXITED: what it has used; 0 = unknown */
    bool oom;
    bool timed_out;            /* EXITED: its executor stopped it at its time limit */
    bool started;              /* EXITED: the container ran or may have run */
    const char *reason;        /* container reason, or NULL */
    const char *status_reason; /* or NULL: the default of the case (AWS: "Essential container in
                                  task exited", "Task failed to start") */
    const char *pod;           /* what is known of its pod, as text; NULL: nothing new */
} engine_run_report;
/* One message of an executor: what it reports about runs. If a run is not current, the answer is an
 * order to stop it, or a confirmation if it has ended. At most ENGINE_ANSWERS_MAX such runs of one
 * message are answered; executors repeat what is not answered. */
#define ENGINE_ANSWERS_MAX 1000
void engine_reports(engine *e, const char *instance_id, const engine_run_report *reports, size_t n);
/* The same with one run. */
void engine_report(engine *e, const char *instance_id, const engine_run_report *report);

/* The complete list of runs that an executor holds (it registered). In addition to engine_reports:
 * missing runs are ordered again if they were never reported, and otherwise ended ("the
 * container is gone"). */
void engine_registered(engine *e, const char *instance_id, const engine_run_report *held, size_t n);

/* ---- The round; its effects are in engine_effects.h ---- */

/* Decides: admits, ends, places. Fills 'out' with all changes since the last round; steps of one
 * job are merged into one row change (its events stay separate). now_ms: the time for all waits; it
 * continues from the loaded times and is never set. */
void engine_round(engine *e, int64_t now_ms, engine_effects *out);
/* The difference of the wall clock to the next rounds' now_ms, for shown times; initially 0. Shown
 * times never go back within a job, whatever the clock does. */
void engine_shown(engine *e, int64_t ahead_ms);
/* Call it if the last round's transaction was refused because instances that it placed on are no
 * longer ACTIVE; put (or drop) these instances first. Takes back the round's placements there, in
 * memory and in its effects 'out', as if they had not been made: the rest can be committed, and the
 * next round places these jobs again. Returns their number; 0: 'out' is unchanged. */
size_t engine_withdraw(engine *e, engine_effects *out);
/* Is there work for a round? */
bool engine_dirty(const engine *e);

/* The time for timeouts: milliseconds of a clock that is never set. Set it before rows are loaded
 * and before each round. */
void engine_clock(engine *e, int64_t steady_ms);
/* An executor stops its runs at their time limit and kills them 30 s later. The engine stops runs
 * that have not ended this long after their limit. */
#define ENGINE_TIMEOUT_MARGIN_MS 60000
/* When a round is due for timeouts, in engine_clock's time; INT64_MAX: none is. */
int64_t engine_next_timeout(const engine *e);

/* Holds: an instance gets no new runs for a while, measured with the now_ms of rounds. A new engine
 * has no holds.
 *
 * Refusals. An instance whose executor gives a run back (EXITED, not started, no reason) is held,
 * so that runs do not go back and forth as fast as messages travel: 1 s, twice as long with each
 * further refusal, at most 30 s; 1 s again once one of its runs has started. Refusals of runs that
 * were ordered before the hold do not count. */
#define ENGINE_HOLD_MIN_MS 1000
#define ENGINE_HOLD_MAX_MS 30000
/* Failing starts. An instance on which the starts of three different jobs in a row have failed is
 * held: 5 s, twice as long each further time, at most 5 minutes. After that it gets one run, and
 * more when that has started, or after ENGINE_TRIAL_MS. A successful start ends all of this. A
 * failure counts only while others succeed: work of the same kind has started elsewhere recently,
 * on at least as many instances as it has failed on. So a job with a bad image or command puts no
 * instance on hold. */
#define ENGINE_SUSPECT_MIN_MS 5000
#define ENGINE_SUSPECT_MAX_MS 300000
#define ENGINE_TRIAL_MS 20000
#define ENGINE_KIND_MS 600000 /* "lately" */
/* An instance whose executor reports that its container engine does not work gets nothing until it
 * reports otherwise. why: the report, at most ENGINE_UNWELL_TEXT bytes; NULL: it works. */
#define ENGINE_UNWELL_TEXT 200
void engine_unwell(engine *e, const char *instance_id, const char *why);
/* Work that fits a held instance is not requested elsewhere, unless the hold is this long, or the
 * instance has been unwell for this long. */
#define ENGINE_HELD_LONG_MS 30000
#define ENGINE_UNWELL_LONG_MS 60000

/* Capacity for large jobs. A job that could be served, but has been passed over by another of its
 * own queue or of one with the same or a lower priority, gets capacity kept for it after this time:
 * a large enough instance takes no other job of those queues. If there is none, as many instances
 * are kept as prevent a launch below maxvCpus. One class of a queue at a time, the first in its
 * order. */
#define ENGINE_KEEP_AFTER_MS 30000
/* Reasons of AWS Batch that programs act on are given only for conditions that have lasted: no
 * environment could ever serve the job; an operator or capacity is needed; an instance does not
 * come. */
#define ENGINE_LASTS_MISFIT_MS 5000
#define ENGINE_LASTS_BLOCKED_MS 60000
#define ENGINE_LASTS_UNKNOWN_MS 600000

/* When a round is due although the engine is not dirty, because time itself changes something;
 * compare it with the now_ms of rounds. INT64_MAX: never. */
int64_t engine_next_due(const engine *e);
void engine_effects_clear(engine_effects *out); /* keeps the memory */
void engine_effects_done(engine_effects *out);

/* ---- Looking ---- */

typedef struct engine_sum { /* of resources of many jobs */
    int64_t mcpu, mem_mib, gpus;
} engine_sum;
static inline void engine_sum_add(engine_sum *to, const ob_resources *what, int64_t times)
{
    to->mcpu += times * what->mcpu;
    to->mem_mib += times * what->mem_mib;
    to->gpus += times * what->gpus;
}

typedef struct engine_queue_figures {
    int64_t id;
    const char *name;                     /* borrowed */
    int64_t jobs[OB_JOB_STATE_COUNT];     /* single jobs and arrays, also those that have ended */
    int64_t children[OB_JOB_STATE_COUNT]; /* of the arrays */
    engine_sum waiting, used;             /* by RUNNABLE ones; by STARTING and RUNNING ones */
    int64_t oldest_at_ms; /* since when the job that waits longest is RUNNABLE, as a shown time; 0:
                             none waits */
    const char *blocked;  /* why the job at the head is blocked: a text that begins with a code;
                             NULL:  it is not */
} engine_queue_figures;
/* Calls fn for each known queue. The cost depends on the number of queues and classes. */
void engine_each_queue(const engine *e,
                       void (*fn)(const engine_queue_figures *figures, void *arg),
                       void *arg);
typedef struct engine_share_figures {
    const char *queue, *share; /* borrowed */
    int64_t mcpu;              /* in use */
    double weighted_usage; /* vCPU seconds, older ones counting less, times its weight; the share
                              with the least is served next */
} engine_share_figures;
/* Calls fn for each share of the known queues with a fair-share policy. */
void engine_each_share(const engine *e,
                       int64_t now_ms,
                       void (*fn)(const engine_share_figures *figures, void *arg),
                       void *arg);

typedef struct engine_wanted { /* a run that should be on an instance */
    ob_run_ref run;
    int32_t attempt;
    bool reported; /* the executor has reported it since it was placed, or it was loaded as RUNNING
                    */
    engine_run_state state;
    bool stopping;
    int64_t queue_id;
} engine_wanted;
/* Calls fn for each run on the instance, in any order. */
void engine_instance_runs(const engine *e,
                          const char *instance_id,
                          void (*fn)(const engine_wanted *run, void *arg),
                          void *arg);
/* Use of each instance of an environment, and its demand (for the 5 s level). */
typedef struct engine_use {
    const char *instance_id;
    ob_resources used;
    int32_t runs;
    bool kept; /* kept for a large job, or held for long: its capacity is for no other job */
    ob_instance_state state;
} engine_use;
void engine_ce_use(const engine *e,
                   int64_t ce_id,
                   void (*fn)(const engine_use *use, void *arg),
                   void *arg);
size_t engine_ce_demand(const engine *e, int64_t ce_id, effect_shape *out, size_t max);

typedef struct engine_stats {
    size_t waiting, placed, jobs, classes, instances;
    size_t bytes;        /* memory of waiting jobs, for the bound of 100 bytes each */
    size_t unwell, held; /* ACTIVE instances that get nothing: unwell; for a while */
    const char *unwell_text, *unwell_id; /* of one of them, or NULL; valid until the next call */
    size_t passed_over;                  /* classes, since a job of them was placed last */
    size_t ignored; /* moves that are not in the state table, since the start */
} engine_stats;
void engine_stats_get(const engine *e, engine_stats *out);
