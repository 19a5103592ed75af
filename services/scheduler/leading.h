/* Leading: taking over, staying in touch, giving up. The lock, the epoch and the fence are
 * ob/leader.h. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* One try to lead, as a standby. Returns 1: this process leads and its state is loaded; 0: not now.
 * Errors: logged here, once in a while; then 0. */
int leader_try(scheduler *s);
/* Leads until that ends: LEAD_LOST, LEAD_DEPOSED, LEAD_GIVEN_UP, or 0 when the service is to stop.
 */
int leader_lead(scheduler *s, ob_error *err);
/* Forgets all that belonged to leading. */
void leader_drop(scheduler *s);
