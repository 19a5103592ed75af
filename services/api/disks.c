/* Checks free disk space, because no other program reports a full disk clearly: PostgreSQL ends and
 * is restarted, Kafka closes its log. Jobs are refused while there is still space for the data of
 * accepted ones. Owns a thread; a folder on a disk that does not answer blocks only this thread.
 * Callers see the names in 'list' and the folders. */
#include "disks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"

#define LOOK_MS 1000
#define DISKS_MAX 16
#define LEAST_BYTES                                                                                \
    (16LL << 20)      /* the size of a segment of its log, without which PostgreSQL ends */
#define LEAST_PART 20 /* of a small disk, a twentieth */

typedef struct disk {
    char *name, *folder;
    bool needed, full;
    long long free_mib;
    unsigned long id; /* of the file system */
} disk;

struct disks {
    disk all[DISKS_MAX];
    size_t n;
    atomic_bool full;
    char *told; /* the text told last; the thread's own */
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t wake;
    bool stopping;
};

static void look(disk *d)
{
    struct statvfs s;
    if (statvfs(d->folder, &s) < 0) /* not there yet */
        return;
    long long block = (long long)s.f_frsize, room = (long long)s.f_bavail * block;
    long long least = (long long)s.f_blocks * block / LEAST_PART;
    d->full = room < (least < LEAST_BYTES ? least : LEAST_BYTES);
    d->free_mib = room >> 20;
    d->id = s.f_fsid;
}

/* A text about the full disks, each once, with the names of all folders on it. Caller owns it;
 * NULL: none is full. */
static char *in_words(const disks *d)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    const char *separator = "";
    for (size_t i = 0; i < d->n; i++) {
        const disk *one = &d->all[i];
        bool told = !one->full;
        for (size_t j = 0; j < i; j++)
            told |= d->all[j].full && d->all[j].id == one->id;
        if (told)
            continue;
        (void)fprintf(out, "%sthe disk with %s", separator, one->folder);
        separator = "; ";
        for (size_t j = i; j < d->n; j++)
            if (d->all[j].full && d->all[j].id == one->id)
                (void)fprintf(out, "%s%s", j == i ? " (" : ", ", d->all[j].name);
        (void)fprintf(out, ") is full: %lld MiB free", one->free_mib);
    }
    (void)fclose(out);
    if (len > 0)
        return text;
    free(text);
    return NULL;
}

static void look_at_all(disks *d)
{
    bool full = false;
    for (size_t i = 0; i < d->n; i++) {
        look(&d->all[i]);
        full |= d->all[i].full && d->all[i].needed;
    }
    ob_cleanup(ob_freep) char *text = in_words(d);
    atomic_store(&d->full, full);
    ob_health_set("disk", full, text == NULL, text ? text : "has room");
    if (!text == !d->told)
        return;
    if (text)
        ob_warn("disk.filled", "{s:o}", "text", ob_json_text(text));
    else
        ob_info("disk.freed", NULL);
    free(d->told);
    d->told = ob_take(text);
}

static void *watch(void *arg)
{
    disks *d = arg;
    (void)pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        (void)pthread_mutex_unlock(&d->lock);
        look_at_all(d);
        (void)pthread_mutex_lock(&d->lock);
        if (!d->stopping)
            (void)ob_cond_wait_until(&d->wake, &d->lock, ob_mono_ms() + LOOK_MS);
    }
    (void)pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* One NAME=FOLDER; changes 'text'. */
static int add(disks *d, char *text, ob_error *err)
{
    char *mark = strpbrk(text, "=~");
    if (!mark || mark == text || mark[1] != '/' || d->n == DISKS_MAX)
        return ob_fail(err, EINVAL,
                       "OPENBATCH_DISKS must be a list of at most %d NAME=FOLDER;..., not \"%s\"",
                       DISKS_MAX, text);
    disk *one = &d->all[d->n++];
    one->needed = *mark == '=';
    *mark = '\0';
    one->name = ob_strdup(text);
    one->folder = ob_strdup(mark + 1);
    return 0;
}

static void free_all(disks *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->all[i].name);
        free(d->all[i].folder);
    }
    free(d->told);
    free(d);
}

int disks_start(const char *list, disks **ret, ob_error *err)
{
    disks *d = ob_calloc(1, sizeof(*d));
    ob_cleanup(ob_freep) char *copy = ob_strdup(list);
    char *save = NULL;
    int r = 0;
    for (char *one = strtok_r(copy, ";", &save); one && r == 0; one = strtok_r(NULL, ";", &save))
        r = add(d, one, err);
    if (r < 0) {
        free_all(d);
        return r;
    }
    (void)pthread_mutex_init(&d->lock, NULL);
    ob_cond_init(&d->wake);
    int e = pthread_create(&d->thread, NULL, watch, d);
    if (e != 0) {
        free_all(d);
        return ob_fail(err, e, "cannot start a thread: %s", strerror(e));
    }
    *ret = d;
    return 0;
}

void disks_stop(disks *d)
{
    if (!d)
        return;
    (void)pthread_mutex_lock(&d->lock);
    d->stopping = true;
    (void)pthread_cond_signal(&d->wake);
    (void)pthread_mutex_unlock(&d->lock);
    (void)pthread_join(d->thread, NULL);
    (void)pthread_cond_destroy(&d->wake);
    (void)pthread_mutex_destroy(&d->lock);
    free_all(d);
}

bool disks_are_full(const disks *d)
{
    return d && atomic_load(&d->full);
}
