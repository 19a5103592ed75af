/* The spool: an append-only file of lines (spool_text.h), rewritten when most of it is obsolete.
 * Owns the file and the directory's lock; does not interpret what it stores.
 *
 * Invariants: the file always begins with complete lines (a line cut by a crash is ignored, one cut
 * by a full disk is truncated away); a rewrite is renamed into place after it is on the disk.
 * Thread: the loop's. */
#include "spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/buf.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/point.h"
#include "spool_text.h"

#define COMPACT_BYTES (1 << 20)
#define LOCK_RETRY_MS 50
#define PIECE_BYTES (64 * 1024) /* of a read */

struct spool {
    int dir_fd;
    int lock_fd;
    int fd;
    off_t size;      /* whole lines in the file */
    off_t live_size; /* after the last rewrite */
    json_t *all;
    ob_buf pending;
    bool want_sync;
};

static int load(spool *s, ob_error *err)
{
    int r = 0, fd = openat(s->dir_fd, "spool", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : ob_fail(err, errno, "spool: %s", strerror(errno));
    ob_buf text = { 0 };
    ob_cleanup(ob_freep) char *piece = ob_calloc(1, PIECE_BYTES);
    for (ssize_t n = 1; n != 0;) {
        n = read(fd, piece, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            r = ob_fail(err, errno, "spool: %s", strerror(errno));
            break;
        }
        ob_buf_add(&text, piece, (size_t)n);
    }
    (void)close(fd);
    if (r == 0)
        spool_text_read(s->all, text.at, text.len);
    ob_buf_done(&text);
    return r;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Puts spool.new, which is on the disk, in the place of the spool. */
static int replace(spool *s)
{
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_NEW, OB_POINT_AFTER);
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_REPLACE, OB_POINT_BEFORE);
    if (renameat(s->dir_fd, "spool.new", s->dir_fd, "spool") < 0 || fsync(s->dir_fd) < 0)
        return -errno;
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_REPLACE, OB_POINT_AFTER);
    return 0;
}

/* Writes all entries to a new file and replaces the old one. */
static int compact(spool *s, ob_error *err)
{
    int fd = openat(s->dir_fd, "spool.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ob_fail(err, errno, "spool.new: %s", strerror(errno));
    ob_buf_done(&s->pending); /* 'all' holds what was pending */
    const char *key, *name;
    json_t *members, *value;
    json_object_foreach(s->all, key, members) json_object_foreach(members, name, value)
        spool_text_set(&s->pending, key, name, value);
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_NEW, OB_POINT_BEFORE);
    int r = write_all(fd, s->pending.at ? s->pending.at : "", s->pending.len);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0)
        r = replace(s);
    if (r < 0) {
        /* The pending text is a superset of what the old file lacks: it is appended later. */
        s->want_sync = true;
        (void)close(fd);
        return ob_fail(err, -r, "spool: %s", strerror(-r));
    }
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = fd;
    s->size = s->live_size = (off_t)s->pending.len;
    ob_buf_clear(&s->pending);
    s->want_sync = false;
    return 0;
}

static int take_lock(spool *s, const char *dir, int wait_ms, ob_error *err)
{
    s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return ob_fail(err, errno, "%s/lock: %s", dir, strerror(errno));
    int64_t until = ob_mono_ms() + wait_ms;
    while (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ob_fail(err, errno, "%s/lock: %s", dir, strerror(errno));
        if (ob_mono_ms() >= until)
            return ob_fail(err, EBUSY, "%s is held by another executor", dir);
        (void)usleep(LOCK_RETRY_MS * 1000);
    }
    return 0;
}

int spool_open(const char *dir, int wait_ms, spool **ret, ob_error *err)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return ob_fail(err, errno, "%s: %s", dir, strerror(errno));
    spool *s = ob_calloc(1, sizeof(*s));
    s->fd = s->lock_fd = -1;
    s->all = json_object();
    s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = s->dir_fd < 0 ? ob_fail(err, errno, "%s: %s", dir, strerror(errno)) : 0;
    if (r == 0)
        r = take_lock(s, dir, wait_ms, err);
    if (r == 0)
        r = load(s, err);
    if (r == 0)
        r = compact(s, err);
    if (r < 0) {
        spool_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void spool_free(spool *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        (void)close(s->fd);
    if (s->dir_fd >= 0)
        (void)close(s->dir_fd);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    json_decref(s->all);
    ob_buf_done(&s->pending);
    free(s);
}

const json_t *spool_get(const spool *s, const char *key)
{
    return json_object_get(s->all, key);
}

void spool_accept(spool *s, const char *instance)
{
    spool_set(s, "seal", "accepted", ob_json_text(instance), true);
}

bool spool_is_accepted(const spool *s, const char *instance)
{
    return !strcmp(ob_json_str(spool_get(s, "seal"), "accepted", ""), instance);
}

const json_t *spool_all(const spool *s)
{
    return s->all;
}

void spool_set(spool *s, const char *key, const char *name, json_t *value, bool durable)
{
    if (!value) /* without a record it counts as nothing; the run continues */
        value = json_null();
    spool_text_set(&s->pending, key, name, value);
    spool_text_apply(s->all, key, name, value);
    s->want_sync |= durable;
}

void spool_drop(spool *s, const char *key)
{
    if (json_object_del(s->all, key) == 0)
        spool_text_drop(&s->pending, key);
}

static int flush(const spool *s)
{
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_SYNC, OB_POINT_BEFORE);
    if (fdatasync(s->fd) < 0)
        return -errno;
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_SYNC, OB_POINT_AFTER);
    return 0;
}

int spool_write(spool *s, ob_error *err)
{
    if (s->pending.len == 0)
        return 0;
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_WRITE, OB_POINT_BEFORE);
    int r = write_all(s->fd, s->pending.at, s->pending.len);
    if (r < 0) {
        if (ftruncate(s->fd, s->size) == 0)
            (void)lseek(s->fd, s->size, SEEK_SET);
        return ob_fail(err, -r, "spool: %s", strerror(-r));
    }
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_WRITE, OB_POINT_AFTER);
    s->size += (off_t)s->pending.len;
    ob_buf_clear(&s->pending);
    return 0;
}

int spool_sync(spool *s, ob_error *err)
{
    int r = spool_write(s, err);
    if (r < 0)
        return r;
    /* After a failed flush the kernel marks the pages clean: only new ones can be trusted. */
    if (s->size > s->live_size * 4 + COMPACT_BYTES || (s->want_sync && flush(s) < 0))
        return compact(s, err);
    s->want_sync = false;
    return 0;
}
