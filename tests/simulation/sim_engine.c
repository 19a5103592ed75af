/* Owns a host's containers, and answers under way. Invariant: what a container did is told to the
 * oracle in the instant in which it did it, whatever the engine says of it later. One thread. */
#include "sim_engine.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "ob/error.h"

#define SIGTERM_CODE 143
#define SIGKILL_CODE 137

typedef struct container {
    engine_host *e;
    container_view view;
    container_plan plan;
    uint64_t no; /* of its next end: an event of another is old */
    bool stopped;
    UT_hash_handle hh;
} container;

struct engine_host {
    host *at;
    dice luck;
    container *all;
    process *client;
    int client_fd;
    engine_answer *answers;
    size_t n_answers, cap_answers;
    int64_t away_until_us, hung_until_us, deaf_until_us, busy_until_us;
    uint64_t boots; /* an event of an earlier engine is old */
    bool gone;
};

engine_host *sim_engine_new(host *at, uint64_t seed)
{
    engine_host *e = ob_calloc(1, sizeof(*e));
    e->at = at;
    e->luck = dice_new(seed, at->name);
    return e;
}

const char *engine_host_name(const engine_host *e)
{
    return e->at->name;
}

static bool is_up(const engine_host *e)
{
    return !e->gone && world_now_us() >= e->away_until_us;
}

bool engine_is_up(const engine_host *e)
{
    return is_up(e);
}

static container *find(engine_host *e, const char *run)
{
    container *c;
    HASH_FIND_STR(e->all, run, c);
    return c;
}

void engine_connect(engine_host *e, int fd)
{
    e->client = world_process();
    e->client_fd = fd;
    e->n_answers = 0;
}

static void answer(engine_host *e, const engine_request *to, engine_said said, const container *of)
{
    if (!e->client || e->client->dead)
        return;
    if (e->n_answers == e->cap_answers) {
        e->cap_answers = e->cap_answers ? e->cap_answers * 2 : 16;
        e->answers = ob_realloc(e->answers, e->cap_answers * sizeof(*e->answers));
    }
    engine_answer *a = &e->answers[e->n_answers++];
    *a = (engine_answer){ .to = *to, .said = said };
    if (of) {
        a->views = ob_calloc(1, sizeof(*a->views));
        a->views[0] = of->view;
        a->n = 1;
    }
    world_signal(e->client, e->client_fd);
}

static void answer_list(engine_host *e, const engine_request *to)
{
    answer(e, to, ENGINE_DONE, NULL);
    if (!e->client || e->client->dead)
        return;
    engine_answer *a = &e->answers[e->n_answers - 1];
    a->views = ob_calloc(HASH_COUNT(e->all) + 1, sizeof(*a->views));
    for (const container *c = e->all; c; c = c->hh.next)
        a->views[a->n++] = c->view;
}

bool engine_take(engine_host *e, engine_answer *ret)
{
    if (e->n_answers == 0 || e->client != world_process())
        return false;
    *ret = e->answers[0];
    memmove(e->answers, e->answers + 1, --e->n_answers * sizeof(*e->answers));
    return true;
}

/* ---- Containers ---- */

static void end_container(container *c, int code, bool oom)
{
    engine_host *e = c->e;
    if (c->view.state == CONTAINER_ENDED)
        return;
    c->view.state = CONTAINER_ENDED;
    c->view.ended_us = world_now_us();
    c->view.exit_code = code;
    c->view.oom = oom;
    c->view.code_known = is_up(e);
    c->no++;
    oracle_ended(c->view.run, c->view.code_known ? code : -1);
    if (!is_up(e))
        return;
    engine_request to = { .verb = ENGINE_LIST };
    (void)snprintf(to.run, sizeof(to.run), "%s", c->view.run);
    answer(e, &to, ENGINE_ENDED, c);
}

typedef struct ending {
    engine_host *e;
    char run[OB_RUN_TEXT];
    uint64_t no;
    int code;
} ending;

static void on_end(void *arg)
{
    ending *end = arg;
    container *c = find(end->e, end->run);
    if (c && c->no == end->no)
        end_container(c, end->code, c->plan.oom && end->code == c->plan.exit_code);
    free(end);
}

static void end_later(container *c, int64_t after_us, int code)
{
    ending *end = ob_calloc(1, sizeof(*end));
    *end = (ending){ .e = c->e, .no = ++c->no, .code = code };
    memcpy(end->run, c->view.run, sizeof(end->run));
    world_after(after_us, on_end, end);
}

static void drop(container *c)
{
    HASH_DEL(c->e->all, c);
    free(c);
}

/* ---- Requests ---- */

static void do_run(engine_host *e, const engine_request *to)
{
    container *c = find(e, to->run);
    if (c) { /* its name is taken: the same as before */
        answer(e, to, ENGINE_DONE, c);
        return;
    }
    if (to->plan.no_start) {
        answer(e, to, ENGINE_REFUSED, NULL);
        return;
    }
    c = ob_calloc(1, sizeof(*c));
    c->e = e;
    c->plan = to->plan;
    c->view.state = CONTAINER_RUNS;
    c->view.started_us = world_now_us();
    memcpy(c->view.run, to->run, sizeof(c->view.run));
    HASH_ADD_KEYPTR(hh, e->all, c->view.run, strlen(c->view.run), c);
    oracle_started(c->view.run, e->at->name);
    end_later(c, to->plan.for_ms * MS_US, to->plan.exit_code);
    answer(e, to, ENGINE_DONE, c);
}

static void do_stop(engine_host *e, const engine_request *to)
{
    container *c = find(e, to->run);
    if (c && c->view.state == CONTAINER_RUNS) {
        if (c->plan.stubborn)
            end_later(c, to->grace_s * SECOND_US, SIGKILL_CODE);
        else
            end_later(c, dice_between(&e->luck, 1, 300) * MS_US, SIGTERM_CODE);
    }
    answer(e, to, c ? ENGINE_DONE : ENGINE_REFUSED, c);
}

static void do_remove(engine_host *e, const engine_request *to)
{
    container *c = find(e, to->run);
    if (c) {
        end_container(c, SIGKILL_CODE, false);
        oracle_removed(c->view.run, e->at->name);
        drop(c);
    }
    answer(e, to, ENGINE_DONE, NULL);
}

typedef struct asked {
    engine_host *e;
    engine_request request;
    process *client; /* its connection: nobody else gets the answer */
    uint64_t boots;
} asked;

static void on_request(void *arg)
{
    asked *a = arg;
    engine_host *e = a->e;
    const engine_request *to = &a->request;
    if (!is_up(e) || a->boots != e->boots) {
        if (a->client == e->client)
            answer(e, to, ENGINE_LOST, NULL);
        free(a);
        return;
    }
    if (world_now_us() < e->hung_until_us) {
        world_at(e->hung_until_us, on_request, a);
        return;
    }
    process *now = e->client;
    size_t answers = e->n_answers;
    e->client = a->client;
    switch (to->verb) {
    case ENGINE_LIST:
        answer_list(e, to);
        break;
    case ENGINE_RUN:
        do_run(e, to);
        break;
    case ENGINE_STOP:
        do_stop(e, to);
        break;
    case ENGINE_REMOVE:
        do_remove(e, to);
        break;
    }
    if (world_now_us() < e->deaf_until_us && e->n_answers > answers && to->verb != ENGINE_LIST) {
        /* It was done, but the connection broke before the answer. */
        engine_answer *last = &e->answers[e->n_answers - 1];
        free(last->views);
        *last = (engine_answer){ .to = *to, .said = ENGINE_LOST };
    }
    e->client = now;
    free(a);
}

void engine_ask(engine_host *e, const engine_request *request)
{
    asked *a = ob_calloc(1, sizeof(*a));
    *a = (asked){ .e = e, .request = *request, .client = world_process(), .boots = e->boots };
    int64_t at_us = world_now_us() + dice_between(&e->luck, 1, 15) * MS_US;
    e->busy_until_us = at_us < e->busy_until_us ? e->busy_until_us : at_us; /* in their order */
    world_at(e->busy_until_us, on_request, a);
}

/* ---- Faults ---- */

static container *pick(engine_host *e, uint64_t which)
{
    size_t n = HASH_COUNT(e->all);
    container *c = e->all;
    for (size_t i = n ? which % n : 0; i > 0; i--)
        c = c->hh.next;
    return c;
}

static void restart(engine_host *e, int64_t for_us)
{
    e->boots++;
    e->away_until_us = world_now_us() + for_us;
    if (e->client && !e->client->dead) {
        engine_request to = { .verb = ENGINE_LIST };
        answer(e, &to, ENGINE_LOST, NULL);
    }
}

void sim_engine_mischief(engine_host *e, engine_mischief what, uint64_t which, int64_t for_us)
{
    static const char *const words[] = { "is restarted",
                                         "is killed with its containers",
                                         "hangs",
                                         "loses a container",
                                         "loses its answers",
                                         "kills one" };
    container *c = pick(e, which), *next;
    trace_step("engine", what, which, "the engine of %s %s%s%s", e->at->name, words[what],
               c && (what == ENGINE_LOSES || what == ENGINE_KILLS) ? ": " : "",
               c && (what == ENGINE_LOSES || what == ENGINE_KILLS) ? c->view.run : "");
    switch (what) {
    case ENGINE_RESTARTED:
        restart(e, for_us);
        break;
    case ENGINE_KILLED:
        restart(e, for_us);
        HASH_ITER(hh, e->all, c, next)
        end_container(c, SIGKILL_CODE, false);
        break;
    case ENGINE_HUNG:
        e->hung_until_us = world_now_us() + for_us;
        break;
    case ENGINE_LOSES:
        if (c) {
            end_container(c, SIGKILL_CODE, false);
            drop(c);
        }
        break;
    case ENGINE_DEAF:
        e->deaf_until_us = world_now_us() + for_us;
        break;
    case ENGINE_KILLS:
        if (c)
            end_container(c, SIGKILL_CODE, false);
        break;
    case ENGINE_MISCHIEF_COUNT:
        break;
    }
}

void sim_engine_end_host(engine_host *e)
{
    container *c, *next;
    e->away_until_us = INT64_MAX; /* nobody hears of the ends */
    HASH_ITER(hh, e->all, c, next)
    {
        end_container(c, SIGKILL_CODE, false);
        drop(c);
    }
    e->away_until_us = 0;
    e->boots++;
}

void sim_engine_close(engine_host *e)
{
    sim_engine_end_host(e);
    e->gone = true;
}

size_t sim_engine_containers(const engine_host *e)
{
    return HASH_COUNT(e->all);
}

size_t sim_engine_running(const engine_host *e)
{
    size_t n = 0;
    for (const container *c = e->all; c; c = c->hh.next)
        n += c->view.state == CONTAINER_RUNS;
    return n;
}
