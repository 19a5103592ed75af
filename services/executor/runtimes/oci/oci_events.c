/* Watches folders: what a keeper writes is looked at in the same turn of the loop. Changes that the
 * kernel could not keep for us make it look at all. Owns the inotify descriptor. Thread: the
 * loop's. */
#include "oci_events.h"

#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "oci_container.h"
#include "oci_look.h"
#include "oci_words.h"

static void look_at(oci *o, int watch)
{
    oci_container *c, *next;
    HASH_ITER(hh, o->containers, c, next)
    if (watch < 0 || c->watch == watch)
        oci_look(c);
}

static void on_events(int fd, uint32_t events, void *arg)
{
    oci *o = arg;
    char data[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(fd, data, sizeof(data));
    int last = -2;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const struct inotify_event *)(data + at);
        at += (ssize_t)(sizeof(*event) + event->len);
        bool is_ours = event->len > 0 && (strcmp(event->name, OCI_STATE_FILE) == 0 ||
                                          strcmp(event->name, OCI_OUTPUT_FILE) == 0);
        if ((is_ours && event->wd != last) || (event->mask & IN_Q_OVERFLOW))
            look_at(o, event->wd);
        if (is_ours)
            last = event->wd;
    }
}

int oci_events_open(oci *o, ob_error *err)
{
    o->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (o->notify < 0)
        return ob_fail(err, errno, "inotify_init1: %s", strerror(errno));
    return loop_watch(o->base.config.loop, o->notify, EPOLLIN, on_events, o, err);
}

void oci_events_close(oci *o)
{
    if (o->notify <= 0)
        return;
    loop_unwatch(o->base.config.loop, o->notify);
    (void)close(o->notify);
}

int oci_events_watch(oci_container *c, ob_error *err)
{
    c->watch = inotify_add_watch(c->o->notify, c->folder, IN_MODIFY | IN_ONLYDIR);
    return c->watch < 0 ? ob_fail(err, errno, "inotify_add_watch: %s", strerror(errno)) : 0;
}
