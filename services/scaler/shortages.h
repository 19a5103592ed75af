/* Work for which an environment can get no instances at the moment: ce_status.lacking. Loop
 * thread. */
#pragma once

#include "scaler.h"

typedef struct shortage {
    ob_resources need;
    bool dear; /* because of the price of the types that could hold it; false: the provider has none
                */
    int64_t since_ms; /* without a break */
} shortage;

/* Takes decide's result and sorts it. A shortage that is being tried again stays until the provider
 * has the instance. */
void shortages_take(env *e, decide_shortage *found, size_t n, int64_t now_ms);
/* As JSON, {"<why>": [[mcpu, memMiB, gpus], ...], ...}; NULL: no shortage has lasted long enough to
 * be reported. Free it. */
char *shortages_text(scaler *s, const env *e, int64_t now_ms);
