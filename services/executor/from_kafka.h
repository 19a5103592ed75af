/* Kafka: the connection, and what comes by it. */
#pragma once

#include "executor.h"

/* Reads the secrets and begins to connect; the loop polls from then on. Errors: -errno. */
int kafka_open(executor *x, ob_error *err);
/* Takes what has come, without waiting. */
void kafka_poll(executor *x);
/* To which module the scheduler's orders go. */
placement_sink from_scheduler(executor *x);
