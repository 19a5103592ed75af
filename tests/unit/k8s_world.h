/* The Kubernetes runtime with a cluster in memory, for tests of how pods begin and end. A test
 * moves the time, says what the cluster answers and what becomes of its pods, and looks at what the
 * runtime did and reported. The client (ob/kube.h, ob/kube_watch.h), the clock and the loop's
 * timers are the world's: see k8s_world_wrap in meson.build. */
#pragma once

#include "unit.h"

#include "ob/buf.h"
#include "ob/kube_watch.h"
#include "runtimes/kubernetes/runtime_kubernetes.h"

#define JOB "018f0000-0000-7000-8000-000000000001"
#define RUN JOB "/1"
#define OTHER_RUN "018f0000-0000-7000-8000-000000000002/1"
#define INSTANCE "i-0123456789abcdef0"

typedef struct world {
    loop *loop;
    char dir[32];
    spool *spool;
    k8s_settings settings;
    runtime *rt;
    /* The cluster. */
    json_t *pods;    /* by name */
    int64_t version; /* of resources */
    bool deaf;       /* nothing of what happens is told to the watch */
    int lost;        /* of the next changes the answers are lost, with their effect or ... */
    bool lost_whole; /* ... without */
    const char *lost_method;
    int refused; /* status of the next creations; 0: they are made */
    const char *refusal;
    int change_refused; /* status of the next GET, DELETE or PATCH, which is ... */
    const char *change_method;
    const char *meanwhile; /* what becomes of a pod between the next POST or GET about it and the
                              answer; as for set_status; NULL: nothing */
    int log_status;        /* 0: 200 */
    const char *log;       /* of all containers, from its beginning */
    bool log_open;         /* a following reading does not end */
    bool log_stuck;        /* nor does any other */
    /* What the runtime did. */
    int posts, deletes, patches, gets, log_gets;
    int64_t grace_s; /* of the last deletion */
    char last_log[256];
    bool intent_on_disk; /* at the last creation */
    /* What it reported. */
    int found, listed, running, ends, removed;
    bool adopt; /* the executor adopts what is found */
    int64_t started_at_ms;
    runtime_end end;
    char reason[512];
    json_t *pod;
    ob_buf output;
    int64_t output_at; /* where it went on */
    bool output_over;
    runtime_more more; /* of lines */
    char unwell[256];
    int unwell_told;
    bool is_purged;
} world;

int world_init(void **state);
int world_done(void **state);
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, world_init, world_done)

/* Until nothing happens any more. */
void turn(world *w);
/* Time passes. */
void pass_ms(world *w, int64_t ms);
/* A new process: only the spool and the cluster stay. */
void restart(world *w);
/* The same, to end and remove all. */
void purge(world *w);
int start_run(world *w, const char *run);
/* From now on such requests about a pod are answered so; 0: as usual. */
void refuse(world *w, const char *method, int status);
/* Starts RUN, and its container runs. */
void run_one(world *w);
/* The pod of a run; NULL: there is none. */
json_t *pod_of(world *w, const char *run);
/* Changes the pod's status, written with ' for ", and tells the watch. */
void set_status(world *w, const char *run, const char *status);
void ends_with(world *w, const char *run, int code);
/* Its label of the instance goes. */
void take_label(world *w, const char *run);
/* What names its run goes. */
void take_annotation(world *w, const char *run);
/* The pod goes as if it had no finalizers. */
void strip(world *w, const char *run);
void delete_by_hand(world *w, const char *run, int64_t grace_s);
/* A pod that nobody of this process made. */
json_t *plant(world *w, const char *run, const char *instance, const char *node_uid);
/* The watch lists anew: it tells all that is there, and the departure of what is not. */
void relist(world *w);
/* More of the log that is followed; ends: and it ends. */
void say_log(world *w, const char *text, bool ends);
void remove_run(world *w);
/* It was told once, and so. */
void assert_end(const world *w, bool started, int code, const char *reason);
/* All of it: [line][line]. */
void assert_output(const world *w, const char *text);
