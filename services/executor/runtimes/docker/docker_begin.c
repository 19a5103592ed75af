/* The start of a container: a spec becomes the body of its creation, with the secrets and GPUs that
 * it names; then it is created and started. A body contains secrets' values: it is kept until the
 * engine has it and never logged, and the values are hidden in the engine's texts about it. Thread:
 * the loop's. */
#include "docker_begin.h"

#include <string.h>

#include "container.h"
#include "docker_auth.h"
#include "docker_error.h"
#include "docker_gpus.h"
#include "docker_inspect.h"
#include "docker_leftover.h"
#include "docker_moves.h"
#include "docker_pull.h"
#include "docker_spec.h"
#include "docker_unwell.h"
#include "docker_use.h"
#include "host/secrets.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "runtimes/properties.h"

#define FOLLOW_AFTER_MS 30

/* ---- prepare ---- */

/* What a spec needs, collected before its container is created. */
typedef struct plan {
    json_t *secrets, *log_secrets;
    char *auth, *gpus;
    const char *platform;
} plan;

static void plan_done(plan *p)
{
    json_decref(p->secrets);
    json_decref(p->log_secrets);
    free(p->auth);
    free(p->gpus);
}

static int plan_auth(const char *dir, const json_t *job, plan *p, ob_error *err)
{
    const char *from =
        ob_json_str(json_object_get(job, "repositoryCredentials"), "credentialsParameter", NULL);
    ob_cleanup(ob_freep) char *secret = NULL;
    int r = from ? secrets_read(dir, from, &secret, err) : 0;
    if (r == 0 && secret)
        r = docker_auth_from_secret(secret, ob_json_str(job, "image", ""), &p->auth, err);
    return r;
}

/* ECS's words for failures before a container can be created. */
static int plan_secrets(const char *dir, const json_t *job, plan *p, ob_error *err)
{
    const json_t *log = json_object_get(job, "logConfiguration");
    int r = secrets_read_all(dir, json_object_get(job, "secrets"), &p->secrets, err);
    if (r == 0)
        r = secrets_read_all(dir, json_object_get(log, "secretOptions"), &p->log_secrets, err);
    if (r == 0)
        r = plan_auth(dir, job, p, err);
    if (r < 0)
        ob_error_context(err, "ResourceInitializationError: unable to pull secrets or registry "
                              "auth");
    return r;
}

/* The values of both, for secrets_hide. */
static json_t *all_values(const plan *p)
{
    json_t *all = json_copy(p->secrets);
    const char *name;
    json_t *value;
    json_object_foreach(p->log_secrets, name, value)
    {
        ob_cleanup(ob_freep) char *key = ob_strf("log option %s", name);
        (void)json_object_set(all, key, value);
    }
    return all;
}

static int plan_body(docker_spec *in,
                     const ob_host_guard *guard,
                     plan *p,
                     json_t **body,
                     json_t **volumes,
                     ob_error *err)
{
    int r = property_platform(in->spec, &p->platform, err);
    if (r == 0)
        r = ob_host_guard_check(guard, json_object_get(in->spec, "container"), true, err);
    in->secrets = p->secrets;
    in->log_secrets = p->log_secrets;
    in->gpus = p->gpus;
    if (r == 0)
        r = docker_spec_body(in, body, volumes, err);
    if (r < 0)
        ob_error_context(err, "CannotCreateContainerError");
    return r;
}

int begin_prepare(
    docker *d, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    const runtime_config *config = &d->base.config;
    const json_t *job = json_object_get(spec, "container");
    docker_spec in = { .ref = ref,
                       .attempt = attempt,
                       .spec = spec,
                       .home = config->home,
                       .copy = d->settings->copy,
                       .instance = config->instance,
                       .ce = config->ce,
                       .pids_limit = d->pids_limit };
    ob_cleanup(plan_done) plan p = { 0 };
    json_t *body = NULL, *volumes = NULL;
    int gpus = docker_gpus_wanted(spec);
    int r = gpus > 0 ? docker_gpus_take(d, gpus, &p.gpus, err) : 0;
    if (r < 0 && r != -EBUSY)
        ob_error_context(err, "CannotCreateContainerError");
    if (r == 0)
        r = plan_secrets(d->base.config.secrets_dir, job, &p, err);
    if (r == 0)
        r = plan_body(&in, d->guard, &p, &body, &volumes, err);
    if (r < 0)
        return r;
    char run[OB_RUN_TEXT];
    ob_run_ref_format(ref, run);
    container *c = docker_add(d, run, STEP_QUEUED);
    c->body = body;
    c->volumes = volumes;
    c->platform = p.platform;
    c->hidden = all_values(&p);
    c->auth = ob_take(p.auth);
    c->gpus = ob_take(p.gpus);
    if (follow)
        container_set_output(c, OUTPUT_IDLE);
    return 0;
}

/* ---- create and start ---- */

/* The engine does not have it, or has it for another platform. */
static bool speaks_of_image(const char *text)
{
    return strstr(text, "No such image") || strstr(text, "does not match the specified platform");
}

static void on_create(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    c->create_lost |= reply->status == 0;
    if (!container_answered(c, reply))
        return;
    if (reply->status == 201) {
        json_auto_t *body = ob_json_read(reply->body, reply->len);
        container_take_id(c, body);
        c->created_at_ms = ob_wall_ms();
        container_set_step(c, STEP_START);
        json_decref(ob_take(c->body));
    } else if (reply->status == 409) {
        if (!c->create_lost) /* something else created it and may have started it */
            container_set_start(c, START_UNKNOWN);
        container_set_step(c, STEP_INSPECT);
    } else if (reply->status == 404 && speaks_of_image(reply->body)) {
        c->exists = false;
        c->pulled_at_ms = 0;
        if (c->pulled)
            container_end_failed(c, "CannotPullContainerError", reply, -1);
        else
            pull_join(c);
    } else if (reply->status >= 500) {
        ob_cleanup(ob_freep) char *text = docker_error_dup(reply, c->hidden);
        c->exists = false;
        docker_doubt(c, text);
    } else {
        c->exists = false;
        container_end_failed(c, "CannotCreateContainerError", reply, -1);
    }
}

void begin_create(container *c)
{
    ob_cleanup(ob_freep) char *path =
        ob_strf("%s/containers/create?name=%s%s%s", c->d->api, c->name,
                c->platform ? "&platform=" : "", c->platform ? c->platform : "");
    c->exists = true;
    c->pulled_at_ms = ob_wall_ms();
    docker_probe_image(c->d, ob_json_str(c->body, "Image", NULL));
    container_request(c, OB_POINT_EXECUTOR_CREATE, "POST", path, c->body, on_create);
}

/* A shell's exit code for a command that it cannot run; -1: that is not the cause. */
static int command_code(const char *text)
{
    if (!strstr(text, "exec: \\\"")) /* as JSON has it */
        return -1;
    if (strstr(text, "executable file not found") || strstr(text, "no such file or directory"))
        return 127;
    return strstr(text, "permission denied") || strstr(text, "is a directory") ? 126 : -1;
}

static void take_started(container *c)
{
    docker_use_begin(c);
    json_decref(ob_take(c->hidden));
    container_tell_running(c, c->started_at_ms ? c->started_at_ms : ob_wall_ms());
    container_set_step(c, STEP_RUN);
    if (c->died)
        container_set_step(c, STEP_INSPECT);
    /* Most short containers have ended by then, so they are read once instead of being followed. */
    c->out.retry_at_ms = ob_boot_ms() + FOLLOW_AFTER_MS;
    docker_later(c->d, FOLLOW_AFTER_MS);
}

static void take_refusal(container *c, const ob_http_reply *reply)
{
    ob_cleanup(ob_freep) char *text = docker_error_dup(reply, c->hidden);
    switch (docker_refusal_of(text)) {
    case REFUSAL_OF_THE_JOB:
        container_end_failed(c, "CannotStartContainerError", reply, command_code(reply->body));
        break;
    case REFUSAL_NOT_BEGUN:
        c->force = true; /* a part of it may exist */
        (void)docker_leftover_end(c->id ? c->id : "", NULL);
        docker_set_unwell(c->d, text);
        container_end_unstarted(c, NULL);
        break;
    case REFUSAL_UNCLEAR:
        docker_set_unwell(c->d, text);
        container_end_doubtful(c, text, true);
        break;
    }
}

static void on_start(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    if (!container_answered(c, reply)) {
        /* Unless nothing was sent, it may run, may have run, or may not. */
        container_set_step(c, reply->unsent ? STEP_INTENT : STEP_INSPECT);
        c->d->intents |= reply->unsent;
        return;
    }
    if (reply->status == 204 || reply->status == 304)
        take_started(c);
    else
        take_refusal(c, reply);
}

void begin_start(container *c)
{
    spool_set(c->d->base.config.spool, c->run, "intent", ob_json_text(c->d->boot), true);
    container_set_step(c, STEP_INTENT);
    c->d->intents = true;
}

void begin_start_intended(container *c)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/containers/%s/start", c->d->api, c->name);
    container_set_start(c, START_INTENDED);
    container_set_step(c, STEP_STARTING);
    c->op = ob_http_send(
        c->d->http, OB_POINT_EXECUTOR_START,
        &(ob_http_request){
            .method = "POST", .path = path, .only_once = true, .on_reply = on_start, .arg = c });
}
