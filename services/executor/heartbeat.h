/* What the executor says on batch.executions: registered, heartbeat, interrupted, left, report. */
#pragma once

#include <jansson.h>

#include "attempts.h"
#include "host/notice.h"
#include "ob/bus.h"

typedef struct heartbeat heartbeat;

typedef struct heartbeat_config {
    loop *loop;
    ob_bus *bus;
    attempts *attempts;
    placement *placement;
    const notice *notice;
    json_t *join; /* borrowed: what an unmanaged executor joins with; NULL: it was launched */
    const char *instance, *ce, *token, *host; /* borrowed */
    int64_t every_ms;
    int32_t partitions; /* when the broker does not say */
} heartbeat_config;

heartbeat *heartbeat_new(const heartbeat_config *config);
void heartbeat_free(heartbeat *h);

/* Registers (anew) as soon as it can: draws a session and says what is held, when the instance's
 * partition is assigned (the first time has that done); retried until it is sent. */
void heartbeat_register(heartbeat *h);
/* The partition was assigned at its end (OB_BUS_REASSIGNED): registers. */
void heartbeat_assigned(heartbeat *h);
/* Sends what has changed; called at the end of each turn, after the spool is on the disk. */
void heartbeat_flush(heartbeat *h);
/* The fate of a message that was sent with heartbeat_ref's value. */
void heartbeat_delivered(heartbeat *h, bool ok);
void *heartbeat_ref(heartbeat *h);
/* Says at once what the notice is; every heartbeat says it again. */
void heartbeat_notice(heartbeat *h);
/* The engine can start nothing (why, at most 200 bytes) or can again (NULL): says so at once, and
 * with every heartbeat and registration while it lasts. */
void heartbeat_unwell(heartbeat *h, const char *why);
/* The last word: nothing of this instance is left, and nothing will begin on it. */
void heartbeat_left(heartbeat *h);
bool heartbeat_is_registered(const heartbeat *h);

/* Pure: a run's state as docs/messages.md writes it (new); the digest of what is held and the count
 * of all that is not out of the way: also confirmed runs whose output or container is still here.
 */
json_t *heartbeat_run_state(const attempt *at);
void heartbeat_digest(const attempts *a, char out[17], int *ret_count);
