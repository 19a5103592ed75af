/* Pulling images: one pull for all containers that wait for the same image, platform and
 * credentials. Owns the pulls; a pull that nobody waits for any more goes on (the next job wants
 * it). Credentials are a job's own (repositoryCredentials) or Docker's configuration's; they are
 * never logged. Thread: the loop's. */
#include <string.h>
#include <uthash.h>

#include "docker_auth.h"
#include "docker_internal.h"
#include "docker_spec.h"
#include "ob/log.h"

struct pull {
    docker *d;
    char *key; /* image, platform, credentials */
    char *image;
    http_call *call;
    char *line; /* the incomplete line of the progress */
    size_t len, cap;
    char error[1024];
    UT_hash_handle hh;
};

static void take_progress(pull *p, const char *line, size_t len)
{
    json_auto_t *entry = json_loadb(line, len, 0, NULL);
    const char *error = json_string_value(json_object_get(entry, "error"));
    if (error)
        (void)snprintf(p->error, sizeof(p->error), "%s", error);
}

static bool on_data(const char *data, size_t len, void *arg)
{
    pull *p = arg;
    for (size_t i = 0; i < len; i++) {
        if (p->len + 1 > p->cap) {
            p->cap = p->cap ? p->cap * 2 : 512;
            p->line = ob_realloc(p->line, p->cap);
        }
        if (data[i] != '\n') {
            p->line[p->len++] = data[i];
            continue;
        }
        take_progress(p, p->line, p->len);
        p->len = 0;
    }
    return true;
}

static void pull_free(pull *p)
{
    HASH_DEL(p->d->pulls, p);
    http_drop(p->call);
    free(p->key);
    free(p->image);
    free(p->line);
    free(p);
}

static void on_reply(const http_reply *reply, void *arg)
{
    pull *p = arg;
    docker *d = p->d;
    char text[1024];
    p->call = NULL;
    take_progress(p, p->line ? p->line : "", p->len);
    bool ok = reply->status == 200 && !p->error[0];
    const char *why = p->error[0] ? p->error : docker_error_text(reply, text, sizeof(text));
    if (reply->status == 0)
        docker_down(d, why);
    ob_info("image.pulled", "{s:s, s:b, s:s}", "image", p->image, "ok", ok, "text", ok ? "" : why);
    container *c, *next;
    HASH_ITER(hh, d->containers, c, next)
    {
        if (c->pull != p)
            continue;
        c->pull = NULL;
        if (ok || reply->status == 0) {
            c->pulled = ok;
            c->step = STEP_QUEUED;
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

static pull *pull_new(docker *d, const char *key, const char *image, const container *c)
{
    pull *p = ob_calloc(1, sizeof(*p));
    p->d = d;
    p->key = ob_strdup(key);
    p->image = ob_strdup(image);
    HASH_ADD_KEYPTR(hh, d->pulls, p->key, strlen(p->key), p);
    ob_cleanup(ob_freep) char *own = NULL;
    const char *auth = c->auth;
    if (!auth)
        auth = own = docker_auth_from_file(d->base.config.docker_config, image);
    ob_cleanup(ob_freep) char *header = auth ? ob_strf("X-Registry-Auth: %s", auth) : NULL;
    ob_cleanup(ob_freep) char *query = docker_spec_pull_query(image, c->platform);
    ob_cleanup(ob_freep) char *path = ob_strf("%s/images/create?%s", d->api, query);
    p->call = http_send(d->http, &(http_request){ .method = "POST",
                                                  .path = path,
                                                  .header = header,
                                                  .on_data = on_data,
                                                  .on_reply = on_reply,
                                                  .arg = p });
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
    c->step = STEP_PULL;
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
