/* Shared by the files of the Docker runtime: the engine's connection and the table of containers.
 * Everything is level-triggered: an event changes a container's step and sets 'dirty'; docker_flush
 * advances each container (container_go) and then sends the requests. */
#pragma once

#include <uthash.h>

#include "docker_lines.h"
#include "docker_settings.h"
#include "docker_states.h"
#include "loop_http.h"
#include "ob/buf.h"
#include "ob/clock.h"
#include "ob/docker.h"
#include "ob/host_path.h"
#include "runtimes/runtime.h"

typedef struct docker docker;
typedef struct container container;
typedef struct pull pull;

#define DOCKER_PROBE                                                                               \
    "openbatch-probe-" /* and the instance: the name of docker_unwell.c's container */
#define UNWELL_MAX 200 /* docs/messages.md */

/* The last part of a line that was read. */
typedef struct output_mark {
    bool any;
    int64_t at_ns;
    size_t len;
} output_mark;

typedef struct container_output {
    output_state state;
    runtime_more more; /* what the reader wants */
    bool cut_short;    /* the engine may have dropped its end */
    int failures;
    int64_t retry_at_ms;
    int64_t since_ns;
    ob_http_call *call;
    docker_frames frames;
    docker_lines lines;
    output_mark last;  /* of the reading */
    output_mark check; /* the container's own, by the check */
} container_output;

struct container {
    docker *d;
    char run[OB_RUN_TEXT];
    char name[OB_RUN_TEXT];
    container_step step;
    container_origin origin;
    container_start start;
    container_second_look second_look;
    container_stop stop;
    bool has_slot;
    bool exists;           /* the engine has it, or may have it */
    bool create_lost;      /* a create got no answer */
    bool pulled;           /* its image, for it */
    bool died;             /* the engine reported it since the last inspection was requested */
    bool nudged;           /* container_listed had the engine look at it */
    bool oom_seen;         /* the engine said so */
    bool force;            /* remove also while it runs */
    int64_t running_at_ms; /* as reported, wall clock; 0: 'running' was not reported */
    int64_t die_ms;        /* the event's time, wall clock; 0: none came */
    bool die_published;    /* by the dockerd that answers now: it saw the container end */
    int pid;               /* of its first process, according to the engine; 0: not asked yet */
    int listings;          /* since it was last seen alive, or checked */
    unsigned listing_no;   /* of the last listing that had it */
    int grace_s;
    char *id;              /* the engine's, when known */
    int removals;          /* tries */
    int64_t not_before_ms; /* of the step's next request */
    int64_t started_at_ms;
    json_t *body;         /* of create, until it was created */
    json_t *volumes;      /* names */
    char *gpus;           /* indices, "0,3"; NULL: none */
    char *doubt;          /* why it could not be made */
    char *auth;           /* X-Registry-Auth of its own, or NULL */
    const char *platform; /* a constant, or NULL */
    json_t *hidden;       /* secrets, by name: not for any text */
    ob_http_call *op;     /* the step's request */
    ob_http_call *stop_call;
    pull *pull;
    container_output out;
    UT_hash_handle hh;
};

struct docker {
    runtime base;
    const docker_settings *settings; /* borrowed */
    ob_host_guard *guard;            /* folders that no container gets */
    ob_http *http;
    char api[OB_DOCKER_API_TEXT];
    bool up;
    bool dirty;
    bool purging;
    bool down_logged;
    int backoff_ms;
    loop_timer connect_timer, tick_timer, later_timer;
    int64_t next_list_ms;
    unsigned listing_no; /* counts them */
    bool intents;        /* some container is in STEP_INTENT */
    /* Wall clock: when the engine was last found not to answer, and when it first answered after
     * that. */
    int64_t away_ms, back_ms;
    ob_http_call *hello, *events, *listing;
    ob_buf event;          /* the incomplete line of the stream of events */
    container *containers; /* uthash, in the order in which they came: the queue */
    pull *pulls;
    int slots_used;
    int removing;
    int64_t pids_limit; /* of each container; 0: none */
    char boot[OB_BOOT_ID_TEXT];
    /* docker_unwell.c */
    char unwell[UNWELL_MAX + 1]; /* empty: the engine works */
    loop_timer probe_timer;
    ob_http_call *probe_call;
    char probe_image[512], probe_id[72];
    bool probe_works;
};

#define ON(d) (&(d)->base.config.on)

extern const runtime_ops runtime_docker;

/* runtime_docker.c */
container *docker_find(docker *d, const char *run);
container *docker_add(docker *d, const char *run, container_step step);
void docker_dirty(docker *d);
/* Advances the containers after a while. */
void docker_later(docker *d, int64_t delay_ms);
/* One request of the container's step. */
void container_request(container *c,
                       const char *method,
                       const char *path,
                       const json_t *body,
                       ob_http_on_reply on_reply);
/* Call it first in each reply: the request is over. false: there was no answer; the step is tried
 * again when the engine is back. */
bool container_answered(container *c, const ob_http_reply *reply);
/* The step's next request waits for a while. */
void container_wait(container *c, int64_t delay_ms);
void container_free(container *c);
/* The engine reports that the container no longer runs. */
void container_died(container *c);
/* Ends a run that did not start. reason: NULL or text (copied). */
void container_end_unstarted(container *c, const char *reason);
/* The same, with the engine's answer: "<kind>: <its text>". exit_code: -1: none. */
void container_end_failed(container *c,
                          const char *kind,
                          const ob_http_reply *reply,
                          int exit_code);
void container_tell_running(container *c, int64_t started_at_ms);
void container_tell_end(container *c, const runtime_end *end);

/* docker_inspect.c */
void container_take_id(container *c, const json_t *body);
void container_inspect(container *c);
/* A listing shows it as running. */
void container_listed(container *c);
/* The records about a container that was created before this process started. */
void container_recall(container *c);
/* It was to be started, and it is not known whether it was. why: the reason's first part. stayed:
 * the engine answered and has run since it was asked. Ends the run: as not started if that can be
 * proven, else as one that may have run. */
void container_end_doubtful(container *c, const char *why, bool stayed);
/* An engine's error text ({"message": …}) or the transport's, complete. Each value of 'hidden'
 * (secrets, by name; NULL: none) is hidden in it before it can be cut. The caller frees it. */
char *docker_error_dup(const ob_http_reply *reply, const json_t *hidden);
/* The same, cut to a buffer; for answers to requests that contained no secret. Returns buf. */
const char *docker_error_text(const ob_http_reply *reply, char *buf, size_t size);

/* docker_moves.c: the only writers of a container's states */
void container_set_step(container *c, container_step step);
void container_set_origin(container *c, container_origin origin);
void container_set_start(container *c, container_start start);
void container_set_second_look(container *c, container_second_look look);
void container_set_stop(container *c, container_stop stop);
void container_set_output(container *c, output_state state);
/* Also when the container goes. */
void container_release_slot(container *c);

/* docker_begin.c */
/* As runtime_ops.start. */
int begin_prepare(
    docker *d, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err);
void begin_create(container *c);
void begin_start(container *c);
void begin_start_intended(container *c);

/* docker_engine.c: connection, events, listing */
void docker_connect(docker *d);
/* A request got no answer: the engine counts as unreachable until it is connected again. */
void docker_down(docker *d, const char *why);
void docker_engine_done(docker *d);

/* docker_output.c */
void output_go(container *c);
void output_drop(container *c);
void output_lost(container *c); /* nothing more will follow: the container is gone */

/* docker_remove.c */
void remove_go(container *c);

/* docker_pull.c */
void pull_join(container *c);
void pull_leave(container *c);
void pull_free_all(docker *d);
