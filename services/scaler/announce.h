/* Tells who listens on batch.instances which rows have changed. Losing a message does no harm: its
 * readers look at the tables again and again. */
#pragma once

#include "scaler.h"

void announce_instances(scaler *s, const char *const *ids, size_t n);
void announce_environments(scaler *s, const int64_t *ids, size_t n);
