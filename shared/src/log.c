/* Log lines. Owns the service's name and level, set once at start, and its own descriptor of
 * stderr's file.
 *
 * Never waits for the reader: a full disk makes a logger pause, and a program that waits for it
 * would stop too. A line that cannot be written now is dropped and counted; the count is written
 * before the next line. O_NONBLOCK belongs to an open file, which other processes may share, so a
 * pipe or terminal is opened again. The pipe itself, enlarged, is the buffer. Never mixes lines:
 * each is one write(2); the rest of a line that is too long for the pipe's free space is written
 * before the next line of this process. Any thread; the lock is held only for writes that do not
 * wait. */
#include "ob/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ob/json.h"

#define PIPE_BYTES (1 << 20) /* what every user may have */

static char service_name[64] = "openbatch";
static atomic_int lowest_level = OB_LOG_INFO;

static const char *const level_names[] = {
    [OB_LOG_DEBUG] = "debug",
    [OB_LOG_INFO] = "info",
    [OB_LOG_WARN] = "warn",
    [OB_LOG_ERROR] = "error",
};

static struct {
    pthread_mutex_t lock; /* guards what follows */
    int fd;               /* our own, non-blocking; -1: stderr itself */
    mode_t kind;          /* S_IF… of stderr; 0: not looked at yet */
    char *rest;           /* of the last line; NULL: nothing */
    size_t rest_len;
    uint64_t unsaid; /* lines dropped since the last report */
} out = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };
static _Atomic uint64_t dropped;

/* With the lock held. */
static void open_out(void)
{
    struct stat st;
    if (out.fd >= 0)
        (void)close(out.fd);
    free(out.rest);
    out.rest = NULL;
    out.fd = -1;
    out.kind = fstat(STDERR_FILENO, &st) == 0 ? st.st_mode & S_IFMT : 0;
    if (out.kind == S_IFIFO || out.kind == S_IFCHR)
        out.fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (out.kind == S_IFIFO)
        (void)fcntl(STDERR_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
}

void ob_log_init(const char *service, ob_log_level level)
{
    (void)pthread_mutex_lock(&out.lock);
    (void)snprintf(service_name, sizeof(service_name), "%s", service);
    open_out();
    (void)pthread_mutex_unlock(&out.lock);
    atomic_store(&lowest_level, (int)level);
}

uint64_t ob_log_dropped(void)
{
    return atomic_load(&dropped);
}

int ob_log_level_parse(const char *text, ob_log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
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

static void format_now(char *text, size_t size)
{
    struct timespec ts = { 0 };
    struct tm tm = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    (void)gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, size - n, ".%03ldZ", ts.tv_nsec / 1000000);
}

/* ---- writing; with the lock held ------------------------------------------------------------- */

/* As write(2), but never waits: -1 with EAGAIN. */
static ssize_t put(const char *text, size_t len)
{
    struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };
    if (out.fd >= 0)
        return write(out.fd, text, len);
    if (out.kind == S_IFSOCK)
        return send(STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (out.kind == S_IFREG)
        return write(STDERR_FILENO, text, len);
    /* A pipe that we may not open again: if it is ready, it has this much space. */
    if (poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT))
        return write(STDERR_FILENO, text, len < PIPE_BUF ? len : PIPE_BUF);
    errno = EAGAIN;
    return -1;
}

/* Writes all of it, or as much of its start as is possible now. Returns the bytes written. */
static size_t put_all(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t n = put(text + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    return at;
}

static void keep_rest(const char *text, size_t len)
{
    char *copy = len ? malloc(len) : NULL;
    if (copy)
        memcpy(copy, text, len);
    free(out.rest);
    out.rest = copy;
    out.rest_len = copy ? len : 0;
}

static bool put_line(const char *text, size_t len)
{
    size_t n = put_all(text, len);
    if (n > 0 && n < len)
        keep_rest(text + n, len - n);
    return n > 0;
}

static bool put_rest(void)
{
    size_t n = out.rest ? put_all(out.rest, out.rest_len) : 0;
    if (n > 0) {
        char *whole = out.rest;
        out.rest = NULL;
        keep_rest(whole + n, out.rest_len - n);
        free(whole);
    }
    return !out.rest;
}

/* Reports how many lines were dropped before this one. */
static bool put_count(void)
{
    char ts[40], line[256];
    if (out.unsaid == 0)
        return true;
    format_now(ts, sizeof(ts));
    int n = snprintf(line, sizeof(line),
                     "{\"ts\":\"%s\",\"level\":\"warn\",\"service\":\"%s\","
                     "\"event\":\"log.dropped\",\"lines\":%llu}\n",
                     ts, service_name, (unsigned long long)out.unsaid);
    if (!put_line(line, (size_t)n))
        return false;
    out.unsaid = 0;
    return !out.rest;
}

static void write_line(const char *text, size_t len)
{
    (void)pthread_mutex_lock(&out.lock);
    if (!out.kind)
        open_out();
    if (!put_rest() || !put_count() || !put_line(text, len)) {
        out.unsaid++;
        atomic_fetch_add(&dropped, 1);
    }
    (void)pthread_mutex_unlock(&out.lock);
}

static void add_text(ob_buf *line, const char *name, const char *text)
{
    ob_buf_str(line, ",\"");
    ob_buf_str(line, name);
    ob_buf_str(line, "\":");
    ob_buf_json(line, text);
}

/* What every line begins with; the object stays open. */
static void add_frame(ob_buf *line, ob_log_level level, const char *event)
{
    char ts[40];
    format_now(ts, sizeof(ts));
    ob_buf_str(line, "{\"ts\":");
    ob_buf_json(line, ts);
    add_text(line, "level", level_names[level]);
    add_text(line, "service", service_name);
    add_text(line, "event", event);
}

/* Fields cannot replace the frame. */
static void add_fields(ob_buf *line, json_t *fields)
{
    static const char *const frame[] = { "ts", "level", "service", "event" };
    for (size_t i = 0; i < ARRAY_SIZE(frame); i++)
        (void)json_object_del(fields, frame[i]);
    if (json_object_size(fields) == 0)
        return;
    size_t begin = line->len;
    ob_json_write(line, fields);
    line->at[begin] = ',';
    line->len--; /* its bracket */
}

void ob_log(ob_log_level level, const char *event, const char *fmt, ...)
{
    if (!ob_log_enabled(level))
        return;
    int saved_errno = errno;
    ob_cleanup(ob_buf_done) ob_buf line = { 0 };
    add_frame(&line, level, event);
    if (fmt) {
        json_error_t jerr;
        va_list args;
        va_start(args, fmt);
        json_auto_t *fields = json_vpack_ex(&jerr, 0, fmt, args);
        va_end(args);
        /* A value that is not UTF-8, or a wrong format: the line itself must not be lost. */
        if (fields)
            add_fields(&line, fields);
        else
            add_text(&line, "log_error", jerr.text);
    }
    ob_buf_str(&line, "}\n");
    write_line(line.at, line.len);
    errno = saved_errno;
}
