/* Model executors for tests of the engine: how an executor handles orders, what it reports, and a
 * channel to the scheduler that keeps the order but loses and repeats messages. */
#pragma once

#include "engine.h"

typedef struct model_run {
    ob_run_ref ref;
    engine_run_state state;
    bool started; /* a container was begun */
    bool confirmed, stop;
    bool has_exit_code, oom, timed_out;
    bool hangs; /* ends only when its time is over, or it is told to stop */
    int32_t exit_code;
    const char *reason;
} model_run;

typedef struct model_message { /* to the scheduler */
    bool registered;
    engine_run_report *runs;
    size_t n;
} model_message;

typedef struct model_executor {
    char id[24];
    model_run *runs; /* of all it ever heard of */
    size_t n_runs, cap_runs;
    model_message *out;
    size_t n_out, cap_out;
} model_executor;

typedef unsigned (*model_random)(void *arg, unsigned below);

void model_executor_done(model_executor *x);
void model_executor_order(model_executor *x, const effect_order *order);
/* One of its runs makes a step; 'began' is called when a container is about to begin. healthy: it
 * starts and ends with 0 more often than not. loss: of 100 messages. */
void model_executor_step(model_executor *x,
                         model_random random,
                         void *arg,
                         bool healthy,
                         unsigned loss,
                         void (*began)(void *arg, model_executor *x, model_run *r));
/* Tells again of ends that are not confirmed. */
void model_executor_again(model_executor *x);
void model_executor_register(model_executor *x);
/* Takes the oldest message; free its runs. */
bool model_executor_take(model_executor *x, model_message *ret);
