/* Batch's container properties as a container of the Docker Engine (AWS Batch API reference:
 * ContainerProperties); docker_host.c makes HostConfig. Owns nothing, does no I/O. Members that
 * this engine cannot provide are refused, never dropped; members without meaning for an engine
 * (roles, subnets) are ignored. Any thread. */
#include "docker_spec.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "docker_host.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

const char *docker_spec_image(const json_t *spec)
{
    return ob_json_str(json_object_get(spec, "container"), "image", NULL);
}

static void set(json_t *obj, const char *name, json_t *value)
{
    (void)json_object_set_new(obj, name, value);
}

static void add_env(json_t *env, const char *name, const char *value)
{
    ob_cleanup(ob_freep) char *text = ob_strf("%s=%s", name, value);
    (void)json_array_append_new(env, ob_json_text(text));
}

static const char *after_last(const char *text, char c)
{
    const char *p = strrchr(text, c);
    return p ? p + 1 : text;
}

/* Docker takes the last of two entries with one name: ours come last (AWS Batch user guide, "AWS
 * Batch job environment variables"). */
static json_t *make_env(const docker_spec *in, const json_t *container)
{
    json_t *env = json_array();
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(container, "environment"), i, item)
    {
        if (ob_json_str(item, "name", NULL))
            add_env(env, ob_json_str(item, "name", ""), ob_json_str(item, "value", ""));
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)in->secrets, name, value)
        add_env(env, name, json_string_value(value));
    char text[OB_RUN_TEXT];
    ob_job_ref_format(&(ob_job_ref){ .id = in->ref->id, .index = in->ref->index }, text);
    add_env(env, "AWS_BATCH_JOB_ID", text);
    (void)snprintf(text, sizeof(text), "%d", in->attempt);
    add_env(env, "AWS_BATCH_JOB_ATTEMPT", text);
    add_env(env, "AWS_BATCH_CE_NAME", after_last(ob_json_str(in->spec, "ce", in->ce), '/'));
    add_env(env, "AWS_BATCH_JQ_NAME", after_last(ob_json_str(in->spec, "queue", ""), '/'));
    if (in->ref->index >= 0) {
        (void)snprintf(text, sizeof(text), "%d", in->ref->index);
        add_env(env, "AWS_BATCH_JOB_ARRAY_INDEX", text);
    }
    int64_t size = ob_json_int(in->spec, "arraySize", 0);
    if (in->ref->index >= 0 && size > 0) { /* AWS does not set it; jobs that share work need it */
        (void)snprintf(text, sizeof(text), "%lld", (long long)size);
        add_env(env, "AWS_BATCH_JOB_ARRAY_SIZE", text);
    }
    add_env(env, "AWS_EXECUTION_ENV",
            docker_is_fargate(container) ? "AWS_ECS_FARGATE" : "AWS_ECS_EC2");
    return env;
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
    json_t *body =
        json_pack("{s:o, s:o, s:O, s:o}", "Image", ob_json_text(image), "Env",
                  make_env(in, container), "HostConfig", host, "Labels", make_labels(in));
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

int docker_spec_platform(const json_t *spec, const char **ret, ob_error *err)
{
    const json_t *platform = json_object_get(json_object_get(spec, "container"), "runtimePlatform");
    const char *system = ob_json_str(platform, "operatingSystemFamily", "LINUX");
    const char *cpu = ob_json_str(platform, "cpuArchitecture", NULL);
    *ret = NULL;
    if (strcmp(system, "LINUX") != 0)
        return ob_fail(err, EINVAL, "operatingSystemFamily %s is not supported",
                       ob_cut(system, 100));
    if (!cpu)
        return 0;
    if (strcmp(cpu, "X86_64") == 0)
        *ret = "linux/amd64";
    else if (strcmp(cpu, "ARM64") == 0)
        *ret = "linux/arm64";
    return *ret ? 0 : ob_fail(err, EINVAL, "cpuArchitecture %s is not supported", ob_cut(cpu, 100));
}

char *docker_url_encode(const char *text)
{
    char *out = ob_calloc(strlen(text) * 3 + 1, 1), *p = out;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c))
            *p++ = (char)c;
        else
            p += sprintf(p, "%%%02X", c);
    }
    return out;
}

char *docker_spec_pull_query(const char *image, const char *platform)
{
    ob_cleanup(ob_freep) char *encoded = docker_url_encode(image);
    bool is_exact = strchr(image, '@') || strchr(after_last(image, '/'), ':');
    return ob_strf("fromImage=%s%s%s%s", encoded, is_exact ? "" : "&tag=latest",
                   platform ? "&platform=" : "", platform ? platform : "");
}
