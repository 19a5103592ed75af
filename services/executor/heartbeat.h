/* The executor's messages on batch.executions: registered, heartbeat, interrupted, left, report. */
#pragma once

#include <jansson.h>

#include "attempts.h"
#include "host/notice.h"
#include "ob/buf.h"
#include "ob/bus.h"
#include "ob/seal.h"

typedef struct heartbeat heartbeat;

typedef struct heartbeat_config {
    loop *loop;
    ob_bus *bus;
    attempts *attempts;
    placement *placement;
    const notice *notice;
    json_t *join;  /* borrowed: an unmanaged executor's data for joining; NULL: it was launched by
                      the scaler */
    ob_seal *seal; /* borrowed */
    const char *instance, *ce, *host; /* borrowed */
    int64_t every_ms;
    int32_t partitions; /* if the broker does not report the number */
} heartbeat_config;

heartbeat *heartbeat_new(const heartbeat_config *config);
void heartbeat_free(heartbeat *h);

/* Registers (again) as soon as possible: chooses a session and reports the held runs when the
 * instance's partition is assigned (the first time it already is); retried until it is sent. */
void heartbeat_register(heartbeat *h);
/* The partition was assigned at its end (OB_BUS_REASSIGNED): registers. */
void heartbeat_assigned(heartbeat *h);
/* Sends changes; called at the end of each turn, after the spool is on the disk. */
void heartbeat_flush(heartbeat *h);
/* The result of a message that was sent with heartbeat_ref's value. */
void heartbeat_delivered(heartbeat *h, bool ok);
void *heartbeat_ref(heartbeat *h);
/* Sends the notice at once; every heartbeat repeats it. */
void heartbeat_notice(heartbeat *h);
/* The engine can start nothing (why, at most 200 bytes) or can again (NULL): says so at once, and
 * with every heartbeat and registration while it lasts. */
void heartbeat_unwell(heartbeat *h, const char *why);
/* The last word: nothing of this instance is left, and nothing will begin on it. */
void heartbeat_left(heartbeat *h);
bool heartbeat_is_registered(const heartbeat *h);

/* Pure: appends a run's state as docs/messages.md writes it; the digest of what is held and the
 * count of all that is not out of the way: also confirmed runs whose output or container is still
 * here.
 */
void heartbeat_run_state(ob_buf *t, const attempt *at);
void heartbeat_digest(const attempts *a, char out[17], int *ret_count);
