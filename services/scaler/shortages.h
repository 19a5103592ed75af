/* Work that an environment cannot have instances for just now: ce_status.lacking. Loop thread. */
#pragma once

#include "scaler.h"

typedef struct shortage {
    ob_resources need;
    bool dear;        /* for the price of what could hold it; false: the provider has none */
    int64_t since_ms; /* without a break */
} shortage;

/* Takes what decide has found; sorts it. What lacked before and is being tried again goes on
 * lacking, until the provider has it. */
void shortages_take(env *e, decide_shortage *found, size_t n, int64_t now_ms);
/* As JSON, {"<why>": [[mcpu, memMiB, gpus], ...], ...}; NULL: nothing has been lacking for long
 * enough to be told. Free it. */
char *shortages_text(scaler *s, const env *e, int64_t now_ms);
