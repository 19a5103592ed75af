/* Batch's container properties as a container of the Docker Engine (AWS Batch API reference:
 * ContainerProperties); docker_host.c makes HostConfig. Owns nothing, does no I/O. Members that
 * this engine cannot provide are refused, never dropped; members without meaning for an engine
 * (roles, subnets) are ignored. Any thread. */
#include "docker_spec.h"

#include <string.h>

#include "docker_host.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "runtimes/properties.h"

const char *docker_spec_image(const json_t *spec)
{
    return ob_json_str(json_object_get(spec, "container"), "image", NULL);
}

static void set(json_t *obj, const char *name, json_t *value)
{
    (void)json_object_set_new(obj, name, value);
}

/* A container's labels override its image's. So each of ours is always set, even if empty, and so
 * are those by which other programs would take the container for their own. */
static json_t *make_labels(const docker_spec *in)
{
    json_t *labels = json_object();
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(in->spec, "tags"), name, value)
    {
        ob_cleanup(ob_freep) char *label = ob_strf(DOCKER_LABEL_TAG "%s", name);
        set(labels, label, json_incref(value));
    }
    char run[OB_RUN_TEXT];
    ob_run_ref_format(in->ref, run);
    set(labels, DOCKER_LABEL_HOME, ob_json_text(in->home));
    set(labels, DOCKER_LABEL_COPY, ob_json_text(in->copy ? in->copy : ""));
    set(labels, DOCKER_LABEL_INSTANCE, ob_json_text(in->instance));
    set(labels, DOCKER_LABEL_RUN, ob_json_text(run));
    set(labels, DOCKER_LABEL_CE, ob_json_text(in->ce));
    set(labels, DOCKER_LABEL_GPUS, ob_json_text(in->gpus ? in->gpus : ""));
    set(labels, DOCKER_LABEL_EXECUTOR, ob_json_text(""));
    set(labels, DOCKER_LABEL_COMPOSE, ob_json_text(""));
    return labels;
}

int docker_spec_body(const docker_spec *in, json_t **ret_body, json_t **ret_volumes, ob_error *err)
{
    const json_t *container = json_object_get(in->spec, "container");
    const char *image = docker_spec_image(in->spec);
    if (!image || !*image)
        return ob_fail(err, EINVAL, "the job has no image");

    json_auto_t *volumes = json_array();
    json_auto_t *host = NULL;
    int r = docker_host_config(in, &host, volumes, err);
    if (r < 0)
        return r;
    json_t *body = json_pack("{s:o, s:o, s:O, s:o}", "Image", ob_json_text(image), "Env",
                             property_env(in->ref, in->attempt, in->spec, in->ce, in->secrets),
                             "HostConfig", host, "Labels", make_labels(in));
    json_t *command = json_object_get(container, "command");
    if (json_array_size(command) > 0)
        set(body, "Cmd", json_incref(command));
    const char *user = ob_json_str(container, "user", NULL);
    if (user && *user)
        set(body, "User", ob_json_text(user));
    *ret_body = body;
    *ret_volumes = ob_take(volumes);
    return 0;
}

static const char *after_last(const char *text, char c)
{
    const char *p = strrchr(text, c);
    return p ? p + 1 : text;
}

char *docker_spec_pull_query(const char *image, const char *platform)
{
    ob_cleanup(ob_freep) char *encoded = ob_text_url_encode(image);
    bool is_exact = strchr(image, '@') || strchr(after_last(image, '/'), ':');
    return ob_strf("fromImage=%s%s%s%s", encoded, is_exact ? "" : "&tag=latest",
                   platform ? "&platform=" : "", platform ? platform : "");
}
