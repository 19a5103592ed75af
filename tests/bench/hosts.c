/* Poses as many hosts that have joined an unmanaged compute environment: each has an instance id, a
 * key and a session of its own and says what its executor would say (docs/messages.md), but one
 * process with one connection to Kafka speaks for all. A run takes the time that the command line
 * says and ends with 0; nothing is on a disk. So the services can be measured with 1,000 instances
 * on a small machine.
 *
 * usage: hosts COUNT VCPUS ENVIRONMENT RUN_MS [BEAT_MS]
 * It needs OPENBATCH_KAFKA, OPENBATCH_KAFKA_USER and OPENBATCH_KAFKA_PASSWORD_FILE of an executor,
 * and OPENBATCH_JOIN_TOKEN. It prints "ready" when the scheduler has answered every host, and on
 * SIGTERM lets all hosts leave. One thread. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "ob/bus.h"
#include "ob/clock.h"
#include "ob/hash.h"
#include "ob/id.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/seal.h"
#include "ob/topics.h"

#define REPEAT_MS 5000 /* an end is reported again until it is confirmed */

typedef struct host host;

typedef struct run {
    char id[OB_RUN_TEXT];
    host *on;
    int64_t started_at_ms, stopped_at_ms; /* wall clock; not stopped: 0 */
    int64_t ends_ms, reported_ms;         /* monotonic */
    int exit_code;
    bool dirty;                 /* to be reported */
    struct run *prev, *next;    /* of its host */
    struct run *sooner, *later; /* of all that run: each takes the same time */
} run;

struct host {
    char id[OB_INSTANCE_TEXT];
    ob_seal seal;
    char session[17];
    int64_t epoch, seq;
    run *runs;
    int n_runs;
    bool dirty;
    host *next_dirty;
    UT_hash_handle hh;
};

typedef struct hosts {
    ob_bus *bus;
    host *all; /* in the order of beats */
    host *beat_next;
    host *dirty;
    run *soonest;
    const char *environment;
    int vcpus, count, answered;
    int64_t run_ms, beat_ms, beats_from_ms, beats;
} hosts;

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    stopping = 1;
}

/* ---- what a host says ---- */

static void say(const hosts *all, host *h, const char *type, json_t *members)
{
    ob_error err = { 0 };
    json_auto_t *msg = ob_message_new(type, 0);
    ob_cleanup(ob_freep) char *text = NULL;
    (void)json_object_set_new(msg, "session", ob_json_text(h->session));
    (void)json_object_update(msg, members);
    json_decref(members);
    size_t len = ob_message_dump(msg, &text);
    while (ob_seal_send(&h->seal, NULL, all->bus, OB_POINT_NONE, OB_TOPIC_EXECUTIONS, -1, h->id,
                        strlen(h->id), text, len, NULL, &err) == -EAGAIN)
        (void)ob_bus_poll(all->bus, 10, 0);
    if (*err.text)
        (void)fprintf(stderr, "hosts: %s: %s\n", type, err.text);
}

static const char *state_of(const run *r)
{
    return r->stopped_at_ms ? "exited" : "running";
}

static json_t *state_json(const run *r)
{
    json_t *state = json_pack("{s:o, s:o, s:I}", "run", ob_json_text(r->id), "state",
                              ob_json_text(state_of(r)), "startedAt", (json_int_t)r->started_at_ms);
    if (r->stopped_at_ms)
        (void)json_object_update_new(state, json_pack("{s:b, s:I, s:i}", "started", 1, "stoppedAt",
                                                      (json_int_t)r->stopped_at_ms, "exitCode",
                                                      r->exit_code));
    return state;
}

/* What is in every message that may be the first of a host that joins. */
static json_t *identity(const hosts *all, const host *h)
{
    return json_pack("{s:o, s:{s:I, s:I}, s:{s:i, s:i, s:i}}", "ce", ob_json_text(all->environment),
                     "last", "epoch", (json_int_t)h->epoch, "seq", (json_int_t)h->seq, "join",
                     "mcpu", all->vcpus * 1000, "mem", all->vcpus * 4096, "gpus", 0);
}

static void say_registered(const hosts *all, host *h)
{
    ob_token_new(h->session, 8);
    json_t *members = identity(all, h), *held = json_array();
    for (run *r = h->runs; r; r = r->next)
        (void)json_array_append_new(held, state_json(r));
    (void)json_object_set_new(members, "host", ob_json_text("bench"));
    (void)json_object_set_new(members, "held", held);
    say(all, h, "registered", members);
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(run *const *)a)->id, (*(run *const *)b)->id);
}

static void digest(const host *h, char out[17])
{
    ob_cleanup(ob_freep) run **held = ob_calloc((size_t)h->n_runs + 1, sizeof(*held));
    size_t n = 0;
    uint64_t hash = OB_HASH64;
    for (run *r = h->runs; r; r = r->next)
        held[n++] = r;
    qsort(held, n, sizeof(*held), by_id);
    for (size_t i = 0; i < n; i++) {
        hash = ob_hash64(hash, held[i]->id);
        hash = ob_hash64(hash, " ");
        hash = ob_hash64(hash, state_of(held[i]));
        hash = ob_hash64(hash, "\n");
    }
    (void)snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

static void say_heartbeat(const hosts *all, host *h)
{
    char text[17];
    json_t *members = identity(all, h);
    digest(h, text);
    (void)json_object_set_new(members, "digest", ob_json_text(text));
    (void)json_object_set_new(members, "count", json_integer(h->n_runs));
    say(all, h, "heartbeat", members);
}

static void mark(hosts *all, run *r)
{
    r->dirty = true;
    if (!r->on->dirty)
        LL_PREPEND2(all->dirty, r->on, next_dirty);
    r->on->dirty = true;
}

static void say_reports(hosts *all)
{
    host *h, *next;
    int64_t now_ms = ob_mono_ms();
    LL_FOREACH_SAFE2(all->dirty, h, next, next_dirty)
    {
        json_t *states = json_array();
        for (run *r = h->runs; r; r = r->next) {
            if (r->dirty)
                (void)json_array_append_new(states, state_json(r));
            r->reported_ms = r->dirty ? now_ms : r->reported_ms;
            r->dirty = false;
        }
        say(all, h, "report", json_pack("{s:o}", "runs", states));
        h->dirty = false;
    }
    all->dirty = NULL;
}

/* ---- runs ---- */

static run *find(const host *h, const char *id)
{
    run *r;
    DL_FOREACH(h->runs, r)
    if (strcmp(r->id, id) == 0)
        return r;
    return NULL;
}

static void begin(hosts *all, host *h, const char *id)
{
    if (!id || find(h, id))
        return;
    run *r = ob_calloc(1, sizeof(*r));
    (void)snprintf(r->id, sizeof(r->id), "%s", id);
    r->on = h;
    r->started_at_ms = ob_wall_ms();
    r->ends_ms = ob_mono_ms() + all->run_ms;
    DL_APPEND(h->runs, r);
    DL_APPEND2(all->soonest, r, sooner, later);
    h->n_runs++;
    mark(all, r);
}

static void end(hosts *all, run *r, int exit_code)
{
    if (!r || r->stopped_at_ms)
        return;
    DL_DELETE2(all->soonest, r, sooner, later);
    r->stopped_at_ms = ob_wall_ms();
    r->exit_code = exit_code;
    mark(all, r);
}

static void forget(host *h, run *r)
{
    if (!r || !r->stopped_at_ms)
        return;
    DL_DELETE(h->runs, r);
    h->n_runs--;
    free(r);
}

/* ---- what the scheduler says ---- */

static void take_epoch(hosts *all, host *h, int64_t epoch, int64_t seq)
{
    all->answered += h->epoch == 0;
    if (h->epoch == 0 && all->answered == all->count) {
        (void)puts("ready");
        (void)fflush(stdout);
    }
    h->epoch = epoch;
    h->seq = seq;
}

static void take_place(hosts *all, host *h, const json_t *msg, int64_t epoch)
{
    size_t i;
    json_t *item;
    int64_t seq = ob_json_int(msg, "seq", 0);
    if (epoch < h->epoch || (epoch == h->epoch && seq <= h->seq) ||
        strcmp(ob_json_str(msg, "session", ""), h->session) != 0)
        return;
    take_epoch(all, h, epoch, seq);
    json_array_foreach(json_object_get(msg, "confirm"), i, item)
        forget(h, find(h, json_string_value(item)));
    json_array_foreach(json_object_get(msg, "stop"), i, item)
        end(all, find(h, ob_json_str(item, "run", "")), 143);
    json_array_foreach(json_object_get(msg, "runs"), i, item)
        begin(all, h, ob_json_str(item, "run", NULL));
}

static void on_message(const ob_bus_msg *m, void *arg)
{
    hosts *all = arg;
    host *h = NULL;
    ob_seal_opened opened = { 0 };
    json_auto_t *msg = NULL;
    const char *type = NULL;
    int64_t epoch = 0;
    if (m->len <= 4 + OB_INSTANCE_TEXT - 1 || !ob_seal_is(m->data, m->len))
        return; /* a fence is for executors of an earlier version */
    HASH_FIND(hh, all->all, m->data + 4, OB_INSTANCE_TEXT - 1, h);
    if (!h || ob_seal_read(&h->seal, m->topic, m->data, m->len, &opened, NULL) < 0)
        return;
    if (ob_message_parse(opened.text, opened.len, &msg, &type, &epoch, NULL) == 0) {
        if (strcmp(type, "place") == 0) {
            take_place(all, h, msg, epoch);
        } else if (strcmp(type, "sync") == 0 && epoch >= h->epoch) {
            if (epoch > h->epoch)
                take_epoch(all, h, epoch, 0);
            say_registered(all, h);
        }
    }
    free(opened.text);
}

/* ---- the loop ---- */

static void end_due(hosts *all)
{
    int64_t now_ms = ob_mono_ms();
    while (all->soonest && all->soonest->ends_ms <= now_ms)
        end(all, all->soonest, 0);
}

/* The beats of all hosts are spread over the time of one. */
static void beat_due(hosts *all)
{
    int64_t now_ms = ob_mono_ms();
    int64_t due = (now_ms - all->beats_from_ms) * all->count / all->beat_ms;
    for (; all->beats < due; all->beats++) {
        host *h = all->beat_next ? all->beat_next : all->all;
        all->beat_next = h->hh.next;
        say_heartbeat(all, h);
        for (run *r = h->runs; r; r = r->next)
            if (r->stopped_at_ms && now_ms - r->reported_ms > REPEAT_MS)
                mark(all, r);
    }
}

static int add_host(hosts *all, ob_error *err)
{
    char token[OB_SEAL_TOKEN_TEXT];
    host *h = ob_calloc(1, sizeof(*h));
    ob_instance_id_new(h->id);
    int r = ob_seal_join_token(getenv("OPENBATCH_JOIN_TOKEN"), h->id, NULL, token, err);
    if (r == 0)
        r = ob_seal_own(&h->seal, h->id, token, 1, err);
    HASH_ADD(hh, all->all, id, OB_INSTANCE_TEXT - 1, h);
    return r;
}

static int connect_all(hosts *all, ob_error *err)
{
    char *password = NULL;
    const char *topics[] = { OB_TOPIC_PLACEMENTS, NULL };
    int r = ob_config_read_secret(getenv("OPENBATCH_KAFKA_PASSWORD_FILE"), &password, err);
    if (r == 0)
        r = ob_bus_new(&(ob_bus_config){ .servers = getenv("OPENBATCH_KAFKA"),
                                         .user = getenv("OPENBATCH_KAFKA_USER"),
                                         .password = password,
                                         .client_id = "bench-hosts",
                                         .partitions = 1,
                                         .on_msg = on_message,
                                         .arg = all },
                       &all->bus, err);
    free(password);
    if (r == 0)
        r = ob_bus_assign_end(all->bus, topics, NULL, 10000, err);
    return r;
}

static void work(hosts *all)
{
    host *h, *next;
    HASH_ITER(hh, all->all, h, next)
    say_registered(all, h);
    all->beats_from_ms = ob_mono_ms();
    while (!stopping) {
        (void)ob_bus_poll(all->bus, all->run_ms > 0 && all->run_ms < 5 ? (int)all->run_ms : 5,
                          1000);
        end_due(all);
        say_reports(all);
        beat_due(all);
    }
    HASH_ITER(hh, all->all, h, next)
    say(all, h, "left", json_object());
}

static void free_all(hosts *all)
{
    host *h, *next;
    ob_bus_free(all->bus);
    HASH_ITER(hh, all->all, h, next)
    {
        run *r, *after;
        DL_FOREACH_SAFE(h->runs, r, after)
        free(r);
        HASH_DEL(all->all, h);
        ob_seal_done(&h->seal);
        free(h);
    }
}

int main(int argc, char **argv)
{
    static const char *const needed[] = { "OPENBATCH_KAFKA", "OPENBATCH_KAFKA_USER",
                                          "OPENBATCH_KAFKA_PASSWORD_FILE", "OPENBATCH_JOIN_TOKEN" };
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        if (!getenv(needed[i]))
            argc = 0;
    if (argc < 5) {
        (void)fprintf(stderr, "usage: hosts COUNT VCPUS ENVIRONMENT RUN_MS [BEAT_MS]\n");
        return 2;
    }
    ob_error err = { 0 };
    hosts all = { .count = atoi(argv[1]),
                  .vcpus = atoi(argv[2]),
                  .environment = argv[3],
                  .run_ms = atoll(argv[4]),
                  .beat_ms = argc > 5 ? atoll(argv[5]) : 1000 };
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    int r = all.count > 0 && all.beat_ms > 0 ? 0 : ob_fail(&err, EINVAL, "nothing to do");
    for (int i = 0; r == 0 && i < all.count; i++)
        r = add_host(&all, &err);
    if (r == 0)
        r = connect_all(&all, &err);
    if (r == 0)
        work(&all);
    else
        (void)fprintf(stderr, "hosts: %s\n", err.text);
    free_all(&all);
    return r == 0 ? 0 : 1;
}
