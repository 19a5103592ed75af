/* All that the Kubernetes runtime holds: the cluster's client and the table of runs. Structures
 * only: the other headers, one a file, have the functions. Everything is level-triggered: an event
 * changes a run's state and sets 'dirty'; runtime_kubernetes.c then advances each run and sends the
 * requests. The files lean on each other in one direction, from below:
 *     model
 *     moves
 *     run                                the table, and what any step does
 *     kept                               how far the output was delivered
 *     output, stop, remove               the steps
 *     look                               what a pod says
 *     check, create
 *     cluster                            the watch
 *     runtime_kubernetes                 the door
 * The files that know none of these are lines, mark, name, pod, refusal, report, settings and
 * status. */
#pragma once

#include <uthash.h>

#include "k8s_lines.h"
#include "k8s_mark.h"
#include "k8s_name.h"
#include "k8s_pod.h"
#include "k8s_settings.h"
#include "k8s_states.h"
#include "k8s_status.h"
#include "ob/clock.h"
#include "ob/kube.h"
#include "ob/kube_watch.h"
#include "runtimes/runtime.h"

typedef struct k8s k8s;
typedef struct k8s_run k8s_run;

#define K8S_UNWELL_MAX 200 /* docs/messages.md */
#define K8S_UID_TEXT 64

/* How far the output had been passed on at some time. */
typedef struct k8s_place_of_output {
    int64_t offset; /* as in batch.logs: of all its containers */
    size_t container;
    k8s_mark mark;
} k8s_place_of_output;

#define K8S_NOTED 4

typedef struct k8s_output {
    k8s_output_state state;
    runtime_more more;   /* what the reader wants */
    bool begun;          /* output_begin was told */
    size_t container;    /* whose is read: of the init containers, then of the others */
    bool is_headed;      /* the container's first line was passed on */
    int failures;        /* in a row */
    int64_t failed_ms;   /* boot clock: the first of them */
    int64_t retry_at_ms; /* boot clock */
    int64_t heard_ms;    /* boot clock: the last line of a reading that should end by itself, or
                            since when it should; 0: it need not */
    k8s_lines lines;
    k8s_mark mark;
    int64_t offset;                       /* after the last line that was passed on */
    bool is_recalled;                     /* where an executor before this one was; no line yet */
    k8s_place_of_output noted[K8S_NOTED]; /* to be kept when they are delivered, in order */
    size_t n_noted;
    k8s_place_of_output last_noted;
    int64_t noted_ms; /* boot clock: when that was; 0: never */
    ob_http_call *call;
} k8s_output;

struct k8s_run {
    k8s *k;
    char run[OB_RUN_TEXT];
    char name[K8S_NAME_TEXT];
    char *name_space;
    char uid[K8S_UID_TEXT]; /* of its pod; empty: not known */
    k8s_step step;
    k8s_stop_state stop;
    k8s_doubt doubt;
    json_t *body;      /* of its creation, until that was answered */
    json_t *pod;       /* as it was last seen; NULL: never */
    json_t *early;     /* as a watch told it before the creation's answer; NULL: it did not */
    k8s_status status; /* of that */
    k8s_known known;
    bool fresh;      /* this process is the first that has it */
    bool posted;     /* a creation was sent */
    int64_t lost_ms; /* boot clock: when a creation got no answer; 0: all got one */
    bool running_told;
    int64_t ended_ms;  /* boot clock: when its end was told */
    int64_t ending_ms; /* boot clock: since when it is waited for the end of its deleted pod; 0: no
                          pod of it was seen to be deleted and not to have ended */
    int grace_s;
    bool asked;            /* the executor wants its end */
    char *doom;            /* why it is ended by us; empty: it is given back; NULL: it is not */
    k8s_wait wait;         /* the present one, and ... */
    int64_t wait_since_ms; /* ... since when, boot clock */
    int64_t not_before_ms; /* boot clock: of the step's next request */
    int64_t tries;         /* that failed, in a row */
    ob_http_call *op;      /* the step's request */
    ob_http_call *doubt_op;
    k8s_output out;
    UT_hash_handle hh;
};

struct k8s {
    runtime base;
    const k8s_settings *settings; /* borrowed */
    k8s_place place;              /* borrows from them */
    ob_kube *kube;
    ob_kube_watch *watch;
    loop_timer watch_timer, later_timer;
    bool dirty;
    bool purging;
    bool up;
    k8s_list list;
    int creating, removing;          /* requests under way */
    int seeking;                     /* runs in K8S_STEP_SEEK */
    k8s_run *runs;                   /* uthash, in the order in which they came */
    char unwell[K8S_UNWELL_MAX + 1]; /* empty: it works */
    loop_timer unwell_timer;
};

#define ON(k) (&(k)->base.config.on)
