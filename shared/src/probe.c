/* A leader's probe through Kafka. Owns nothing. Invariant: a partition counts as open only by a
 * probe of this session; a late probe counts too. The owner's thread. */
#include "ob/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/topics.h"

#define SESSION_TEXT 18 /* 16 digits, a dash, NUL */

void ob_probe_begin(ob_probe *probe, const char *role, int32_t partitions, int64_t now_ms)
{
    memset(probe, 0, sizeof(*probe));
    probe->role = role;
    if (getrandom(&probe->session, sizeof(probe->session), 0) != (ssize_t)sizeof(probe->session))
        abort();
    probe->begun_at_ms = now_ms;
    probe->sent_at_ms = INT64_MIN / 2;
    ob_probe_resize(probe, partitions, now_ms);
}

void ob_probe_resize(ob_probe *probe, int32_t partitions, int64_t now_ms)
{
    int32_t n = partitions < OB_PROBE_MAX_PARTITIONS ? partitions : OB_PROBE_MAX_PARTITIONS;
    for (int32_t i = probe->partitions; i < n; i++)
        probe->seen_at_ms[i] = now_ms;
    probe->partitions = n;
}

static void format_session(const ob_probe *probe, char out[SESSION_TEXT])
{
    (void)snprintf(out, SESSION_TEXT, "%016" PRIx64 "-", probe->session);
}

void ob_probe_send(
    ob_probe *probe, ob_bus *bus, ob_point point, int64_t epoch, int64_t now_ms, int64_t every_ms)
{
    if (now_ms - probe->sent_at_ms < every_ms)
        return;
    probe->sent_at_ms = now_ms;
    char session[SESSION_TEXT], nonce[64];
    format_session(probe, session);
    (void)snprintf(nonce, sizeof(nonce), "%s%" PRIu64, session, ++probe->nonce);
    json_auto_t *msg = ob_message_new("probe", epoch);
    (void)json_object_set_new(msg, "from", ob_json_text(probe->role));
    (void)json_object_set_new(msg, "nonce", ob_json_text(nonce));
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    /* A probe that cannot be sent does not come back, which is its purpose. */
    for (int32_t i = 0; i < probe->partitions; i++)
        (void)ob_bus_send_clear(bus, point, OB_TOPIC_EXECUTIONS, i, NULL, 0, text, len, NULL, NULL);
}

bool ob_probe_take(
    ob_probe *probe, int32_t partition, const char *type, const json_t *body, int64_t now_ms)
{
    if (strcmp(type, "probe") != 0)
        return false;
    char session[SESSION_TEXT];
    format_session(probe, session);
    bool ours = strncmp(ob_json_str(body, "nonce", ""), session, strlen(session)) == 0;
    if (ours && partition >= 0 && partition < probe->partitions)
        probe->seen_at_ms[partition] = now_ms;
    return true;
}

int64_t ob_probe_silent_ms(const ob_probe *probe, int64_t now_ms)
{
    if (probe->partitions == 0)
        return now_ms - probe->begun_at_ms;
    int64_t most_ms = 0;
    for (int32_t i = 0; i < probe->partitions; i++)
        if (now_ms - probe->seen_at_ms[i] > most_ms)
            most_ms = now_ms - probe->seen_at_ms[i];
    return most_ms;
}
