/* Begins containers: what a job's spec needs is collected, then its image, then its folder is made,
 * and when the disk has that it is to be started, its keeper starts. config.json has secrets'
 * values: only root can read it, and its keeper removes it. Thread: the loop's. */
#include "oci_begin.h"

#include <string.h>
#include <sys/stat.h>

#include "host/secrets.h"
#include "ob/json.h"
#include "ob/message.h"
#include "oci_config.h"
#include "oci_container.h"
#include "oci_devices.h"
#include "oci_events.h"
#include "oci_folder.h"
#include "oci_follow.h"
#include "oci_look.h"
#include "oci_unwell.h"
#include "runtimes/gpus.h"
#include "runtimes/properties.h"

#define SLOTS 8

/* ---- what a spec needs ---- */

static int gpus_wanted(const json_t *container)
{
    return (int)property_resource(container, "GPU", NULL);
}

/* A GPU is free again when its container's end is known. */
static int take_gpus(const oci *o, int n, char **ret, ob_error *err)
{
    gpu_use use = { 0 };
    for (const oci_container *c = o->containers; c; c = c->hh.next)
        if (!OCI_ENDED(c))
            gpus_mark(&use, c->gpus);
    return gpus_select(&use, o->base.config.gpus, n, ret, err);
}

/* ECS's words for failures before a container can be created. */
static int
read_secrets(const char *dir, const json_t *job, json_t **secrets, char **login, ob_error *err)
{
    const char *from =
        ob_json_str(json_object_get(job, "repositoryCredentials"), "credentialsParameter", NULL);
    int r = secrets_read_all(dir, json_object_get(job, "secrets"), secrets, err);
    if (r == 0 && from)
        r = secrets_read(dir, from, login, err);
    if (r < 0)
        ob_error_context(err, "ResourceInitializationError: unable to pull secrets or registry "
                              "auth");
    return r;
}

static int check(const oci *o, const json_t *spec, const char **platform, ob_error *err)
{
    const json_t *job = json_object_get(spec, "container");
    const char *image = ob_json_str(job, "image", "");
    int r = property_platform(spec, platform, err);
    if (r == 0)
        r = ob_host_guard_check(o->guard, job, true, err);
    if (r == 0 && !*image)
        r = ob_fail(err, EINVAL, "the job has no image");
    if (r < 0)
        ob_error_context(err, "CannotCreateContainerError");
    return r;
}

static bool has_stream(const oci_container *c)
{
    return c->following != OCI_OUTPUT_UNWANTED;
}

int oci_begin_prepare(
    oci *o, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    const json_t *job = json_object_get(spec, "container");
    ob_cleanup(ob_freep) char *gpus = NULL, *login = NULL;
    json_auto_t *secrets = NULL;
    const char *platform = NULL;
    int wanted = gpus_wanted(job), r = check(o, spec, &platform, err);
    if (r == 0 && wanted > 0) {
        r = take_gpus(o, wanted, &gpus, err);
        if (r < 0 && r != -EBUSY)
            ob_error_context(err, "CannotCreateContainerError");
    }
    if (r == 0)
        r = read_secrets(o->base.config.secrets_dir, job, &secrets, &login, err);
    if (r < 0)
        return r;
    char run[OB_RUN_TEXT];
    ob_run_ref_format(ref, run);
    oci_container *c = oci_add(o, run, OCI_STEP_QUEUED);
    c->attempt = attempt;
    c->spec = json_incref((json_t *)spec);
    c->secrets = ob_take(secrets);
    c->login = ob_take(login);
    c->gpus = ob_take(gpus);
    c->platform = platform;
    if (follow)
        oci_follow_begin(c, 0);
    return 0;
}

/* ---- the folder ---- */

static int make_sources(const json_t *sources, ob_error *err)
{
    size_t i;
    const json_t *item;
    json_array_foreach(sources, i, item)
    {
        struct stat at;
        const char *path = json_string_value(item);
        int r = stat(path, &at) == 0 ? 0 : oci_folder_path(path, 0755, 0755, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int make_config(const oci_container *c, oci_config *ret, ob_error *err)
{
    const oci *o = c->o;
    const json_t *image = c->image->config;
    json_auto_t *devices = NULL;
    ob_run_ref ref;
    oci_user user;
    (void)ob_run_ref_parse(c->run, &ref);
    oci_input in = { .ref = &ref,
                     .attempt = c->attempt,
                     .spec = c->spec,
                     .ce = o->base.config.ce,
                     .secrets = c->secrets,
                     .gpus = c->gpus,
                     .image = image,
                     .user = &user,
                     .host = &o->host,
                     .folder = c->folder,
                     .group = c->group,
                     .keeper = o->programs.keeper,
                     .gpu_hook = o->programs.gpu_hook };
    int r = oci_user_read(c->image->root, oci_config_user(c->spec, image), &user, err);
    if (r == 0)
        r = oci_devices_find(json_object_get(c->spec, "container"), &devices, err);
    if (r < 0) { /* Docker finds these only at the start */
        ob_error_context(err, "CannotStartContainerError");
        return r;
    }
    in.devices = devices;
    r = oci_config_make(&in, ret, err);
    if (r == 0)
        r = make_sources(ret->sources, err);
    if (r < 0)
        ob_error_context(err, "CannotCreateContainerError");
    return r;
}

static void make(oci_container *c)
{
    oci *o = c->o;
    ob_error err = { 0 };
    ob_cleanup(oci_config_done) oci_config config = { 0 };
    c->pulled_at_ms = ob_wall_ms();
    if (make_config(c, &config, &err) < 0) {
        oci_end_failed(c, "%s", err.text);
        return;
    }
    c->volumes = json_incref(config.volumes);
    c->stop_signal = oci_config_stop_signal(c->image->config);
    if (oci_folder_make(c->folder, config.body, o->boot, &c->state_fd, &err) < 0 ||
        oci_events_watch(c, &err) < 0) {
        oci_doubt(c, err.text);
        return;
    }
    spool_set(o->base.config.spool, c->run, "intent", ob_json_text(o->boot), true);
    oci_set_step(c, OCI_STEP_INTENT);
    o->intents = true;
}

/* ---- the image ---- */

static void on_image(const oci_image *image, const char *error, void *arg)
{
    oci_container *c = arg;
    c->wait = NULL;
    c->image = image;
    oci_dirty(c->o);
    if (!image)
        oci_end_failed(c, "CannotPullContainerError: %s", error);
}

static void get_image(oci_container *c)
{
    const oci_image_request request = { .name = ob_json_str(json_object_get(c->spec, "container"),
                                                            "image", ""),
                                        .platform = c->platform,
                                        .login = c->login };
    c->image = oci_images_get(c->o->images, &request);
    if (!c->image)
        c->wait = oci_images_wait(c->o->images, &request, on_image, c);
}

void oci_begin_go(oci_container *c)
{
    if (c->grace_s >= 0 || *c->o->unwell) {
        oci_end_unstarted(c, NULL);
        return;
    }
    if (!c->image && !c->wait)
        get_image(c);
    if (c->image && c->o->slots_used < SLOTS)
        make(c);
}

/* ---- the keeper ---- */

void oci_begin_intended(oci_container *c)
{
    oci *o = c->o;
    ob_error err = { 0 };
    const oci_keeping keeping = { .place = oci_place_of(o, c->name),
                                  .host = &o->host,
                                  .lower = c->image->root,
                                  .copy = o->copies,
                                  .stop_signal = c->stop_signal,
                                  .output = has_stream(c),
                                  .output_limit = o->settings->output_bytes,
                                  .volumes = c->volumes,
                                  .state_fd = c->state_fd,
                                  .image_fd = c->image->lock_fd };
    c->keeper.on_exit = oci_on_keeper_end;
    c->keeper.arg = c;
    if (oci_keeper_start(&c->keeper, &keeping, &err) < 0) {
        oci_doubt(c, err.text);
        return;
    }
    oci_set_step(c, OCI_STEP_BEGIN);
    oci_drop_plan(c);
}
