/* Logging: one JSON object per line on stderr: ts, level, service, event, then fields. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum ob_log_level { OB_LOG_DEBUG, OB_LOG_INFO, OB_LOG_WARN, OB_LOG_ERROR } ob_log_level;

/* Sets the service's name and the lowest level that is written, and checks what stderr is. Call it
 * once at start. */
void ob_log_init(const char *service, ob_log_level level);

/* Parses debug, info, warn or error. Returns 0 or -EINVAL. */
int ob_log_level_parse(const char *text, ob_log_level *ret_level);

/* Writes one line; drops it if it cannot be written at once, and never waits. event: a noun.verb
 * constant ("job.transition"). fmt: a json_pack() object format ("{s:s, s:I}") or NULL. Never pass
 * bodies, environment values or credentials. Any thread. */
void ob_log(ob_log_level level, const char *event, const char *fmt, ...);

/* The number of lines of this process that were dropped. Any thread. */
uint64_t ob_log_dropped(void);

/* Would a line of this level be written? Ask this before expensive preparations. */
bool ob_log_enabled(ob_log_level level);

#define ob_debug(event, ...) ob_log(OB_LOG_DEBUG, event, __VA_ARGS__)
#define ob_info(event, ...) ob_log(OB_LOG_INFO, event, __VA_ARGS__)
#define ob_warn(event, ...) ob_log(OB_LOG_WARN, event, __VA_ARGS__)
#define ob_errlog(event, ...) ob_log(OB_LOG_ERROR, event, __VA_ARGS__)
