/* Pulls images: one pull for all containers that wait for the same image, platform and credentials.
 * Owns the pulls. A pull for which no container waits any more continues, because the next job
 * needs the image. A pull of which the engine reports nothing for a long time is given up; the
 * engine then gives it up too, because its client is gone. Credentials are a job's own
 * (repositoryCredentials) or from Docker's configuration; they are never logged. Thread: the
 * loop's */
#include "docker_pull.h"

#include <string.h>
#include <uthash.h>

#include "container.h"
#include "docker_auth.h"
#include "docker_down.h"
#include "docker_error.h"
#include "docker_feed.h"
#include "docker_moves.h"
#include "docker_spec.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"

typedef enum pull_result {
    PULL_OK,
    PULL_CUT, /* the engine is away */
    PULL_REFUSED,
} pull_result;

struct pull {
    docker *d;
    char *key; /* image, platform, credentials */
    char *image;
    ob_http_call *call;
    loop_timer stall_timer; /* from the last sign of progress */
    int64_t begun_ms;       /* monotonic */
    ob_buf line;            /* the incomplete line of the progress */
    bool waits;             /* its last line says that it waits for its turn */
    char error[1024];
    UT_hash_handle hh;
};

static void expect_progress(pull *p)
{
    loop_timer_set(p->d->base.config.loop, &p->stall_timer, p->d->base.config.pull_stall_ms);
}

static void take_progress(const char *line, size_t len, void *arg)
{
    pull *p = arg;
    json_auto_t *entry = ob_json_read(line, len);
    const char *error = json_string_value(json_object_get(entry, "error"));
    if (error)
        ob_text_format(p->error, sizeof(p->error), "%s", error);
    p->waits = strcmp(ob_json_str(entry, "status", ""), "Waiting") == 0;
}

/* Engines download a few layers at a time: a pull that waits for its turn makes progress with the
 * others. A pull that makes no progress in its turn blocks the others. */
static void note_progress(pull *p)
{
    expect_progress(p);
    for (pull *other = p->d->pulls; other; other = other->hh.next)
        if (other->waits)
            expect_progress(other);
}

static bool on_data(const char *data, size_t len, void *arg)
{
    pull *p = arg;
    note_progress(p);
    return docker_feed(&p->line, data, len, take_progress, p);
}

static void pull_free(pull *p)
{
    HASH_DEL(p->d->pulls, p);
    loop_timer_stop(p->d->base.config.loop, &p->stall_timer);
    ob_http_drop(p->call);
    free(p->key);
    free(p->image);
    ob_buf_done(&p->line);
    free(p);
}

/* Containers that wait for it continue (PULL_OK), try again (PULL_CUT) or end. */
static void pull_end(pull *p, pull_result result, const char *why)
{
    docker *d = p->d;
    bool ok = result == PULL_OK;
    const runtime_callbacks *on = &d->base.config.on;
    int64_t took_ms = ob_mono_ms() - p->begun_ms;
    ob_info("image.pulled", "{s:s, s:b, s:s, s:I}", "image", p->image, "ok", ok, "error",
            ok ? "" : why, "ms", (json_int_t)took_ms);
    if (on->pulled)
        on->pulled(ok, took_ms, on->arg);
    container *c, *next;
    HASH_ITER(hh, d->containers, c, next)
    {
        if (c->pull != p)
            continue;
        c->pull = NULL;
        if (result != PULL_REFUSED) {
            c->pulled = ok;
            container_set_step(c, STEP_QUEUED);
        } else {
            ob_cleanup(ob_freep) char *reason =
                ob_strf("CannotPullContainerError: the container engine %s has no image %s: %s",
                        d->base.config.engine, p->image, why);
            container_end_unstarted(c, reason);
        }
    }
    docker_dirty(d);
    pull_free(p);
}

static void on_reply(const ob_http_reply *reply, void *arg)
{
    pull *p = arg;
    char text[1024];
    p->call = NULL;
    take_progress(p->line.at ? p->line.at : "", p->line.len, p);
    const char *why = p->error[0] ? p->error : docker_error_text(reply, text, sizeof(text));
    if (reply->status == 0)
        docker_down(p->d, why);
    pull_end(p,
             reply->status == 0                     ? PULL_CUT
             : reply->status == 200 && !p->error[0] ? PULL_OK
                                                    : PULL_REFUSED,
             why);
}

static void on_stall(void *arg)
{
    pull *p = arg;
    char why[128];
    (void)snprintf(why, sizeof(why),
                   "inactivity time exceeded timeout while pulling image: no progress for %lld ms",
                   (long long)p->d->base.config.pull_stall_ms);
    pull_end(p, PULL_REFUSED, why);
}

static pull *pull_new(docker *d, const char *key, const char *image, const container *c)
{
    pull *p = ob_calloc(1, sizeof(*p));
    p->d = d;
    p->key = ob_strdup(key);
    p->image = ob_strdup(image);
    p->begun_ms = ob_mono_ms();
    p->stall_timer = (loop_timer){ .fn = on_stall, .arg = p };
    HASH_ADD_KEYPTR(hh, d->pulls, p->key, strlen(p->key), p);
    ob_cleanup(ob_freep) char *own = NULL;
    const char *auth = c->auth;
    if (!auth) {
        own = docker_auth_from_file(d->base.config.credentials, image);
        auth = own;
    }
    ob_cleanup(ob_freep) char *header = auth ? ob_strf("X-Registry-Auth: %s", auth) : NULL;
    ob_cleanup(ob_freep) char *query = docker_spec_pull_query(image, c->platform);
    ob_cleanup(ob_freep) char *path = ob_strf("%s/images/create?%s", d->api, query);
    p->call = ob_http_send(d->http, OB_POINT_EXECUTOR_PULL,
                           &(ob_http_request){ .method = "POST",
                                               .path = path,
                                               .header = header,
                                               .on_data = on_data,
                                               .on_reply = on_reply,
                                               .arg = p });
    expect_progress(p);
    return p;
}

void pull_join(container *c)
{
    docker *d = c->d;
    const char *image = json_string_value(json_object_get(c->body, "Image"));
    ob_cleanup(ob_freep) char *key =
        ob_strf("%s\n%s\n%s", image, c->platform ? c->platform : "", c->auth ? c->auth : "");
    pull *p = NULL;
    HASH_FIND_STR(d->pulls, key, p);
    if (!p)
        p = pull_new(d, key, image, c);
    container_set_step(c, STEP_PULL);
    c->pull = p;
}

void pull_leave(container *c)
{
    c->pull = NULL;
}

void pull_free_all(docker *d)
{
    pull *p, *next;
    HASH_ITER(hh, d->pulls, p, next)
    pull_free(p);
}
