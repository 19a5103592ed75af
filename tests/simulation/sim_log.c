/* ob/log.h: what the services log belongs to the story. Nothing is formatted when nobody reads. */
#include "ob/log.h"

#include <stdarg.h>

#include "ob/error.h"
#include "ob/json.h"
#include "sim.h"

void ob_log_init(const char *service, ob_log_level level)
{
    (void)service, (void)level;
}

int ob_log_level_parse(const char *text, ob_log_level *ret_level)
{
    (void)text;
    *ret_level = OB_LOG_INFO;
    return 0;
}

uint64_t ob_log_dropped(void)
{
    return 0;
}

bool ob_log_enabled(ob_log_level level)
{
    return trace_told() && level >= OB_LOG_INFO;
}

void ob_log(ob_log_level level, const char *event, const char *fmt, ...)
{
    if (!ob_log_enabled(level))
        return;
    ob_cleanup(ob_freep) char *text = NULL;
    if (fmt) {
        va_list args;
        va_start(args, fmt);
        json_auto_t *fields = json_vpack_ex(NULL, 0, fmt, args);
        va_end(args);
        text = json_dumps(fields, JSON_COMPACT);
    }
    trace_say("%s %s", event, text ? text : "");
}
