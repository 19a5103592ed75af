/* The Docker runtime with an engine in memory (container_engine.h), for tests of how containers
 * begin and end. A test says what the engine answers, and looks at what the runtime did and
 * reported. */
#pragma once

#include "unit.h"

#include <sys/types.h>

#include "container_engine.h"
#include "runtimes/docker/runtime_docker.h"

#define JOB "018f0000-0000-7000-8000-000000000001"
#define RUN JOB "/1"
#define NAME "ob-" JOB "-1"
#define OTHER_RUN "018f0000-0000-7000-8000-000000000002/1"
/* As long as real ones: it is looked for in the kernel's log. */
#define CONTAINER_ID "c0ffee0000000000000000000000000000000000000000000000000000000001"
#define LISTED(state)                                                                              \
    "[{\"Names\": [\"/" NAME "\"], \"State\": \"" state "\", "                                     \
    "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]"

typedef struct world {
    loop *loop;
    char dir[32];
    spool *spool;
    container_engine *engine;
    docker_settings settings;
    runtime *rt;
    loop_timer limit;
    /* What the engine does. */
    int create_status;
    engine_answer start, probe_start;
    bool probe_is_made; /* its creation is answered as the others' */
    const char *listed;
    bool ends_unseen;  /* it ends between the engine's going and its listing */
    bool event_before; /* the engine that goes has published its end */
    bool event_after;  /* the engine that came publishes its end, after the first inspection */
    int end_code;
    int64_t began_ms; /* 0: ten seconds ago */
    char inspected[512];
    engine_answer outputs[2]; /* of the first reading, and of all others */
    /* What happened. */
    int starts, probes, probe_removals, found, nudges, nudge_status;
    bool has_listed, intent_on_disk, has_stopped;
    bool running, ended;
    bool started;
    int exit_code;
    char reason[512];
    char last_line[256];
    size_t last_len, last_span;
    bool is_read, is_read_again, output_over;
    char unwell[512];
    int unwell_told;
} world;

int world_init(void **state);
int world_done(void **state);
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, world_init, world_done)
/* The same, and this process, which has the engine's socket, is called dockerd. */
int dockerd_init(void **state);
int dockerd_done(void **state);
#define SEEN(f) cmocka_unit_test_setup_teardown(f, dockerd_init, dockerd_done)

/* Makes the runtime, and waits for its first listing. */
void open_runtime(world *w);
/* As runtime_ops.start, with a spec that can run. */
int start_run(world *w, const char *run);
/* Opens the runtime, starts RUN and waits until it runs. */
void run_one(world *w);
/* Runs the loop until *flag, or is_done. */
void run_until(world *w, const bool *flag);
void run_until_done(world *w, bool (*is_done)(const world *w));
/* What inspections answer from now on. */
void inspect_says(world *w, const char *status, int code, int64_t finished_ms);
/* As Docker's API shows it. */
void show_time(char out[48], int64_t at_ms);
/* The engine tells that RUN's container died. ms: the event's time; 0: none. A label of the
 * container is in the event, too. */
void say_died(world *w, int64_t ms);

/* A child that is called so until it is ended. */
pid_t begin_process(const char *name);
void end_process(pid_t pid);

void assert_may_have_run(const world *w);
void assert_given_back(const world *w);
/* It ran, and its exit code is not known. */
void assert_unknown(const world *w);
