/* The scaler's own round trip through Kafka. Owns nothing. Invariant: a partition counts as open
 * only by a probe that this very process sent. Loop thread. */
#include "kafka_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/topics.h"

void link_init(probe_link *link, int64_t now_ms, int32_t partitions)
{
    memset(link, 0, sizeof(*link));
    link->partitions = partitions < LINK_MAX_PARTITIONS ? partitions : LINK_MAX_PARTITIONS;
    if (getrandom(&link->session, sizeof(link->session), 0) != (ssize_t)sizeof(link->session))
        abort();
    for (int32_t i = 0; i < link->partitions; i++)
        link->seen_at_ms[i] = now_ms;
    link->sent_at_ms = now_ms - 3600 * 1000;
    link->turned_at_ms = now_ms;
}

void link_send(probe_link *link, ob_bus *bus, int64_t now_ms, int64_t every_ms)
{
    if (now_ms - link->sent_at_ms < every_ms)
        return;
    link->sent_at_ms = now_ms;
    char nonce[64];
    (void)snprintf(nonce, sizeof(nonce), "%016llx-%lld", (unsigned long long)link->session,
                   (long long)++link->nonce);
    json_auto_t *msg = ob_message_new("probe", 0);
    (void)json_object_set_new(msg, "from", ob_json_text("scaler"));
    (void)json_object_set_new(msg, "nonce", ob_json_text(nonce));
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    /* One that is not sent does not come back: that is what it is for. */
    for (int32_t i = 0; i < link->partitions; i++)
        (void)ob_bus_send(bus, OB_TOPIC_EXECUTIONS, i, NULL, 0, text, len, NULL, NULL);
}

void link_seen(probe_link *link, int32_t partition, const char *nonce, int64_t now_ms)
{
    char session[32];
    (void)snprintf(session, sizeof(session), "%016llx-", (unsigned long long)link->session);
    if (partition >= 0 && partition < link->partitions && !strncmp(nonce, session, strlen(session)))
        link->seen_at_ms[partition] = now_ms;
}

int64_t link_silent_ms(const probe_link *link, int64_t now_ms)
{
    int64_t most = 0;
    for (int32_t i = 0; i < link->partitions; i++)
        if (now_ms - link->seen_at_ms[i] > most)
            most = now_ms - link->seen_at_ms[i];
    return most;
}

void link_update(probe_link *link, int64_t now_ms, int64_t late_ms)
{
    bool good = link->partitions > 0 && link_silent_ms(link, now_ms) <= late_ms;
    if (!good)
        link->good_since_ms = 0;
    else if (link->good_since_ms == 0)
        link->good_since_ms = now_ms;
}

int64_t link_good_ms(const probe_link *link, int64_t now_ms)
{
    return link->good_since_ms ? now_ms - link->good_since_ms : 0;
}

int64_t link_heard_ms(
    probe_link *link, int64_t now_ms, int64_t grace_ms, int64_t turn_max_ms, int64_t owed_max_ms)
{
    int64_t passed = now_ms - link->turned_at_ms;
    link->turned_at_ms = now_ms;
    if (passed > turn_max_ms) {
        link->owed_ms += passed;
        if (link->owed_ms > owed_max_ms)
            link->owed_ms = owed_max_ms;
        passed = 0;
    }
    if (link->good_since_ms == 0)
        return LINK_BROKEN;
    if (link_good_ms(link, now_ms) <= grace_ms)
        return 0;
    int64_t paid = passed < link->owed_ms ? passed : link->owed_ms;
    link->owed_ms -= paid;
    return passed - paid;
}
