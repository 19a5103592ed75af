/* Where containers run, behind a small table of functions. All is asynchronous: functions return
 * at once and never call back; what happens is told by the callbacks, from the loop. A runtime
 * keeps trying while its engine is away: silence ends nothing. Runs are named by their text,
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

/* How a run ended, or why it did not begin. */
typedef struct runtime_end {
    bool started;          /* it ran, or may have */
    int exit_code;         /* -1: unknown */
    bool oom;              /* ended for lack of memory */
    int64_t started_at_ms; /* 0: unknown */
    int64_t stopped_at_ms; /* 0: unknown */
    const char *reason;    /* as ECS words it; NULL: none */
} runtime_end;

/* How a reader of output goes on. */
typedef enum runtime_more {
    RUNTIME_GO_ON,
    RUNTIME_WAIT,   /* runtime.resume goes on */
    RUNTIME_ENOUGH, /* no more is wanted, ever: output_end follows */
} runtime_more;

typedef struct runtime_callbacks {
    void (*running)(const char *run, int64_t started_at_ms, void *arg);
    void (*exited)(const char *run, const runtime_end *end, void *arg);
    /* Reading output begins, at the first byte whose line has a time not below since_ns (0: at the
     * beginning); also again, after the engine was away. */
    void (*output_begin)(const char *run, void *arg);
    /* One line, without its end, or a piece of one. span: how far it goes in the output, as offsets
     * count it: the same at each reading. The line itself is taken, whatever the answer. */
    runtime_more (*line)(
        const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg);
    void (*output_end)(const char *run, void *arg); /* all was given */
    void (*removed)(const char *run, void *arg);
    /* A container of this instance that the runtime was not told of: answer with adopt or remove,
     * from here or later. */
    void (*found)(const char *run, void *arg);
    /* A listing is complete: all that exists was found. Called after each connection to the
     * engine. */
    void (*listed)(void *arg);
    void (*engine)(bool up, const char *text, void *arg);
    /* The engine answers and can start nothing: why, in at most 200 bytes; NULL: it can again.
     * Meanwhile runs that have not begun are given back. */
    void (*unwell)(const char *why, void *arg);
    void (*purged)(void *arg);
    void *arg;
} runtime_callbacks;

typedef struct runtime_config {
    loop *loop;
    spool *spool;
    const char *home, *run_dir, *instance, *ce; /* borrowed */
    const char *guarded_dirs;                   /* OPENBATCH_GUARDED_DIRS */
    int gpus;                                   /* of the instance */
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
    /* Creates and starts. follow: whether output is wanted. Errors: -EBUSY, it does not fit now;
     * otherwise the run cannot be begun and err is its reason, as ECS words it. */
    int (*start)(runtime *rt,
                 const ob_run_ref *ref,
                 int attempt,
                 const json_t *spec,
                 bool follow,
                 ob_error *err);
    /* Goes on with a run that was begun before a restart of the executor. since_ns: see
     * output_begin. */
    void (*adopt)(runtime *rt, const char *run, bool follow, int64_t since_ns);
    /* SIGTERM, SIGKILL grace_s later; a run that has not begun ends without a start. */
    void (*stop)(runtime *rt, const char *run, int grace_s);
    void (*resume)(runtime *rt, const char *run);
    /* Removes what is left of a run that has ended; 'removed' tells. */
    void (*remove)(runtime *rt, const char *run);
    /* Ends and removes everything of this instance; 'purged' tells. */
    void (*purge)(runtime *rt);
    /* What a turn asked for goes out. */
    void (*flush)(runtime *rt);
} runtime_ops;

struct runtime {
    const runtime_ops *ops;
    runtime_config config;
};
