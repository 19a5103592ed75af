/* An executor without its loop, for tests of its runs. The runtime is a fake that records its
 * calls; the tests act as the engine. */
#pragma once

#include "unit.h"

#include "attempts.h"

#define JOB "018f0000-0000-7000-8000-000000000001"
#define RUN JOB "/1"
#define DIR_MAX 128
#define ASKED_MAX 4096

typedef struct world {
    char dir[DIR_MAX];
    loop *loop;
    spool *spool;
    runtime runtime;
    logs *logs;
    ob_seal seal;
    placement *placement;
    ob_permits permits;
    attempts a;
} world;

extern char
    asked[ASKED_MAX];      /* of the runtime, since the executor began: "start RUN; stop RUN; " */
extern int start_result;   /* of the next starts */
extern bool start_crashes; /* a start ends the process */
extern const char *start_text;
extern const runtime_end exit_3;

int setup(void **state);
int teardown(void **state);
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* kill -9 and start again: only what the spool has written stays. */
void restart(world *w);
/* A run whose output goes nowhere, unless logged. */
void place(world *w, const char *run, bool logged);
attempt_state state_of(world *w, const char *run);
/* What a report says of it; new. */
json_t *told_state(const attempt *at);
