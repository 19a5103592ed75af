/* The bare loop of a container engine with Docker's API: creates, starts, awaits and removes
 * containers, some at once, over kept connections, and prints how long that took. One process, no
 * shell, no command-line client. The containers have the limits that the executor gives to a job.
 *
 * usage: loop_engine SOCKET IMAGE COUNT PARALLEL COMMAND [ARGUMENT]... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ob/http.h"
#include "ob/json.h"

#define PARALLEL_MAX 64

typedef enum step { STEP_FREE, STEP_CREATE, STEP_START, STEP_WAIT, STEP_REMOVE } step;

typedef struct loop loop;
typedef struct slot {
    loop *l;
    step step;
    char name[48];
} slot;

struct loop {
    ob_http *http;
    json_t *body;
    long count, begun, ended, failed;
    int parallel;
    char failure[512]; /* the first */
    slot slots[PARALLEL_MAX];
};

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_reply(const ob_http_reply *reply, void *arg);

static void take_step(slot *s, step to)
{
    static const struct {
        const char *method, *path;
        ob_point point;
    } steps[] = {
        [STEP_CREATE] = { "POST", "/v1.41/containers/create?name=%s", OB_POINT_EXECUTOR_CREATE },
        [STEP_START] = { "POST", "/v1.41/containers/%s/start", OB_POINT_EXECUTOR_START },
        [STEP_WAIT] = { "POST", "/v1.41/containers/%s/wait", OB_POINT_EXECUTOR_NUDGE },
        [STEP_REMOVE] = { "DELETE", "/v1.41/containers/%s?v=1", OB_POINT_EXECUTOR_REMOVE },
    };
    char path[128];
    const char *blank = strstr(steps[to].path, "%s");
    (void)snprintf(path, sizeof(path), "%.*s%s%s", (int)(blank - steps[to].path), steps[to].path,
                   s->name, blank + 2);
    s->step = to;
    (void)ob_http_send(s->l->http, steps[to].point,
                       &(ob_http_request){ .method = steps[to].method,
                                           .path = path,
                                           .json = to == STEP_CREATE ? s->l->body : NULL,
                                           .on_reply = on_reply,
                                           .arg = s });
}

static void on_reply(const ob_http_reply *reply, void *arg)
{
    slot *s = arg;
    if ((reply->status < 200 || reply->status > 299) && s->l->failed++ == 0)
        (void)snprintf(s->l->failure, sizeof(s->l->failure), "%d %s", reply->status,
                       reply->status ? reply->body : reply->error);
    if (s->step != STEP_REMOVE) {
        take_step(s, s->step + 1);
        return;
    }
    s->step = STEP_FREE;
    s->l->ended++;
}

static json_t *make_body(const char *image, char **words)
{
    json_t *command = json_array();
    for (; *words; words++)
        (void)json_array_append_new(command, ob_json_text(*words));
    return json_pack("{s:o, s:o, s:{s:s, s:i, s:i, s:i, s:[s], s:{s:s}}}", "Image",
                     ob_json_text(image), "Cmd", command, "HostConfig", "NetworkMode", "host",
                     "Memory", 64 * 1024 * 1024, "MemorySwap", 64 * 1024 * 1024, "CpuShares", 1024,
                     "CapDrop", "NET_RAW", "LogConfig", "Type", "local");
}

static int work(loop *l)
{
    double from = now_s();
    while (l->ended < l->count && !l->failed) {
        for (int i = 0; i < l->parallel && l->begun < l->count; i++) {
            slot *s = &l->slots[i];
            if (s->step != STEP_FREE)
                continue;
            s->l = l;
            (void)snprintf(s->name, sizeof(s->name), "bench-%d-%ld", (int)getpid(), l->begun++);
            take_step(s, STEP_CREATE);
        }
        ob_http_step(l->http, 100);
    }
    double seconds = now_s() - from;
    (void)printf("{\"count\": %ld, \"failed\": %ld, \"seconds\": %.3f, \"perSecond\": %.1f}\n",
                 l->ended, l->failed, seconds, (double)l->ended / seconds);
    if (l->failed)
        (void)fprintf(stderr, "loop_engine: %s\n", l->failure);
    return l->failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static loop l;
    ob_error err = { 0 };
    l.count = argc > 5 ? atol(argv[3]) : 0;
    l.parallel = argc > 5 ? atoi(argv[4]) : 0;
    if (l.count < 1 || l.parallel < 1 || l.parallel > PARALLEL_MAX) {
        (void)fprintf(stderr, "usage: loop_engine SOCKET IMAGE COUNT PARALLEL COMMAND...\n");
        return 2;
    }
    if (ob_http_new(
            &(ob_http_options){ .base = "http://docker", .socket = argv[1], .body_max = 65536 },
            &l.http, &err) < 0) {
        (void)fprintf(stderr, "loop_engine: %s\n", err.text);
        return 1;
    }
    l.body = make_body(argv[2], argv + 5);
    int r = work(&l);
    ob_http_free(l.http);
    json_decref(l.body);
    return r;
}
