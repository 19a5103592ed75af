/* See engine_executor.h. Follows docs/messages.md: orders may come twice; a stop of an unknown run
 * is stored and answered as ended without a start, and a late order to run it is refused. */
#include "engine_executor.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"

void model_executor_done(model_executor *x)
{
    model_message m;
    while (model_executor_take(x, &m))
        free(m.runs);
    free(x->runs);
    free(x->out);
    memset(x, 0, sizeof(*x));
}

static model_run *find(model_executor *x, const ob_run_ref *ref)
{
    for (size_t i = 0; i < x->n_runs; i++)
        if (memcmp(&x->runs[i].ref, ref, sizeof(*ref)) == 0)
            return &x->runs[i];
    return NULL;
}

static model_run *add(model_executor *x, const ob_run_ref *ref)
{
    if (x->n_runs == x->cap_runs) {
        x->cap_runs = x->cap_runs ? x->cap_runs * 2 : 16;
        x->runs = ob_realloc(x->runs, x->cap_runs * sizeof(*x->runs));
    }
    x->runs[x->n_runs] = (model_run){ .ref = *ref };
    return &x->runs[x->n_runs++];
}

static engine_run_report report_of(const model_run *r)
{
    return (engine_run_report){ .run = r->ref,
                                .state = r->state,
                                .started_at_ms = r->started ? 2 : 0,
                                .has_exit_code = r->has_exit_code,
                                .exit_code = r->exit_code,
                                .oom = r->oom,
                                .timed_out = r->timed_out,
                                .started = r->started,
                                .reason = r->reason };
}

static void send(model_executor *x, bool registered, engine_run_report *runs, size_t n)
{
    if (x->n_out == x->cap_out) {
        x->cap_out = x->cap_out ? x->cap_out * 2 : 16;
        x->out = ob_realloc(x->out, x->cap_out * sizeof(*x->out));
    }
    x->out[x->n_out++] = (model_message){ .registered = registered, .runs = runs, .n = n };
}

static void tell(model_executor *x, const model_run *r)
{
    engine_run_report *one = ob_calloc(1, sizeof(*one));
    *one = report_of(r);
    send(x, false, one, 1);
}

void model_executor_order(model_executor *x, const effect_order *order)
{
    model_run *r = find(x, &order->run);
    switch (order->kind) {
    case ORDER_RUN:
        if (!r)
            (void)add(x, &order->run);
        break;
    case ORDER_STOP:
        if (!r) {
            r = add(x, &order->run);
            r->state = RUN_EXITED;
            tell(x, r);
        }
        r->stop = true;
        break;
    case ORDER_CONFIRM:
        if (!r) /* of a run it does not know, never: remembered all the same */
            r = add(x, &order->run);
        r->state = RUN_EXITED;
        r->confirmed = true;
        break;
    }
}

static void step(model_run *r, unsigned dice, bool healthy)
{
    if (r->state == RUN_STARTING && r->stop) {
        r->state = RUN_EXITED;
    } else if (r->state == RUN_STARTING) {
        if (dice < (healthy ? 2 : 10)) {
            r->state = RUN_EXITED; /* refused */
        } else if (dice < (healthy ? 4 : 20)) {
            r->state = RUN_EXITED;
            r->reason = "CannotPullContainerError: no such image";
        } else {
            r->state = RUN_RUNNING;
            r->started = true;
        }
    } else if (r->state == RUN_RUNNING && r->hangs && !r->stop) {
        r->timed_out = dice < 2;
        r->stop = r->timed_out;
    } else if (r->state == RUN_RUNNING && (dice < 50 || r->stop)) {
        r->state = RUN_EXITED;
        r->has_exit_code = dice > 2 || healthy;
        r->exit_code = r->stop ? 143 : dice < (healthy ? 5 : 20);
        r->oom = dice == 3;
    }
}

void model_executor_step(model_executor *x,
                         model_random random,
                         void *arg,
                         bool healthy,
                         unsigned loss,
                         void (*began)(void *arg, model_executor *x, model_run *r))
{
    for (size_t i = 0; i < x->n_runs; i++) {
        model_run *r = &x->runs[i];
        if (r->state == RUN_EXITED || (!r->stop && random(arg, 3) == 0))
            continue;
        engine_run_state was = r->state;
        step(r, random(arg, 100), healthy);
        if (r->state == RUN_RUNNING && was == RUN_STARTING)
            began(arg, x, r);
        if (random(arg, 100) >= loss)
            tell(x, r);
        if (random(arg, 100) < loss)
            tell(x, r);
    }
}

void model_executor_again(model_executor *x)
{
    for (size_t i = 0; i < x->n_runs; i++)
        if (x->runs[i].state == RUN_EXITED && !x->runs[i].confirmed)
            tell(x, &x->runs[i]);
}

void model_executor_register(model_executor *x)
{
    engine_run_report *held = ob_calloc(x->n_runs + 1, sizeof(*held));
    size_t n = 0;
    for (size_t i = 0; i < x->n_runs; i++)
        if (!x->runs[i].confirmed)
            held[n++] = report_of(&x->runs[i]);
    send(x, true, held, n);
}

bool model_executor_take(model_executor *x, model_message *ret)
{
    if (x->n_out == 0)
        return false;
    *ret = x->out[0];
    memmove(x->out, x->out + 1, --x->n_out * sizeof(*x->out));
    return true;
}
