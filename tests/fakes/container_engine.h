/* A container engine in memory: HTTP on a unix socket, served by the loop of the test that uses it.
 * It has requests and their answers, but no containers. */
#pragma once

#include <stdbool.h>

#include "event_loop.h"

typedef struct container_engine container_engine;

typedef struct engine_answer {
    int status;       /* 0: none, ever */
    bool hang_up;     /* instead of an answer the connection is closed */
    const char *body; /* JSON, or lines of it */
    size_t len;       /* of a body that may hold NULs; 0: it is text */
    bool open;        /* the body has no end: engine_say goes on with it */
} engine_answer;

/* Called for each request. path: without the API's version. */
typedef engine_answer (*engine_on_request)(const char *method, const char *path, void *arg);

container_engine *engine_new(loop *l, engine_on_request fn, void *arg);
void engine_free(container_engine *e);
/* For DOCKER_HOST. */
const char *engine_host(const container_engine *e);
/* More of the open answers to requests whose path begins so. */
void engine_say(container_engine *e, const char *path, const char *text);
/* How many requests whose path begins so have no whole answer, and a client that waits for it. */
int engine_waiting(const container_engine *e, const char *path);
/* Closes the connections of the open answers to requests whose path begins so. */
void engine_hang_up(container_engine *e, const char *path);
