/* The end of each turn of the loop. Changes are sent in one order: the spool to the disk, requests
 * to the engine, the spool again (for what the runtime has done at once), then reports and output.
 * Each second the health page is updated. Owns spool_failed. Thread: the loop's */
#include "turn.h"

#include "departure.h"
#include "from_kafka.h"
#include "ob/log.h"
#include "ob/service.h"

static void sync_spool(executor *x)
{
    ob_error err = { 0 };
    int r = spool_sync(x->spool, &err);
    if (r < 0 && !x->spool_failed)
        ob_errlog("spool.failed", "{s:s}", "error", err.text);
    if (r < 0 || x->spool_failed)
        ob_health_set("spool", true, r == 0, err.text);
    x->spool_failed = r < 0;
}

static void on_turn(void *arg)
{
    executor *x = arg;
    sync_spool(x);
    x->runtime->ops->flush(x->runtime);
    sync_spool(x);
    if (!x->bus)
        return;
    if (!x->spool_failed)
        heartbeat_flush(x->heartbeat);
    logs_flush(x->logs);
    /* logs_flush may have sent a run's last chunk, and delivery may have made room. */
    x->runtime->ops->flush(x->runtime);
}

static void on_second(void *arg)
{
    executor *x = arg;
    loop_timer_set(x->loop, &x->second_timer, 1000);
    ob_health_beat();
    if (!x->spool_failed)
        ob_health_set("spool", true, true, "");
    if (!x->bus)
        return;
    departure_check(x);
    ob_health_info("runs", json_integer(HASH_COUNT(x->attempts.table)));
    ob_health_set("kafka", true, ob_bus_is_up(x->bus), "");
    kafka_poll(x);
}

void turn_begin(executor *x)
{
    loop_on_turn(x->loop, on_turn, x);
    x->second_timer = (loop_timer){ .fn = on_second, .arg = x };
    loop_timer_set(x->loop, &x->second_timer, 0);
}
