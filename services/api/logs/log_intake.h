/* Moves container output from batch.logs into PostgreSQL, turn by turn. */
#pragma once

#include "ob/config.h"
#include "ob/error.h"
#include "ob/seal.h"

typedef struct log_intake log_intake;

/* All borrowed. */
typedef struct log_intake_config {
    const ob_config_common *common;
    const char *pg;
    const ob_seal *seal;
    int64_t limit; /* bytes of a run's output; 0: all */
} log_intake_config;

int log_intake_new(const log_intake_config *config, log_intake **ret, ob_error *err);
void log_intake_free(log_intake *in);

/* Waits a moment for output and stores it. Errors: call again after a while; nothing is lost. */
int log_intake_turn(log_intake *in, ob_error *err);
