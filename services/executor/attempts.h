/* The runs that this instance holds, each from its placement to its confirmation. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "event_loop.h"
#include "ob/permit.h"
#include "output.h"
#include "placement.h"
#include "runtimes/runtime.h"
#include "spool.h"

#define TIMEOUT_GRACE_S 30 /* between SIGTERM and SIGKILL: AWS Batch user guide, "Job timeouts" */

typedef enum attempt_state {
    ATTEMPT_STARTING,
    ATTEMPT_RUNNING,
    ATTEMPT_EXITED,    /* until it is confirmed */
    ATTEMPT_CONFIRMED, /* no longer held; its output may still be on the way, and its container is
                          being removed */
} attempt_state;

typedef enum attempt_outcome {
    OUTCOME_NONE,  /* it has not ended */
    OUTCOME_UNRUN, /* it did not start */
    OUTCOME_RAN,   /* it ran, or may have */
    OUTCOME_OOM,   /* the same; it ended for lack of memory */
} attempt_outcome;

/* The parts of it that are still here. */
typedef enum attempt_rest {
    REST_OUTPUT,    /* output that is still to be sent, and its container */
    REST_CONTAINER, /* or a part of one */
    REST_REMOVING,  /* the runtime was asked to remove it */
} attempt_rest;

typedef struct attempt {
    struct attempts *all;
    char run[OB_RUN_TEXT];
    attempt_state state;
    attempt_outcome outcome;
    attempt_rest rest;
    int exit_code;                        /* -1: unknown */
    int64_t started_at_ms, stopped_at_ms; /* 0: unknown */
    int64_t pulled_at_ms, created_at_ms;  /* runtime_end's, and ... */
    int64_t cpu_ms, peak_bytes;           /* ... these, too */
    char *reason;
    json_t *pod;           /* what is shown of its pod, in bounds (ob/pod.h); NULL: it has none */
    char *note;            /* what the run must run without, for its reason; NULL: nothing */
    int64_t limit_s;       /* its time limit; 0: none */
    int64_t began_boot_ms; /* boot clock at its start; 0: unknown */
    int64_t ordered_ms;    /* monotonic; 0: unknown, by an executor before this one */
    int64_t start_ms;      /* from then until it was RUNNING; 0: unknown */
    bool timed_out;        /* the limit was reached */
    loop_timer limit_timer;
    bool host_ended; /* it was stopped because the instance ends */
    bool adopting;   /* read from the spool; the runtime has not been asked yet */
    /* The requested grace, -1: none. Until its container is found the runtime does not have the
     * run. */
    int stop_grace_s;
    bool dirty;             /* to be reported */
    int64_t reported_at_ms; /* boot clock */
    UT_hash_handle hh;
} attempt;

/* Sums since this executor's start, which heartbeats tell. */
typedef struct attempts_sums {
    int64_t starts, start_ms; /* runs that became RUNNING; from their orders on */
    int64_t pulls, failed_pulls, pull_ms;
} attempts_sums;

typedef struct attempts {
    loop *loop;
    spool *spool;
    runtime *runtime;
    logs *logs;
    placement *placement;
    ob_permits permits;
    attempt *table;
    bool dirty;   /* an attempt has changes to report */
    bool changed; /* the set of held runs has changed */
    attempts_sums sums;
    bool listed;          /* the runtime has listed the containers, so the table is complete */
    bool closing;         /* the instance is ending: nothing starts any more */
    char host_reason[64]; /* statusReason of runs that ended with the instance */
} attempts;

/* Initialises in place; the caller has set the members above. */
void attempts_done(attempts *a);
attempt *attempts_find(const attempts *a, const char *run);
/* Is it still held, that is, not confirmed yet? */
bool attempt_is_held(const attempt *at);
/* Does it run, did it run, or may it have run? */
bool attempt_has_run(const attempt *at);

/* The scheduler's orders (placement_sink). Repeating one is harmless. */
void attempts_run(attempts *a, const char *run, int attempt_no, const json_t *spec);
void attempts_stop(attempts *a, const char *run, int grace_s);
void attempts_confirm(attempts *a, const char *run);
/* The instance is ending: running runs are stopped and end with that reason; new ones are given
 * back. Repeating it is harmless. */
void attempts_close(attempts *a, int grace_s);

/* Events (runtime_callbacks, logs_config). */
void attempts_running(attempts *a, const char *run, int64_t started_at_ms);
void attempts_exited(attempts *a, const char *run, const runtime_end *end);
void attempts_pod(attempts *a, const char *run, const json_t *pod);
void attempts_log_out(attempts *a, const char *run);
void attempts_removed(attempts *a, const char *run);
void attempts_pulled(attempts *a, bool ok, int64_t took_ms);

/* For adopt.c: adds a run to the table without telling the runtime. It has output to send. */
attempt *attempts_add(attempts *a, const char *run, attempt_state state);
attempt_outcome attempt_outcome_of(bool started, bool oom);
void attempt_set_outcome(attempt *at, attempt_outcome outcome);
void attempt_set_rest(attempt *at, attempt_rest rest);
/* For a running run: its time limit counts from its start, and it is stopped at the limit. */
void attempt_watch_limit(attempt *at);
/* An end that was decided before a restart, or for a run without a container. */
void attempt_end(attempt *at, const runtime_end *end, bool durable);
/* To be reported with the next message. */
void attempt_touch(attempt *at);
