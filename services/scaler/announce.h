/* Announces changed rows on batch.instances. Losing a message does no harm, because its readers
 * also check the tables periodically. */
#pragma once

#include "scaler.h"

void announce_instances(scaler *s, const char *const *ids, size_t n);
void announce_environments(scaler *s, const int64_t *ids, size_t n);
