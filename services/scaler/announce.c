/* The scaler's messages on batch.instances, see announce.h. Owns nothing. Loop thread. */
#include "announce.h"

#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"

static void announce_part(scaler *s, const char *type, json_t *changed)
{
    json_auto_t *msg = ob_message_new(type, ob_leader_epoch(s->leader));
    (void)json_object_set(msg, "changed", changed);
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    ob_error err = { 0 };
    if (ob_bus_send(s->bus, OB_POINT_SCALER_CHANGED, OB_TOPIC_INSTANCES, -1, NULL, 0, text, len,
                    NULL, &err) < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "topic", OB_TOPIC_INSTANCES, "error", err.text);
}

/* Takes 'changed'. */
static void announce(scaler *s, const char *type, json_t *changed)
{
    json_auto_t *parts = ob_message_split(changed);
    size_t i;
    json_t *part;
    json_array_foreach(parts, i, part) announce_part(s, type, part);
    json_decref(changed);
}

void announce_instances(scaler *s, const char *const *ids, size_t n)
{
    if (n == 0)
        return;
    json_t *changed = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(changed, ob_json_text(ids[i]));
    announce(s, "instances", changed);
}

void announce_environments(scaler *s, const int64_t *ids, size_t n)
{
    if (n == 0)
        return;
    json_t *changed = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(changed, json_integer(ids[i]));
    announce(s, "ce", changed);
}
