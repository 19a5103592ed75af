/* openbatch-logger DIR: keeps what comes in on stdin in DIR/current, and older files of 10 MB
 * beside it. What makes it worth having beside svlogd(8): it never stops reading. Servers of others
 * write their logs with write(2) and wait in it for whoever reads, PostgreSQL with locks held; a
 * logger that waits for room on a full disk stops them all.
 *
 * Invariants: only whole lines are written; what cannot be written is dropped and counted, and the
 * count is a line of its own once writing works again. Names of older files are svlogd's (TAI64N),
 * so that the files of both are in one order. One thread; memory is bounded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES 10000000
#define FILES_KEPT 5
#define TAI_UTC_S 10 /* as runit's tools have it */

static struct {
    int fd; /* of "current"; -1: not open */
    off_t size;
    bool within_line;   /* the file ends within a line: a write stopped half-way */
    uint64_t dropped;   /* lines, since the last word about it */
    int why;            /* errno of the first of them */
    bool skip_to_break; /* the beginning of the line that is coming in was dropped */
} log_file = { .fd = -1 };

static int only_old(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] == '@' && len > 2 && strcmp(entry->d_name + len - 2, ".s") == 0;
}

static void delete_oldest(void)
{
    struct dirent **names;
    int n = scandir(".", &names, only_old, alphasort);
    for (int i = 0; i < n; i++) {
        if (i < n - FILES_KEPT)
            (void)unlink(names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static void close_file(void)
{
    if (log_file.fd >= 0)
        (void)close(log_file.fd);
    log_file.fd = -1;
}

static void rotate(void)
{
    char name[64];
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(name, sizeof(name), "@%016llx%08lx.s",
                   (1ULL << 62) + TAI_UTC_S + (unsigned long long)now.tv_sec,
                   (unsigned long)now.tv_nsec);
    close_file();
    if (rename("current", name) == 0)
        delete_oldest();
}

static bool open_file(void)
{
    struct stat st;
    char last = '\n';
    if (log_file.fd >= 0)
        return true;
    log_file.fd = open("current", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log_file.fd < 0 || fstat(log_file.fd, &st) < 0)
        return false;
    log_file.size = st.st_size;
    /* A killed predecessor, or a full disk, may have left half a line. */
    if (S_ISREG(st.st_mode) && st.st_size > 0)
        (void)!pread(log_file.fd, &last, 1, st.st_size - 1);
    log_file.within_line = last != '\n';
    return true;
}

/* All of it, or false with errno; then a part of it may stand in the file. */
static bool put(const char *text, size_t len)
{
    if (log_file.within_line) {
        log_file.within_line = false;
        if (!put("\n", 1)) {
            log_file.within_line = true;
            return false;
        }
    }
    for (size_t at = 0; at < len;) {
        ssize_t n = write(log_file.fd, text + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            log_file.within_line = at > 0 && text[at - 1] != '\n';
            return false;
        }
        log_file.size += n;
        at += (size_t)n;
    }
    return true;
}

static bool put_count(void)
{
    char line[160];
    if (log_file.dropped == 0)
        return true;
    int n = snprintf(line, sizeof(line), "openbatch-logger: %llu lines were dropped: %s\n",
                     (unsigned long long)log_file.dropped, strerror(log_file.why));
    if (!put(line, (size_t)n))
        return false;
    log_file.dropped = 0;
    return true;
}

static uint64_t count_lines(const char *text, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    return n;
}

/* 'text' ends with a line's end, unless it is the beginning of a line longer than our memory. */
static void keep(const char *text, size_t len)
{
    bool whole = len > 0 && text[len - 1] == '\n';
    if (log_file.skip_to_break) { /* counted already */
        const char *end = memchr(text, '\n', len);
        size_t skipped = end ? (size_t)(end - text) + 1 : len;
        log_file.skip_to_break = !end;
        text += skipped;
        len -= skipped;
    }
    if (len == 0)
        return;
    if (open_file() && put_count() && put(text, len)) {
        if (log_file.size >= FILE_BYTES && whole)
            rotate();
        return;
    }
    if (log_file.dropped == 0)
        log_file.why = errno;
    log_file.dropped += count_lines(text, len) + !whole;
    log_file.skip_to_break = !whole;
    close_file(); /* opened anew: it may have been moved away to make room */
}

int main(int argc, char **argv)
{
    static char text[256 * 1024];
    size_t len = 0;
    if (argc != 2 || chdir(argv[1]) < 0) {
        (void)fprintf(stderr, "usage: openbatch-logger DIR\n");
        return 2;
    }
    for (;;) {
        ssize_t n = read(STDIN_FILENO, text + len, sizeof(text) - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
        const char *end = memrchr(text, '\n', len);
        size_t lines = end ? (size_t)(end - text) + 1 : 0;
        if (lines == 0 && len == sizeof(text))
            lines = len;
        if (lines == 0)
            continue;
        keep(text, lines);
        len -= lines;
        memmove(text, text + lines, len);
    }
    if (len > 0)
        keep(text, len);
    return 0;
}
