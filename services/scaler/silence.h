/* When a silent instance counts as lost: after enough time in which a message could have arrived
 * (listening.h), and in which it was asked and could have answered. Loop thread. */
#pragma once

#include "scaler.h"

/* One turn for an instance that should send messages. heard_ms: the time in which silence counts,
 * or LINK_BROKEN. Asks for a sign of life when it is due. Is it lost? */
bool silence_turn(scaler *s, instance *in, int64_t heard_ms);
/* It sent a message. */
void silence_end(instance *in);
/* Whether a question arrived; ref: its number (ob_bus_on_delivery; arg: scaler). */
void silence_on_delivery(void *ref, int ok, int64_t offset, void *arg);
