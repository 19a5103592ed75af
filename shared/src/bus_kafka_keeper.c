/* The keeper: one thread for each bus that does what would block its owner. It checks for the
 * broker's return, creates missing topics and resolves positions again, and replaces a producer
 * that failed permanently and destroys the old one. It never calls the service's handlers and never
 * starts or stops reading: it leaves results for ob_bus_poll and wakes it. */
#include <string.h>

#include "bus_internal.h"
#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/log.h"

#define STEP_TIMEOUT_MS 2000
#define STEP_TIMEOUT_MAX_MS 16000 /* time limit for a step of a repair, for a slow broker */
#define PROBE_PAUSE_MS 300
#define REPAIR_PAUSE_MS 500 /* between repairs, and after one that failed */

/* Waits for a change, at most 'ms'. With the lock. */
static void wait_ms(ob_bus *bus, int64_t ms)
{
    (void)ob_cond_wait_until(&bus->changed, &bus->lock, ob_mono_ms() + ms);
}

/* Ignores signals for other changes. With the lock. */
static void pause_ms(ob_bus *bus, int64_t ms)
{
    int64_t until = ob_mono_ms() + ms;
    while (!bus->stopping && ob_mono_ms() < until)
        wait_ms(bus, until - ob_mono_ms());
}

static bool probe(ob_bus *bus)
{
    if (bus_refresh(bus_producer(bus), STEP_TIMEOUT_MS, NULL) < 0)
        return false;
    bus_set_up(bus, true);
    return true;
}

/* Returns whether it was replaced. */
static bool replace_sender(ob_bus *bus)
{
    ob_error err = { 0 };
    bus_sender *fresh = NULL;
    if (bus_sender_new(bus, &fresh, &err) < 0) {
        ob_debug("bus.producer_failed", "{s:s}", "error", err.text);
        return false;
    }
    (void)pthread_rwlock_wrlock(&bus->sender_lock);
    bus_sender *old = bus->sender;
    bus->sender = fresh;
    (void)pthread_rwlock_unlock(&bus->sender_lock);
    ob_debug("bus.producer_replaced", NULL);
    /* Its remaining messages fail now; the owner polls the reports. */
    (void)rd_kafka_purge(old->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);

    (void)pthread_mutex_lock(&bus->lock);
    bus->sender_failed = false;
    bus->retired = old;
    (void)pthread_mutex_unlock(&bus->lock);
    bus_wake(bus);
    return true;
}

/* Resolves the current request. Without the lock. */
static int resolve_wanted(ob_bus *bus, bus_positions *ret, unsigned *ret_generation, ob_error *err)
{
    (void)pthread_mutex_lock(&bus->lock);
    *ret_generation = bus->wanted_generation;
    size_t n = bus->n_wanted;
    bus_wanted *wanted = ob_calloc(n, sizeof(*wanted));
    for (size_t i = 0; i < n; i++)
        wanted[i] =
            (bus_wanted){ ob_strdup(bus->wanted[i].topic), bus->wanted[i].partition,
                          bus->wanted[i].instance ? ob_strdup(bus->wanted[i].instance) : NULL };
    (void)pthread_mutex_unlock(&bus->lock);

    int r = n ? bus_resolve(bus_producer(bus), wanted, n, bus->step_ms, ret, err) : 0;
    bus_wanted_free(wanted, n);
    return r;
}

static char *copy_sends_to(ob_bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    char *copy = bus->sends_to ? ob_strdup(bus->sends_to) : NULL;
    (void)pthread_mutex_unlock(&bus->lock);
    return copy;
}

static void repair(ob_bus *bus)
{
    ob_error err = { 0 };
    bus_positions positions = { 0 };
    unsigned generation = 0;
    int32_t ignored;
    ob_cleanup(ob_freep) char *sends_to = copy_sends_to(bus);
    /* A client that follows an instance may not create topics. */
    int r = sends_to ? 0 : ob_bus_make_topics(bus, bus->step_ms, &err);
    if (r == 0)
        r = bus_refresh(bus_producer(bus), bus->step_ms, &err);
    if (r == 0 && sends_to)
        r = ob_bus_partitions(bus, sends_to, bus->step_ms, &ignored, &err);
    if (r == 0)
        r = resolve_wanted(bus, &positions, &generation, &err);

    (void)pthread_mutex_lock(&bus->lock);
    rd_kafka_t *consumer = bus->consumer;
    (void)pthread_mutex_unlock(&bus->lock);
    /* So that reading need not wait until the consumer finds out that the topic is back. */
    if (r == 0 && consumer)
        (void)bus_refresh(consumer, bus->step_ms, NULL);

    (void)pthread_mutex_lock(&bus->lock);
    if (r == 0 && generation == bus->wanted_generation) {
        bus_positions_done(&bus->resolved);
        bus->resolved = positions;
        bus->repair_wanted = false;
        bus->repair_done = true;
        bus_forget_counts(bus);
        bus_wake(bus);
    } else {
        bus_positions_done(&positions);
    }
    (void)pthread_mutex_unlock(&bus->lock);
    /* The long limit is only for a slow broker: a caller that ends waits for a step. */
    bus->step_ms = r == 0                               ? STEP_TIMEOUT_MS
                   : bus->step_ms < STEP_TIMEOUT_MAX_MS ? 2 * bus->step_ms
                                                        : bus->step_ms;
    if (r < 0)
        ob_debug("bus.repair_failed", "{s:s}", "error", err.text);
}

static void *keep(void *arg)
{
    ob_bus *bus = arg;
    (void)pthread_mutex_lock(&bus->lock);
    while (!bus->stopping) {
        if (bus->dead) {
            bus_sender *dead = ob_take(bus->dead);
            (void)pthread_mutex_unlock(&bus->lock);
            bus_sender_free(bus, dead);
            (void)pthread_mutex_lock(&bus->lock);
        } else if (bus->sender_failed && !bus->retired) {
            (void)pthread_mutex_unlock(&bus->lock);
            bool is_replaced = replace_sender(bus);
            (void)pthread_mutex_lock(&bus->lock);
            if (!is_replaced)
                pause_ms(bus, REPAIR_PAUSE_MS);
        } else if (bus->repair_wanted && !bus->repair_done) {
            (void)pthread_mutex_unlock(&bus->lock);
            repair(bus);
            (void)pthread_mutex_lock(&bus->lock);
            /* Also after a success: errors that lie in queues must not chase each other. */
            pause_ms(bus, REPAIR_PAUSE_MS);
        } else if (!atomic_load(&bus->up)) {
            (void)pthread_mutex_unlock(&bus->lock);
            bool back = probe(bus);
            (void)pthread_mutex_lock(&bus->lock);
            if (!back)
                wait_ms(bus, PROBE_PAUSE_MS);
        } else {
            (void)pthread_cond_wait(&bus->changed, &bus->lock);
        }
    }
    (void)pthread_mutex_unlock(&bus->lock);
    return NULL;
}

int bus_keeper_start(ob_bus *bus, ob_error *err)
{
    bus->step_ms = STEP_TIMEOUT_MS;
    int e = pthread_create(&bus->keeper, NULL, keep, bus);
    return e ? ob_fail(err, e, "bus thread: %s", strerror(e)) : 0;
}

void bus_keeper_stop(ob_bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    bus->stopping = true;
    (void)pthread_cond_signal(&bus->changed);
    (void)pthread_mutex_unlock(&bus->lock);
    (void)pthread_join(bus->keeper, NULL);
}
