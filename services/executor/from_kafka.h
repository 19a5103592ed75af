/* Kafka: the connection and what arrives on it. */
#pragma once

#include "executor.h"

/* Reads the secrets and starts to connect; from then on the loop polls it. Errors: -errno. */
int kafka_open(executor *x, ob_error *err);
/* Handles what has arrived, without waiting. */
void kafka_poll(executor *x);
/* The modules that get the scheduler's orders. */
placement_sink from_scheduler(executor *x);
