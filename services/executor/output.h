/* Sends containers' output to batch.logs. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_loop.h"
#include "ob/bus.h"
#include "ob/seal.h"
#include "runtimes/runtime.h"

typedef struct logs logs;

typedef struct logs_config {
    loop *loop;
    ob_bus *bus;
    ob_seal *seal; /* borrowed */
    int64_t limit; /* bytes of a run's output, 0: none */
    /* Reading may go on. */
    void (*resume)(const char *run, void *arg);
    /* All before that offset is with the broker. May be NULL. */
    void (*delivered)(const char *run, int64_t offset, void *arg);
    /* All output of the run is with the broker; the stream is gone. */
    void (*out)(const char *run, void *arg);
    void *arg;
} logs_config;

logs *logs_new(const logs_config *config);
void logs_free(logs *l);

/* Opens a run's stream. target: see log_target. */
void logs_open(logs *l, const char *run, const json_t *target);
/* Reading begins, again or for the first time, at the output's beginning. */
void logs_begin(logs *l, const char *run);
/* The reading goes on at that offset instead, which an earlier process has reached. */
void logs_go_to(logs *l, const char *run, int64_t offset);
/* Takes one line of at most 256 KiB with its 'span' in the output (docs/messages.md); lines that
 * were accepted before are skipped. RUNTIME_WAIT: no more for now, 'resume' will follow. */
runtime_more
logs_line(logs *l, const char *run, int64_t at_ns, const char *text, size_t len, size_t span);
/* No more lines follow. 'out' is called when all are delivered; at once if there are none or
 * there is no stream: a run without output sends nothing. */
void logs_end(logs *l, const char *run);
/* Forgets a stream to which nothing was written. */
void logs_drop(logs *l, const char *run);

/* Sends chunks that are due; called at the end of each turn. */
void logs_flush(logs *l);
/* The result of a message that was sent with a reference of ours. */
void logs_delivered(logs *l, void *ref, bool ok);
