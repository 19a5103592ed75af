/* Retry strategies; see retry.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RETRY_RULES_MAX 5 /* entries of evaluateOnExit */

typedef struct retry_rules retry_rules;

/* on_exit: evaluateOnExit as JSON, as the user sent it; NULL or text that is not a list: no rules,
 * returns NULL. Free it with retry_free. */
retry_rules *retry_parse(const char *on_exit);
void retry_free(retry_rules *rules);

typedef struct retry_end {     /* how an attempt ended */
    const char *status_reason; /* of the job; NULL: absent */
    const char *reason;        /* of the container; NULL: absent */
    bool has_exit_code;
    int32_t exit_code;
} retry_end;
/* Does another attempt follow an attempt that failed this way, if one is left? The first entry
 * whose conditions all match decides; none: yes. */
bool retry_allows(const retry_rules *rules, const retry_end *end);
