/* A program that the executor starts and watches from its event loop. */
#pragma once

#include "event_loop.h"
#include "ob/point.h"

typedef struct child child;

typedef struct child_options {
    loop *loop;
    const char *const *argv; /* the first: an absolute path; NULL ends it */
    const char *input;       /* given to it on stdin, which then stays open; at most 256 KiB */
    /* A line of its stdout, without the end. It may kill the child, but not free it. */
    void (*on_line)(const char *line, size_t len, void *arg);
    /* It has ended: the status of waitpid(2). The child is freed afterwards. */
    void (*on_end)(int status, void *arg);
    void *arg;
} child_options;

/* Starts it in a process group of its own, with no signal blocked. stderr is this process's.
 * Errors: -errno. */
int child_start(const child_options *options, child **ret, ob_error *err);
/* The end of its stdin. */
void child_close_input(child *c);
/* Kills its group; on_end follows. */
void child_kill(child *c);
/* The same, and waits for it; no callback follows. For the end of this process. NULL is fine. */
void child_free(child *c);
