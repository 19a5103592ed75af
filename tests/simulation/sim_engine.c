/* Owns a host's containers, and answers under way. Invariant: what a container did is told to the
 * oracle in the instant in which it did it, whatever the engine says of it later. One thread. */
#include "sim_engine.h"

#include <stdio.h>
#include <stdlib.h>
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

typedef struct asked asked;

struct engine_host {
    host *at;
    asked *first, **last; /* requests under way, by time */
    dice luck;
    container *all;
    process *client;
    int client_fd;
    engine_answer *answers;
    size_t n_answers, cap_answers;
    int64_t away_until_us, hung_until_us, deaf_until_us, busy_until_us, sick_until_us;
    uint64_t boots; /* an event of an earlier engine is old */
    bool gone;
};

engine_host *sim_engine_new(host *at, uint64_t seed)
{
    engine_host *e = ob_calloc(1, sizeof(*e));
    e->at = at;
    e->last = &e->first;
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

static bool is_sick(const engine_host *e)
{
    return world_now_us() < e->sick_until_us;
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

/* ---- Output ---- */

void engine_line(const char *run, int n, char out[ENGINE_LINE_MAX])
{
    (void)snprintf(out, ENGINE_LINE_MAX, "%s %d", run, n);
}

int engine_line_number(const char *line, char run[OB_RUN_TEXT])
{
    const char *space = strchr(line, ' ');
    if (!space || space - line >= OB_RUN_TEXT)
        return -1;
    (void)snprintf(run, OB_RUN_TEXT, "%.*s", (int)(space - line), line);
    return (int)strtol(space, NULL, 10);
}

/* How many it has written by now. */
static int lines_by_now(const container *c)
{
    if (c->view.state == CONTAINER_ENDED)
        return c->view.lines;
    int64_t ran_us = world_now_us() - c->view.started_us, each_us = c->plan.for_ms * MS_US;
    int64_t n = each_us > 0 ? ran_us * (c->plan.lines + 1) / each_us : c->plan.lines;
    return n < c->plan.lines ? (int)n : c->plan.lines;
}

static container_view view_of(const container *c)
{
    container_view v = c->view;
    v.lines = lines_by_now(c);
    return v;
}

/* ---- Answers ---- */

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
        a->views[0] = view_of(of);
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
        a->views[a->n++] = view_of(c);
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

/* The engine says what has happened, without being asked. */
static void tell(const container *c, engine_said what)
{
    engine_request to = { .verb = ENGINE_LIST };
    (void)snprintf(to.run, sizeof(to.run), "%s", c->view.run);
    answer(c->e, &to, what, c);
}

static void end_container(container *c, int code, bool oom)
{
    engine_host *e = c->e;
    if (c->view.state == CONTAINER_ENDED)
        return;
    c->view.lines = lines_by_now(c);
    c->view.state = CONTAINER_ENDED;
    c->view.ended_us = world_now_us();
    c->view.exit_code = code;
    c->view.oom = oom;
    c->view.code_known = is_up(e);
    c->no++;
    oracle_ended(c->view.run, c->view.code_known ? code : -1, c->view.lines);
    if (!is_up(e))
        return;
    tell(c, ENGINE_ENDED);
}

typedef struct ending {
    engine_host *e;
    char run[OB_RUN_TEXT];
    uint64_t no;
    int code;
} ending;

/* In the middle of its life. */
static void on_lines(void *arg)
{
    ending *middle = arg;
    const container *c = find(middle->e, middle->run);
    if (c && c->view.state == CONTAINER_RUNS && is_up(middle->e))
        tell(c, ENGINE_WROTE);
    free(middle);
}

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
    if (is_sick(e)) {
        answer(e, to, ENGINE_CANNOT, NULL);
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
    if (to->plan.lines > 2) {
        ending *middle = ob_calloc(1, sizeof(*middle));
        middle->e = e;
        memcpy(middle->run, c->view.run, sizeof(middle->run));
        world_after(to->plan.for_ms * MS_US / 2, on_lines, middle);
    }
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

struct asked {
    engine_request request;
    process *client; /* its connection: nobody else gets the answer */
    uint64_t boots;
    int64_t at_us;
    struct asked *next;
};

static void do_it(engine_host *e, const engine_request *to)
{
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
    case ENGINE_TRY:
        answer(e, to, is_sick(e) ? ENGINE_CANNOT : ENGINE_DONE, NULL);
        break;
    }
}

static void serve(engine_host *e, const asked *a)
{
    const engine_request *to = &a->request;
    if (!is_up(e) || a->boots != e->boots) {
        if (a->client == e->client)
            answer(e, to, ENGINE_LOST, NULL);
        return;
    }
    process *now = e->client;
    size_t answers = e->n_answers;
    e->client = a->client;
    do_it(e, to);
    if (world_now_us() < e->deaf_until_us && e->n_answers > answers && to->verb != ENGINE_LIST) {
        /* It was done, but the connection broke before the answer. */
        engine_answer *last = &e->answers[e->n_answers - 1];
        free(last->views);
        *last = (engine_answer){ .to = *to, .said = ENGINE_LOST };
    }
    e->client = now;
}

/* Those whose time has come, in their order, also when the engine has hung meanwhile. */
static void on_requests(void *arg)
{
    engine_host *e = arg;
    for (asked *a; (a = e->first) && a->at_us <= world_now_us();) {
        if (is_up(e) && a->boots == e->boots && world_now_us() < e->hung_until_us) {
            world_at(e->hung_until_us, on_requests, e);
            return;
        }
        e->first = a->next;
        if (!e->first)
            e->last = &e->first;
        serve(e, a);
        free(a);
    }
}

void engine_ask(engine_host *e, const engine_request *request)
{
    asked *a = ob_calloc(1, sizeof(*a));
    int64_t at_us = world_now_us() + dice_between(&e->luck, 1, 15) * MS_US;
    e->busy_until_us = at_us < e->busy_until_us ? e->busy_until_us : at_us;
    *a = (asked){
        .request = *request, .client = world_process(), .boots = e->boots, .at_us = e->busy_until_us
    };
    *e->last = a;
    e->last = &a->next;
    world_at(a->at_us, on_requests, e);
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

static void extend(int64_t *until_us, int64_t for_us)
{
    if (*until_us < world_now_us() + for_us)
        *until_us = world_now_us() + for_us;
}

static void restart(engine_host *e, int64_t for_us)
{
    e->boots++;
    extend(&e->away_until_us, for_us);
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
                                         "kills one",
                                         "can start nothing" };
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
        extend(&e->hung_until_us, for_us);
        break;
    case ENGINE_LOSES:
        if (c) {
            end_container(c, SIGKILL_CODE, false);
            drop(c);
        }
        break;
    case ENGINE_DEAF:
        extend(&e->deaf_until_us, for_us);
        break;
    case ENGINE_KILLS:
        if (c)
            end_container(c, SIGKILL_CODE, false);
        break;
    case ENGINE_SICK:
        extend(&e->sick_until_us, for_us);
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
