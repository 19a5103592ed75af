/* Is the way from executors to this process open? Its own probe must come back through every
 * partition of batch.executions; silence of others counts only while it does. Pure but for sending.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/bus.h"

#define LINK_MAX_PARTITIONS 256

typedef struct probe_link {
    int32_t partitions; /* 0: not known yet */
    uint64_t session;   /* tells this process's probes from an older one's */
    int64_t nonce;
    int64_t sent_at_ms;
    int64_t seen_at_ms[LINK_MAX_PARTITIONS]; /* when the last probe came back */
    int64_t good_since_ms;                   /* 0: it is not */
    int64_t turned_at_ms;                    /* last call of link_heard_ms */
    int64_t owed_ms; /* stalls of this process that are still to be made good */
} probe_link;

#define LINK_BROKEN (-1)

void link_init(probe_link *link, int64_t now_ms, int32_t partitions);
/* Sends what is due. */
void link_send(probe_link *link, ob_bus *bus, int64_t now_ms, int64_t every_ms);
/* A probe has arrived on a partition. */
void link_seen(probe_link *link, int32_t partition, const char *nonce, int64_t now_ms);
/* Call each turn. The link is good when every partition answered within 'late_ms'. */
void link_update(probe_link *link, int64_t now_ms, int64_t late_ms);
/* For how long has it been good; 0 = it is not. */
int64_t link_good_ms(const probe_link *link, int64_t now_ms);
/* Once a turn, after link_update: the time since the last turn in which silence of executors
 * counts. LINK_BROKEN: none of it does, nor what was counted before; once the link is good again
 * they have all of their time, and 'grace_ms' before it, to be heard. A turn that took longer than
 * 'turn_max_ms' does not count, and as much time again does not: who did not listen has not heard,
 * and on such a host the executors are held up as well. At most 'owed_max_ms' is owed. */
int64_t link_heard_ms(
    probe_link *link, int64_t now_ms, int64_t grace_ms, int64_t turn_max_ms, int64_t owed_max_ms);
/* For how long has the slowest partition been silent. */
int64_t link_silent_ms(const probe_link *link, int64_t now_ms);
