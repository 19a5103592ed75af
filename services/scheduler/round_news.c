/* Owns the counts since the last summary, and which queues are blocked. Writes at most one line of
 * a slow round in ten seconds, one summary a minute and only if something happened, and one line
 * for each change of a queue's code; figures that change all the time are metrics. */
#include "round_news.h"

#include <string.h>

#include <uthash.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/text.h"
#include "publisher.h"

#define MINUTE_MS 60000
#define SLOW_EVERY_MS 10000
#define CODE_MAX 64

typedef struct blocked_queue {
    int64_t id; /* key */
    char name[129];
    char code[CODE_MAX]; /* "": it is not blocked */
    int64_t since_ms;    /* monotonic */
    bool seen;
    UT_hash_handle hh;
} blocked_queue;

static struct {
    int64_t rounds, slow, started, succeeded, failed;
    int64_t longest_us, longest_engine_us;
    uint64_t published; /* the publisher's count at its beginning */
    int64_t begun_ms;   /* monotonic; 0: not begun */
} minute;
static int64_t slow_at_ms = INT64_MIN / 2, slow_omitted;
static blocked_queue *blocked;

/* ---- rounds ---------------------------------------------------------------------------------- */

static void count_events(const engine_effects *effects)
{
    for (size_t i = 0; i < effects->n_events; i++) {
        const effect_event *ev = &effects->events[i];
        int64_t n = ev->blocked || ev->is_parent ? 0 : (int64_t)ev->idx_hi - ev->idx_lo + 1;
        minute.started += ev->state == OB_JOB_STARTING ? n : 0;
        minute.succeeded += ev->state == OB_JOB_SUCCEEDED ? n : 0;
        minute.failed += ev->state == OB_JOB_FAILED ? n : 0;
    }
}

static void note_slow(const scheduler *s, int64_t whole_us, int64_t engine_us)
{
    const engine_effects *effects = &s->effects;
    int64_t now_ms = ob_mono_ms();
    minute.slow++;
    if (now_ms - slow_at_ms < SLOW_EVERY_MS) {
        slow_omitted++;
        return;
    }
    ob_warn("round.slowed", "{s:I, s:I, s:I, s:I, s:I, s:I}", "us", (json_int_t)whole_us,
            "engineUs", (json_int_t)engine_us, "events", (json_int_t)effects->n_events,
            "placements", (json_int_t)effects->n_placement_insert, "inboxRows",
            (json_int_t)s->inbox.n, "omitted", (json_int_t)slow_omitted);
    slow_at_ms = now_ms;
    slow_omitted = 0;
}

void news_round(const scheduler *s, int64_t whole_us, int64_t engine_us)
{
    minute.rounds++;
    minute.longest_us = whole_us > minute.longest_us ? whole_us : minute.longest_us;
    minute.longest_engine_us =
        engine_us > minute.longest_engine_us ? engine_us : minute.longest_engine_us;
    count_events(&s->effects);
    if (whole_us > NEWS_SLOW_US)
        note_slow(s, whole_us, engine_us);
}

static void begin_minute(const scheduler *s, int64_t now_ms)
{
    memset(&minute, 0, sizeof(minute));
    minute.begun_ms = now_ms;
    minute.published = publisher_count(s->publisher);
}

static void sum_up(const scheduler *s, int64_t now_ms)
{
    engine_stats stats = { 0 };
    uint64_t published = publisher_count(s->publisher) - minute.published;
    engine_stats_get(s->engine, &stats);
    if (minute.rounds > 0 || published > 0)
        ob_info("minute.ended", "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rounds",
                (json_int_t)minute.rounds, "slowRounds", (json_int_t)minute.slow, "longestUs",
                (json_int_t)minute.longest_us, "longestEngineUs",
                (json_int_t)minute.longest_engine_us, "started", (json_int_t)minute.started,
                "succeeded", (json_int_t)minute.succeeded, "failed", (json_int_t)minute.failed,
                "published", (json_int_t)published, "waiting", (json_int_t)stats.waiting, "placed",
                (json_int_t)stats.placed);
    begin_minute(s, now_ms);
}

/* ---- queues ---------------------------------------------------------------------------------- */

static blocked_queue *queue_of(const engine_queue_figures *f)
{
    blocked_queue *q = NULL;
    HASH_FIND(hh, blocked, &f->id, sizeof(f->id), q);
    if (!q) {
        q = ob_calloc(1, sizeof(*q));
        q->id = f->id;
        (void)ob_text_into(q->name, sizeof(q->name), f->name);
        HASH_ADD(hh, blocked, id, sizeof(q->id), q);
    }
    q->seen = true;
    return q;
}

static void look_at_queue(const engine_queue_figures *f, void *arg)
{
    const int64_t *now_ms = arg;
    blocked_queue *q = queue_of(f);
    char code[CODE_MAX] = "";
    if (f->blocked)
        (void)ob_text_copy(code, sizeof(code), f->blocked, strcspn(f->blocked, " "));
    if (strcmp(code, q->code) == 0)
        return;
    if (f->blocked)
        ob_warn("queue.blocked", "{s:o, s:o}", "queue", ob_json_text(q->name), "reason",
                ob_json_text(f->blocked));
    else
        ob_info("queue.unblocked", "{s:o, s:o, s:I}", "queue", ob_json_text(q->name), "code",
                ob_json_text(q->code), "seconds", (json_int_t)((*now_ms - q->since_ms) / 1000));
    memcpy(q->code, code, sizeof(code));
    q->since_ms = *now_ms;
}

static void forget_queue(blocked_queue *q)
{
    HASH_DEL(blocked, q);
    free(q);
}

void news_post(const scheduler *s, int64_t now_ms)
{
    blocked_queue *q, *next;
    if (!s->engine)
        return;
    if (minute.begun_ms == 0)
        begin_minute(s, now_ms);
    else if (now_ms - minute.begun_ms >= MINUTE_MS)
        sum_up(s, now_ms);
    engine_each_queue(s->engine, look_at_queue, &now_ms);
    HASH_ITER(hh, blocked, q, next)
    {
        if (!q->seen)
            forget_queue(q);
        else
            q->seen = false;
    }
}

void news_forget(void)
{
    blocked_queue *q, *next;
    minute.begun_ms = 0;
    HASH_ITER(hh, blocked, q, next)
    {
        forget_queue(q);
    }
}
