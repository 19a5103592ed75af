/* All that the Docker runtime holds: the engine's connection and the table of containers.
 * Structures only: the other headers, one a file, have the functions. Everything is
 * level-triggered: an event changes a container's step and sets 'dirty'; runtime_docker.c then
 * advances each container and sends the requests. The files lean on each other in one direction,
 * from below:
 *     model
 *     moves, down, use
 *     container                                the table, and what any step does
 *     output, pull, remove, unwell             the steps
 *     inspect
 *     begin, engine
 *     runtime_docker                           the door
 * The files that know none of these are auth, born, error, frames, host, leftover, lines, settings
 * and spec; gpus knows the model. */
#pragma once

#include <uthash.h>

#include "docker_lines.h"
#include "docker_settings.h"
#include "docker_states.h"
#include "group_use.h"
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
    int64_t stop_ms;       /* of the first request to stop it, wall clock; 0: none */
    bool die_published;    /* by the dockerd that answers now: it saw the container end */
    int pid;               /* of its first process, according to the engine; 0: not asked yet */
    int listings;          /* since it was last seen alive, or checked */
    unsigned listing_no;   /* of the last listing that had it */
    int grace_s;
    char *id;                            /* the engine's, when known */
    int removals;                        /* tries */
    int64_t not_before_ms;               /* of the step's next request */
    int64_t pulled_at_ms, created_at_ms; /* runtime_end's */
    int64_t started_at_ms;
    group_use use;        /* as far as it is known; docker_use.c */
    char *use_group;      /* while that waits for the end; NULL: it does not */
    int use_fd;           /* of its first process; 0: none */
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
    int64_t last_up_ms; /* until when it answered before; 0: it never has */
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
