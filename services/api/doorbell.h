/* The producer of doorbells. */
#pragma once

#include "request/operation.h"

typedef struct bell bell;

/* Creates the producer and its thread. Does not wait for Kafka. Stop *ret also after an error. */
int bell_start(const api_config *config, bell **ret, ob_error *err);
void bell_stop(bell *b);
ob_bus *bell_bus(bell *b);
