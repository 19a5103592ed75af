/* Where containers run, behind a small table of functions. All is asynchronous: functions return at
 * once and never call back; callbacks report events from the loop. A runtime keeps trying while its
 * engine is unreachable: silence ends nothing. Runs are named by their text,
 * <jobId>[:<index>]/<run>. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_loop.h"
#include "ob/config.h"
#include "ob/error.h"
#include "ob/id.h"
#include "spool.h"

typedef struct runtime runtime;

/* How a run ended, or why it did not start. */
typedef struct runtime_end {
    bool started;          /* it ran, or may have */
    int exit_code;         /* -1: unknown */
    bool oom;              /* ended for lack of memory */
    bool host_ended;       /* its host ended it, or was lost */
    int64_t pulled_at_ms;  /* its image was there, and it was its turn; 0: unknown */
    int64_t created_at_ms; /* its container was there; 0: unknown */
    int64_t started_at_ms; /* 0: unknown */
    int64_t stopped_at_ms; /* 0: unknown */
    int64_t cpu_ms;        /* of all its processors, rounded up; 0: unknown */
    int64_t peak_bytes;    /* the most memory that it used at a time; 0: unknown */
    const char *reason;    /* as ECS words it; NULL: none */
} runtime_end;

/* How a reader of output continues. */
typedef enum runtime_more {
    RUNTIME_GO_ON,
    RUNTIME_WAIT,   /* runtime.resume goes on */
    RUNTIME_ENOUGH, /* no more output is needed: output_end follows */
} runtime_more;

typedef struct runtime_callbacks {
    void (*running)(const char *run, int64_t started_at_ms, void *arg);
    void (*exited)(const char *run, const runtime_end *end, void *arg);
    /* What is known of the run's pod (ob/pod.h), all of it anew each time, before 'exited'. Only
     * runtimes that have pods call it. */
    void (*pod)(const char *run, const json_t *pod, void *arg);
    /* Reading of output starts, at the first byte whose line has a time not below since_ns (0: at
     * the beginning). It may be repeated after the engine was unreachable. */
    void (*output_begin)(const char *run, void *arg);
    /* After output_begin: the reading goes on at that offset, of which 'delivered' was told before,
     * or beyond it. May be NULL. */
    void (*output_at)(const char *run, int64_t offset, void *arg);
    /* One line without its end, or a piece of one. span: its length in the output as offsets count
     * it, the same at each reading. The line itself is always accepted, whatever the result. */
    runtime_more (*line)(
        const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg);
    void (*output_end)(const char *run, void *arg); /* all output was passed on */
    void (*removed)(const char *run, void *arg);
    /* A container of this instance that the runtime did not start: answer with adopt or remove,
     * from here or later. */
    void (*found)(const char *run, void *arg);
    /* A listing is complete: all containers were found. Called after each connection to the
     * engine. */
    void (*listed)(void *arg);
    void (*engine)(bool up, const char *text, void *arg);
    /* The engine answers but can start nothing: the reason, in at most 200 bytes; NULL: it works
     * again. Meanwhile runs that have not started are given back. */
    void (*unwell)(const char *why, void *arg);
    /* A pull of an image has ended; for figures only. May be NULL. */
    void (*pulled)(bool ok, int64_t took_ms, void *arg);
    void (*purged)(void *arg);
    void *arg;
} runtime_callbacks;

typedef struct runtime_config {
    loop *loop;
    spool *spool;
    const char *home, *run_dir, *instance, *ce; /* borrowed */
    const char *guarded_dirs;                   /* OPENBATCH_GUARDED_DIRS */
    const char *engine;                         /* DOCKER_HOST */
    const char *secrets_dir;                    /* empty: none */
    const char *credentials;                    /* a config.json; empty: the user's own */
    int64_t pull_stall_ms;
    int gpus; /* of the instance */
    runtime_callbacks on;
} runtime_config;

typedef struct runtime_ops {
    const char *name; /* as OPENBATCH_RUNTIME has it */
    const char *help; /* the name, and what it is for */
    /* The runtime's own settings, and the struct that they fill; NULL: it has none. */
    const ob_config_field *fields;
    size_t settings_size;
    /* own: the runtime's settings (borrowed). */
    int (*make)(const runtime_config *config, const void *own, runtime **ret, ob_error *err);
    void (*free)(runtime *rt);
    /* Connects and lists. */
    void (*open)(runtime *rt);
    /* Creates and starts. follow: is output needed? Errors: -EBUSY: it does not fit now; otherwise
     * the run cannot be started, and err is its reason in ECS's words. */
    int (*start)(runtime *rt,
                 const ob_run_ref *ref,
                 int attempt,
                 const json_t *spec,
                 bool follow,
                 ob_error *err);
    /* Continues a run that was started before a restart of the executor. since_ns: see
     * output_begin. */
    void (*adopt)(runtime *rt, const char *run, bool follow, int64_t since_ns);
    /* SIGTERM, SIGKILL grace_s later; a run that has not started ends without a start. */
    void (*stop)(runtime *rt, const char *run, int grace_s);
    void (*resume)(runtime *rt, const char *run);
    /* The run's output is with the broker up to that offset. NULL: of no interest. */
    void (*delivered)(runtime *rt, const char *run, int64_t offset);
    /* Removes the rest of an ended run; 'removed' reports it. */
    void (*remove)(runtime *rt, const char *run);
    /* Ends and removes everything of this instance; 'purged' reports it. What else is reported
     * meanwhile means nothing. */
    void (*purge)(runtime *rt);
    /* Sends the requests of a turn. */
    void (*flush)(runtime *rt);
} runtime_ops;

struct runtime {
    const runtime_ops *ops;
    runtime_config config;
};
