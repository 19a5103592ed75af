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
    ATTEMPT_CONFIRMED, /* no longer held; its log may be on the way, its container goes */
} attempt_state;

typedef enum attempt_outcome {
    OUTCOME_NONE,  /* it has not ended */
    OUTCOME_UNRUN, /* it did not begin */
    OUTCOME_RAN,   /* it ran, or may have */
    OUTCOME_OOM,   /* the same; it ended for lack of memory */
} attempt_outcome;

/* What is still here of it. */
typedef enum attempt_rest {
    REST_OUTPUT,    /* output that is still to be sent, and its container */
    REST_CONTAINER, /* or what there is of one */
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
    char *reason;
    char *note;            /* what the run goes without, for its reason; NULL: nothing */
    int64_t limit_s;       /* how long it may run; 0: no limit */
    int64_t began_boot_ms; /* boot clock at its start; 0: unknown */
    bool timed_out;        /* the limit was reached */
    loop_timer limit_timer;
    bool host_ended; /* it was stopped because the instance goes */
    bool adopting;   /* known from the spool; the runtime was not asked yet */
    /* As asked for, -1: not; until its container is found the runtime does not know of the run. */
    int stop_grace_s;
    bool dirty;             /* to be reported */
    int64_t reported_at_ms; /* boot clock */
    UT_hash_handle hh;
} attempt;

typedef struct attempts {
    loop *loop;
    spool *spool;
    runtime *runtime;
    logs *logs;
    placement *placement;
    ob_permits permits;
    attempt *table;
    bool dirty;           /* some attempt is to be reported */
    bool changed;         /* the table, or what is held of it, is another set than before */
    bool listed;          /* the runtime has told what exists: the table lacks nothing */
    bool closing;         /* the instance goes: nothing begins any more */
    char host_reason[64]; /* statusReason of what ended with the instance */
} attempts;

/* In place; the members above are set by the caller. */
void attempts_done(attempts *a);
attempt *attempts_find(const attempts *a, const char *run);
/* Still held: not confirmed yet. */
bool attempt_is_held(const attempt *at);
/* It runs, or ran, or may have. */
bool attempt_has_run(const attempt *at);

/* What the scheduler asks for (placement_sink). Asking twice is harmless. */
void attempts_run(attempts *a, const char *run, int attempt_no, const json_t *spec);
void attempts_stop(attempts *a, const char *run, int grace_s);
void attempts_confirm(attempts *a, const char *run);
/* The instance goes: what runs is stopped and ends for that reason; what comes now is given back.
 * Asking twice is harmless. */
void attempts_close(attempts *a, int grace_s);

/* What happens (runtime_callbacks, logs_config). */
void attempts_running(attempts *a, const char *run, int64_t started_at_ms);
void attempts_exited(attempts *a, const char *run, const runtime_end *end);
void attempts_log_out(attempts *a, const char *run);
void attempts_removed(attempts *a, const char *run);

/* For adopt.c: takes a run into the table without telling the runtime. It has output to send. */
attempt *attempts_add(attempts *a, const char *run, attempt_state state);
attempt_outcome attempt_outcome_of(bool started, bool oom);
void attempt_set_outcome(attempt *at, attempt_outcome outcome);
void attempt_set_rest(attempt *at, attempt_rest rest);
/* Its time runs, from its start: at the limit it is stopped. For a run that runs. */
void attempt_watch_limit(attempt *at);
/* An end that was decided before a restart, or without a container. */
void attempt_end(attempt *at, const runtime_end *end, bool durable);
/* To be reported with the next message. */
void attempt_touch(attempt *at);
