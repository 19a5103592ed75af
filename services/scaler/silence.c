/* Silence of executors, see silence.h. Owns nothing. The question is a `sync` on batch.placements:
 * a living executor answers it by registering, and its delivery proves that the partition accepts
 * messages. Invariant: without that proof twice the time must pass. Loop thread. */
#include "silence.h"

#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"

static void ask(scaler *s, instance *in)
{
    /* Executors ignore messages older than the scheduler that they follow. */
    json_auto_t *msg = ob_message_new("sync", s->scheduler_epoch);
    (void)json_object_set_new(msg, "instance", ob_json_text(in->id));
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    ob_error err = { 0 };
    if (in->silence.sign_no == 0)
        in->silence.sign_no = ++s->sign_no;
    int32_t partition = ob_instance_partition(in->id, s->placements);
    void *ref = (void *)in->silence.sign_no;
    const ob_point point = OB_POINT_SCALER_ASK;
    ob_seal_owner owner = { 0 };
    memcpy(owner.instance, in->id, sizeof(owner.instance));
    memcpy(owner.salt, in->trust.salt, sizeof(owner.salt));
    int r = *owner.salt ? ob_seal_send(&s->seal, &owner, s->bus, point, OB_TOPIC_PLACEMENTS,
                                       partition, NULL, 0, text, len, ref, &err)
                        : ob_bus_send_clear(s->bus, point, OB_TOPIC_PLACEMENTS, partition, NULL, 0,
                                            text, len, ref, &err);
    if (r < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "topic", OB_TOPIC_PLACEMENTS, "error", err.text);
}

void silence_end(instance *in)
{
    in->silence = (instance_silence){ 0 };
}

bool silence_turn(scaler *s, instance *in, int64_t heard_ms)
{
    int64_t limit = s->config.lost_after_ms;
    if (heard_ms == LINK_BROKEN) {
        silence_end(in);
        return false;
    }
    in->silence.ms += heard_ms;
    if (in->silence.ms > limit / 3 && in->silence.ms >= in->silence.due_ms) {
        in->silence.due_ms = in->silence.ms + limit / 6;
        ask(s, in);
    }
    bool could_answer =
        in->silence.asked_ms > 0 && in->silence.ms - in->silence.asked_ms >= limit / 3;
    return in->silence.ms > limit && (could_answer || in->silence.ms > 2 * limit);
}

void silence_on_delivery(void *ref, int ok, int64_t offset, void *arg)
{
    scaler *s = arg;
    for (instance *in = s->instances; ok && in; in = in->hh.next)
        if (in->silence.sign_no == (uintptr_t)ref && in->silence.asked_ms == 0)
            in->silence.asked_ms = in->silence.ms;
}
