/* A container engine of one host: it does what it is asked, some time later, and keeps what its
 * containers did. runtime_sim.c is its client in an executor. Requests are answered in their order,
 * each by a call of the client's function, unless the client is gone or the answer is lost. */
#pragma once

#include "ob/id.h"
#include "sim.h"

/* What a container does. */
typedef struct container_plan {
    int64_t for_ms;
    int exit_code;
    bool oom;
    bool no_start; /* it cannot be started */
    bool stubborn; /* it ignores SIGTERM */
    int lines;     /* of output, at equal intervals */
} container_plan;

/* The n-th line of a run's output. */
#define ENGINE_LINE_MAX (OB_RUN_TEXT + 16)
void engine_line(const char *run, int n, char out[ENGINE_LINE_MAX]);
/* Which one it is; -1: none of a run's. run: its name. */
int engine_line_number(const char *line, char run[OB_RUN_TEXT]);

typedef enum container_state { CONTAINER_RUNS, CONTAINER_ENDED } container_state;

/* What the engine says of a container. */
typedef struct container_view {
    char run[OB_RUN_TEXT];
    container_state state;
    bool code_known; /* false: the engine was gone when it ended, and made one up */
    int exit_code;
    bool oom;
    int64_t started_us, ended_us;
    int lines; /* written so far */
} container_view;

typedef enum engine_verb {
    ENGINE_LIST,
    ENGINE_RUN, /* creates and starts */
    ENGINE_STOP,
    ENGINE_REMOVE,
    ENGINE_TRY, /* can it start anything? */
} engine_verb;

typedef struct engine_request {
    engine_verb verb;
    char run[OB_RUN_TEXT];
    container_plan plan; /* RUN */
    int grace_s;         /* STOP */
} engine_request;

typedef enum engine_said {
    ENGINE_DONE,
    ENGINE_REFUSED, /* RUN: it cannot start; REMOVE: there is none */
    ENGINE_CANNOT,  /* RUN, TRY: it can start nothing now; it has not */
    ENGINE_LOST,    /* the connection broke: it is not known whether it was done */
    ENGINE_ENDED,   /* no answer: a container has ended */
    ENGINE_WROTE,   /* no answer: a container has written lines */
} engine_said;

/* views: of LIST all containers, else the one; NULL: there is none. */
typedef struct engine_answer {
    engine_request to;
    engine_said said;
    container_view *views;
    size_t n;
} engine_answer;

/* A client of the engine: the process that runs now. Answers are kept for it until it takes them;
 * 'fd' of it becomes readable. An earlier client is forgotten. */
void engine_connect(engine_host *e, int fd);
bool engine_is_up(const engine_host *e);
void engine_ask(engine_host *e, const engine_request *request);
/* The next answer; its views are new. False: there is none. */
bool engine_take(engine_host *e, engine_answer *ret);
const char *engine_host_name(const engine_host *e);
