/* What follows when the engine does not answer: nothing is sent until docker_engine.c has connected
 * again. It tries after a time that grows from 100 ms to 1 s. Owns nothing. Thread: the loop's. */
#include "docker_down.h"

#include "ob/clock.h"
#include "ob/log.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 1000

void docker_drop_calls(docker *d)
{
    ob_http_drop(d->hello);
    ob_http_drop(d->events);
    ob_http_drop(d->listing);
    d->hello = d->events = d->listing = NULL;
    ob_buf_clear(&d->event);
    for (container *c = d->containers; c; c = c->hh.next)
        c->die_published = false;
}

void docker_down(docker *d, const char *why)
{
    if (!d->up && d->connect_timer.armed)
        return;
    if (!d->down_logged) {
        ob_warn("engine.lost", "{s:s}", "error", why);
        ON(d)->engine(false, why, ON(d)->arg);
    }
    d->down_logged = true;
    if (d->up)
        d->last_up_ms = ob_wall_ms();
    d->up = false;
    d->away_ms = ob_wall_ms();
    docker_drop_calls(d);
    d->backoff_ms = d->backoff_ms ? d->backoff_ms * 2 : BACKOFF_MIN_MS;
    if (d->backoff_ms > BACKOFF_MAX_MS)
        d->backoff_ms = BACKOFF_MAX_MS;
    loop_timer_set(d->base.config.loop, &d->connect_timer, d->backoff_ms);
}
