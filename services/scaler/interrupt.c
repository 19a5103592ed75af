/* Spot interruptions. The provider gives the notice, the executor reports it, and the instance
 * drains until the end that the executor named; its runs end there (executor) or with it
 * (instances.c). Owns the members of 'instance' for this.
 *
 * Invariants: only Spot instances are chosen at random; a notice is requested again until the
 * instance drains, so no restart loses one. Loop thread. */
#include "interrupt.h"

#include <math.h>
#include <stdlib.h>

#include "instances.h"
#include "ob/log.h"

#define AGAIN_MS 1000
#define REASON "Spot interruption notice"
#define LEAVES "its executor is leaving"

bool interrupt_ask(scaler *s, const char *id)
{
    instance *in = scaler_instance(s, id);
    if (!in || in->state != OB_INSTANCE_ACTIVE || in->notice == NOTICE_REFUSED)
        return true;
    if (in->notice == NOTICE_NONE)
        (void)instance_set_notice(in, NOTICE_WANTED);
    return false;
}

/* Interruptions are independent of the past: the time to the next comes from an exponential
 * distribution, and each leader draws it again. */
static void draw(const scaler *s, instance *in, int64_t now_ms)
{
    if (s->config.interrupt_mean_s == 0 || !in->spot || in->notice != NOTICE_NONE)
        return;
    if (in->notice_drawn_ms == 0) {
        double u = ((double)random() + 1) / ((double)RAND_MAX + 2);
        in->notice_drawn_ms =
            now_ms + (int64_t)(-log(u) * (double)s->config.interrupt_mean_s * 1000);
    }
    if (now_ms >= in->notice_drawn_ms)
        (void)instance_set_notice(in, NOTICE_WANTED);
}

static void give(scaler *s, instance *in, int64_t now_ms)
{
    ob_error said = { 0 };
    in->notice_ask_at_ms = now_ms + AGAIN_MS;
    provider *p = scaler_provider(s, in);
    int r = p->ops->interrupt(p, in->id, &said);
    if (r == 0)
        ob_info("instance.interrupted", "{s:s}", "instance", in->id);
    else
        ob_warn("interruption.failed", "{s:s, s:s}", "instance", in->id, "error", said.text);
    if (r == -ENOTSUP)
        (void)instance_set_notice(in, NOTICE_REFUSED);
}

int interrupt_turn(scaler *s, int64_t now_ms, ob_error *err)
{
    instance *in, *next;
    int r = 0;
    HASH_ITER(hh, s->instances, in, next)
    {
        if (in->state != OB_INSTANCE_ACTIVE && in->state != OB_INSTANCE_DRAINING)
            continue;
        if (in->notice == NOTICE_TOLD) {
            const char *reason = in->origin == ORIGIN_JOINED ? LEAVES : REASON;
            r = instances_drain(s, &in, 1, reason, in->notice_in_ms, err);
            if (r < 0)
                return r;
            (void)instance_set_notice(in, NOTICE_TAKEN);
        }
        if (in->state != OB_INSTANCE_ACTIVE)
            continue;
        draw(s, in, now_ms);
        if (in->notice == NOTICE_WANTED && now_ms >= in->notice_ask_at_ms)
            give(s, in, now_ms);
    }
    return 0;
}
