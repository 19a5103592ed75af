/* The rules of batch.placements. Owns the position, the session and the tombstones in memory; never
 * writes them (the sink does) and never touches a container.
 *
 * Invariants: the position only grows; 'advance' is called before anything else of a message.
 * Reading a message twice is safe: the second time its (epoch, seq) is not higher than the last.
 * Thread: the loop's. */
#include "placement.h"

#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "ob/id.h"
#include "ob/message.h"

#define TOMBSTONES_KEPT 1000
#define DEFAULT_GRACE_S 30

typedef struct tombstone {
    char run[OB_RUN_TEXT];
    placement_position at;
    UT_hash_handle hh; /* uthash keeps the order of insertion: the first is the oldest */
} tombstone;

struct placement {
    char *instance;
    char *session;
    placement_position last;
    placement_sink sink;
    tombstone *tombstones;
};

placement *placement_new(const char *instance, placement_position last, placement_sink sink)
{
    placement *p = ob_calloc(1, sizeof(*p));
    p->instance = ob_strdup(instance);
    p->last = last;
    p->sink = sink;
    return p;
}

static void drop_tombstone(placement *p, tombstone *t)
{
    HASH_DEL(p->tombstones, t);
    free(t);
}

void placement_free(placement *p)
{
    if (!p)
        return;
    tombstone *t, *next;
    HASH_ITER(hh, p->tombstones, t, next)
    drop_tombstone(p, t);
    free(p->instance);
    free(p->session);
    free(p);
}

void placement_set_session(placement *p, const char *session)
{
    free(p->session);
    p->session = session ? ob_strdup(session) : NULL;
}

placement_position placement_last(const placement *p)
{
    return p->last;
}

static bool is_above(placement_position a, placement_position b)
{
    return a.epoch != b.epoch ? a.epoch > b.epoch : a.seq > b.seq;
}

static void advance(placement *p, placement_position to)
{
    if (!is_above(to, p->last))
        return;
    p->last = to;
    p->sink.advance(to, p->sink.arg);
}

/* Executes a place message. Members of a wrong form are skipped: the sender's next level, or its
 * reconciliation, repeats them. */
static void act(placement *p, const json_t *msg)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(msg, "confirm"), i, item) if (json_is_string(item))
        p->sink.confirm(json_string_value(item), p->sink.arg);
    json_array_foreach(json_object_get(msg, "stop"), i, item)
    {
        const char *run = ob_json_str(item, "run", NULL);
        int64_t grace = ob_json_int(item, "grace", DEFAULT_GRACE_S);
        if (run)
            p->sink.stop(run, grace < 0 ? 0 : grace > 86400 ? 86400 : (int)grace, p->sink.arg);
    }
    const json_t *specs = json_object_get(msg, "specs");
    json_array_foreach(json_object_get(msg, "runs"), i, item)
    {
        const char *run = ob_json_str(item, "run", NULL);
        char job[OB_UUID_TEXT];
        if (!run || strnlen(run, sizeof(job)) < sizeof(job))
            continue;
        memcpy(job, run, sizeof(job) - 1);
        job[sizeof(job) - 1] = '\0';
        p->sink.run(run, (int)ob_json_int(item, "attempt", 1), json_object_get(specs, job),
                    p->sink.arg);
    }
}

static placement_result take_place(placement *p, const json_t *msg, int64_t epoch)
{
    placement_position at = { .epoch = epoch, .seq = ob_json_int(msg, "seq", 0) };
    if (!is_above(at, p->last))
        return PLACEMENT_STALE;
    const char *session = ob_json_str(msg, "session", "");
    if (!p->session || strcmp(session, p->session) != 0)
        return PLACEMENT_OTHER_SESSION;
    advance(p, at);
    act(p, msg);
    return PLACEMENT_TAKEN;
}

placement_result placement_take(placement *p, const char *data, size_t len, ob_error *err)
{
    json_auto_t *msg = NULL;
    const char *type = NULL;
    int64_t epoch = 0;
    if (ob_message_parse(data, len, &msg, &type, &epoch, err) < 0)
        return PLACEMENT_BAD;
    if (strcmp(type, "fence") == 0) {
        if (epoch < p->last.epoch)
            return PLACEMENT_STALE;
        advance(p, (placement_position){ .epoch = epoch, .seq = 0 });
        return PLACEMENT_TAKEN;
    }
    bool is_place = strcmp(type, "place") == 0;
    bool is_leave = strcmp(type, "leave") == 0;
    if (!is_place && !is_leave && strcmp(type, "sync") != 0) {
        (void)ob_fail(err, EINVAL, "message of unknown type %s", type);
        return PLACEMENT_BAD;
    }
    if (strcmp(ob_json_str(msg, "instance", ""), p->instance) != 0)
        return PLACEMENT_OTHER_INSTANCE;
    if (is_place)
        return take_place(p, msg, epoch);
    if (epoch < p->last.epoch)
        return PLACEMENT_STALE;
    advance(p, (placement_position){ .epoch = epoch, .seq = 0 }); /* a new leader's, perhaps */
    (is_leave ? p->sink.leave : p->sink.sync)(p->sink.arg);
    return PLACEMENT_TAKEN;
}

void placement_bury(placement *p,
                    const char *run,
                    placement_position at,
                    void (*forgotten)(const char *run, void *arg),
                    void *arg)
{
    if (placement_is_buried(p, run))
        return;
    tombstone *t = ob_calloc(1, sizeof(*t));
    (void)snprintf(t->run, sizeof(t->run), "%s", run);
    t->at = at;
    HASH_ADD_STR(p->tombstones, run, t);
    while (HASH_COUNT(p->tombstones) > TOMBSTONES_KEPT && is_above(p->last, p->tombstones->at)) {
        tombstone *oldest = p->tombstones;
        if (forgotten)
            forgotten(oldest->run, arg);
        drop_tombstone(p, oldest);
    }
}

bool placement_is_buried(const placement *p, const char *run)
{
    tombstone *t = NULL;
    HASH_FIND_STR(p->tombstones, run, t);
    return t != NULL;
}
