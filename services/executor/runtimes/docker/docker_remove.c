/* Removes containers and the volumes made for them: two at a time, after what is to be started, and
 * without a short time limit, because an engine may need long. Owns the count of removals. Thread:
 * the loop's. */
#include "docker_remove.h"

#include <string.h>

#include "container.h"
#include "docker_error.h"
#include "ob/clock.h"
#include "ob/log.h"

#define REMOVALS 2
#define REMOVALS_TRIED 20
#define RETRY_MS 500

static void finish_removal(container *c)
{
    docker *d = c->d;
    char run[OB_RUN_TEXT];
    memcpy(run, c->run, sizeof(run));
    container_free(c);
    if (!d->purging)
        ON(d)->removed(run, ON(d)->arg);
    else if (!d->containers)
        ON(d)->purged(ON(d)->arg);
}

static void on_volume_removed(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    c->d->removing--;
    if (container_answered(c, reply))
        (void)json_array_remove(c->volumes, 0);
}

static void on_removed(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    c->d->removing--;
    if (!container_answered(c, reply))
        return;
    if (reply->status == 204 || reply->status == 404) {
        c->exists = false;
        return;
    }
    char text[512];
    container_wait(c, RETRY_MS);
    if (++c->removals < REMOVALS_TRIED)
        return;
    ob_warn("container.abandoned", "{s:s, s:s}", "run", c->run, "error",
            docker_error_text(reply, text, sizeof(text)));
    c->exists = false;
}

void remove_go(container *c)
{
    if (c->removals == 0 && c->d->slots_used > 0 && c->d->removing > 0)
        return; /* starting goes first */
    if (c->d->removing >= REMOVALS)
        return;
    if (c->exists) {
        ob_cleanup(ob_freep) char *path =
            ob_strf("%s/containers/%s?v=1%s", c->d->api, c->name, c->force ? "&force=1" : "");
        c->d->removing++;
        container_request(c, OB_POINT_EXECUTOR_REMOVE, "DELETE", path, NULL, on_removed);
    } else if (json_array_size(c->volumes) > 0) {
        const char *name = json_string_value(json_array_get(c->volumes, 0));
        ob_cleanup(ob_freep) char *path = ob_strf("%s/volumes/%s", c->d->api, name);
        c->d->removing++;
        container_request(c, OB_POINT_EXECUTOR_REMOVE_VOLUME, "DELETE", path, NULL,
                          on_volume_removed);
    } else {
        finish_removal(c);
    }
}
