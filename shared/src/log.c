/* Log lines. Owns the service's name and level, set once at start.
 * Never splits a line: each is one write(2), so lines of several threads and processes do not mix.
 * Any thread. */
#include "ob/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ob/json.h"

static char service_name[64] = "openbatch";
static atomic_int lowest_level = OB_LOG_INFO;

static const char *const level_names[] = {
    [OB_LOG_DEBUG] = "debug",
    [OB_LOG_INFO] = "info",
    [OB_LOG_WARN] = "warn",
    [OB_LOG_ERROR] = "error",
};

void ob_log_init(const char *service, ob_log_level level)
{
    (void)snprintf(service_name, sizeof(service_name), "%s", service);
    atomic_store(&lowest_level, (int)level);
}

int ob_log_level_parse(const char *text, ob_log_level *ret_level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (text && strcmp(text, level_names[i]) == 0) {
            *ret_level = (ob_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

bool ob_log_enabled(ob_log_level level)
{
    return (int)level >= atomic_load_explicit(&lowest_level, memory_order_relaxed);
}

static void format_now(char *out, size_t size)
{
    struct timespec ts = { 0 };
    struct tm tm = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    (void)gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, size - n, ".%03ldZ", ts.tv_nsec / 1000000);
}

static void write_line(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody to tell */
        text += n;
        len -= (size_t)n;
    }
}

void ob_log(ob_log_level level, const char *event, const char *fmt, ...)
{
    if (!ob_log_enabled(level))
        return;
    int saved_errno = errno;
    char ts[40];
    format_now(ts, sizeof(ts));

    json_auto_t *line = json_pack("{s:s, s:s, s:s, s:s}", "ts", ts, "level", level_names[level],
                                  "service", service_name, "event", event); /* ours */
    if (fmt) {
        json_error_t jerr;
        va_list args;
        va_start(args, fmt);
        json_auto_t *fields = json_vpack_ex(&jerr, 0, fmt, args);
        va_end(args);
        /* A value that is no UTF-8, or a wrong format: the line itself must not get lost. */
        if (fields)
            (void)json_object_update_missing(line, fields);
        else
            (void)json_object_set_new(line, "log_error", ob_json_text(jerr.text));
    }
    char *text = json_dumps(line, JSON_COMPACT);
    if (text) {
        size_t len = strlen(text);
        text[len] = '\n'; /* over the NUL: the length is known */
        write_line(text, len + 1);
        free(text);
    }
    errno = saved_errno;
}
