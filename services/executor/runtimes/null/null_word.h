/* What a run without a container says of itself, for tests: it appends a line to a file when it
 * starts and when it ends, as the containers of the fault tests do (tests/faults/word.py). It says
 * a line again, with the same nonce, when an executor that was restarted continues it. */
#pragma once

#include <stdint.h>

#include "ob/config.h"

typedef struct null_settings {
    char *word; /* the file; empty: none */
} null_settings;

extern const ob_config_field null_fields[];

/* One line. code: -1: it starts; else it ends, with this code. began_boot_ms: of the boot clock,
 * and the nonce of this start. */
void null_word_say(const char *file,
                   const char *run,
                   int attempt,
                   int64_t at_boot_ms,
                   int64_t began_boot_ms,
                   int code);
