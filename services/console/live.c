/* Owns the consumer of batch.job-state, the ring of changes and the number of tabs. A thread of its
 * own polls Kafka; it reads the topic only while somebody listens, and a little longer, because
 * pages come and go. Tabs wait in the threads of their requests. One lock for the ring and the
 * counts; it is held for work in memory only.
 *
 * Invariant: whoever has heard LIVE_UP hears of every later change, or is told that some were
 * missed, until another LIVE_UP says that everything is to be read again. */
#include "live.h"

#include <pthread.h>
#include <string.h>

#include "ob/bus.h"
#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/log.h"
#include "ob/service.h"
#include "ob/topics.h"

#define POLL_MS 200
#define POLL_MESSAGES 2000
#define ASSIGN_MS 3000
#define RETRY_MS 1000
#define LINGER_MS 10000
#define PACE_MS 250 /* between two messages to a tab */

struct live {
    ob_bus *bus;
    pthread_t thread;
    bool started;
    bool assigned; /* the thread's own */
    size_t tabs_max;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t changed;
    changes changes;
    size_t tabs;
    int64_t last_left_ms;
    bool reading;      /* from a known position */
    unsigned readings; /* how often that has changed, or the position was lost */
    bool ending;
};

struct live_tab {
    live *l;
    change_reader reader;
    bool may_hear; /* it is known of which queues */
    int64_t told_ms;
    unsigned told_readings; /* another number than the readings: the next word is UP or DOWN */
    bool has_heard;         /* it was told LIVE_UP once */
};

/* ---- the thread that reads ------------------------------------------------------------------- */

static void on_message(const ob_bus_msg *msg, void *arg)
{
    live *l = arg;
    job_change one;
    if (!change_read(msg->data, msg->len, &one))
        return;
    (void)pthread_mutex_lock(&l->lock);
    changes_add(&l->changes, &one);
    (void)pthread_mutex_unlock(&l->lock);
}

static void set_reading(live *l, bool reading)
{
    (void)pthread_mutex_lock(&l->lock);
    l->reading = reading;
    l->readings++;
    (void)pthread_cond_broadcast(&l->changed);
    (void)pthread_mutex_unlock(&l->lock);
}

static void on_event(ob_bus_event event, void *arg)
{
    live *l = arg;
    if (!l->assigned)
        return;
    set_reading(l, event != OB_BUS_DOWN);
}

static bool is_wanted(live *l)
{
    (void)pthread_mutex_lock(&l->lock);
    bool wanted = l->tabs > 0 || ob_mono_ms() - l->last_left_ms < LINGER_MS;
    (void)pthread_mutex_unlock(&l->lock);
    return wanted;
}

bool live_is_ending(live *l)
{
    (void)pthread_mutex_lock(&l->lock);
    bool ending = l->ending;
    (void)pthread_mutex_unlock(&l->lock);
    return ending;
}

static bool begin_reading(live *l)
{
    static const char *const topics[] = { OB_TOPIC_JOB_STATE, NULL };
    ob_error err = { 0 };
    int r = ob_bus_assign_end(l->bus, topics, NULL, ASSIGN_MS, &err);
    ob_health_set("kafka", false, r == 0, r == 0 ? "answers" : err.text);
    if (r < 0)
        return false;
    set_reading(l, true);
    return true;
}

static void *follow(void *arg)
{
    live *l = arg;
    int64_t next_try_ms = 0;
    while (!live_is_ending(l)) {
        bool wanted = is_wanted(l);
        if (wanted && !l->assigned && ob_mono_ms() >= next_try_ms) {
            l->assigned = begin_reading(l);
            next_try_ms = ob_mono_ms() + RETRY_MS;
        } else if (!wanted && l->assigned) {
            ob_bus_unassign(l->bus);
            l->assigned = false;
            set_reading(l, false);
        }
        if (ob_bus_poll(l->bus, POLL_MS, POLL_MESSAGES) > 0) {
            (void)pthread_mutex_lock(&l->lock);
            (void)pthread_cond_broadcast(&l->changed);
            (void)pthread_mutex_unlock(&l->lock);
        }
        if (l->assigned)
            ob_health_set("kafka", false, ob_bus_is_up(l->bus),
                          ob_bus_is_up(l->bus) ? "answers" : "no broker answers");
    }
    return NULL;
}

int live_start(const ob_config_common *config, size_t tabs_max, live **ret, ob_error *err)
{
    live *l = ob_calloc(1, sizeof *l);
    const ob_bus_config bus = {
        .client_id = "openbatch-console", .on_msg = on_message, .on_event = on_event, .arg = l
    };
    l->tabs_max = tabs_max;
    l->last_left_ms = ob_mono_ms() - LINGER_MS;
    (void)pthread_mutex_init(&l->lock, NULL);
    ob_cond_init(&l->changed);
    int r = ob_bus_open(config, &bus, &l->bus, err);
    if (r == 0) {
        int e = pthread_create(&l->thread, NULL, follow, l);
        l->started = e == 0;
        if (e != 0)
            r = ob_fail(err, e, "cannot start a thread: %s", strerror(e));
    }
    if (r < 0) {
        live_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

void live_end(live *l)
{
    if (!l)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->ending = true;
    (void)pthread_cond_broadcast(&l->changed);
    (void)pthread_mutex_unlock(&l->lock);
}

void live_free(live *l)
{
    if (!l)
        return;
    live_end(l);
    if (l->started)
        (void)pthread_join(l->thread, NULL);
    ob_bus_free(l->bus);
    (void)pthread_cond_destroy(&l->changed);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ---- tabs ------------------------------------------------------------------------------------ */

/* With the lock: where a reader of events begins. */
static uint64_t past_of(const live *l)
{
    uint64_t next = l->changes.next;
    return next > CHANGE_EVENTS_PAST ? next - CHANGE_EVENTS_PAST : 0;
}

live_tab *live_join(live *l, unsigned events)
{
    live_tab *tab = ob_calloc(1, sizeof *tab);
    tab->l = l;
    tab->reader.events = events;
    (void)pthread_mutex_lock(&l->lock);
    bool taken = l->tabs < l->tabs_max && !l->ending;
    if (taken)
        l->tabs++;
    tab->reader.next = l->changes.next;
    tab->told_readings = l->readings - 1; /* its first word is whether changes are heard of */
    (void)pthread_mutex_unlock(&l->lock);
    if (taken)
        return tab;
    free(tab);
    return NULL;
}

void live_hear(live_tab *tab, char (*queues)[CHANGE_QUEUE_TEXT], size_t n_queues)
{
    change_reader *reader = &tab->reader;
    bool may_hear = queues != NULL;
    if (!may_hear)
        n_queues = 0;
    if (may_hear == tab->may_hear && n_queues == reader->n_queues &&
        (n_queues == 0 || memcmp(queues, reader->queues, n_queues * sizeof *queues) == 0))
        return;
    tab->may_hear = may_hear;
    reader->queues = ob_realloc(reader->queues, (n_queues + 1) * sizeof *queues);
    reader->n_queues = n_queues;
    if (n_queues > 0)
        memcpy(reader->queues, queues, n_queues * sizeof *queues);
    (void)pthread_mutex_lock(&tab->l->lock);
    tab->told_readings = tab->l->readings - 1;
    (void)pthread_mutex_unlock(&tab->l->lock);
}

void live_leave(live_tab *tab)
{
    live *l = tab->l;
    (void)pthread_mutex_lock(&l->lock);
    l->tabs--;
    l->last_left_ms = ob_mono_ms();
    (void)pthread_mutex_unlock(&l->lock);
    free(tab->reader.queues);
    free(tab);
}

/* With the lock. */
static live_word word_for(live_tab *tab, ob_buf *out)
{
    live *l = tab->l;
    if (l->ending)
        return LIVE_END;
    if (tab->told_readings != l->readings) {
        tab->told_readings = l->readings;
        bool up = l->reading && tab->may_hear;
        tab->reader.is_new = up && !tab->has_heard && tab->reader.events;
        tab->reader.next = tab->reader.is_new ? past_of(l) : l->changes.next;
        tab->has_heard |= up;
        return up ? LIVE_UP : LIVE_DOWN;
    }
    return changes_tell(&l->changes, &tab->reader, out) ? LIVE_CHANGES : LIVE_NOTHING;
}

live_word live_next(live_tab *tab, int64_t until_ms, ob_buf *out)
{
    live *l = tab->l;
    live_word word = LIVE_NOTHING;
    (void)pthread_mutex_lock(&l->lock);
    /* What comes meanwhile is told in one message. */
    while (!l->ending && ob_mono_ms() < tab->told_ms + PACE_MS)
        (void)ob_cond_wait_until(&l->changed, &l->lock, tab->told_ms + PACE_MS);
    for (;;) {
        word = word_for(tab, out);
        if (word != LIVE_NOTHING || !ob_cond_wait_until(&l->changed, &l->lock, until_ms))
            break;
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (word != LIVE_NOTHING)
        tab->told_ms = ob_mono_ms();
    return word;
}
