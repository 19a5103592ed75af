/* The process of a container, and config.json as a whole; oci_mounts.c and oci_limits.c make the
 * parts that concern the host. Owns nothing, does no I/O. Properties that cannot be provided are
 * refused, never dropped. Any thread. */
#include "oci_config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "oci_limits.h"
#include "oci_mounts.h"
#include "oci_syscalls.h"
#include "runtimes/properties.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void set(json_t *obj, const char *name, json_t *value)
{
    (void)json_object_set_new(obj, name, value);
}

/* ---- the process ---- */

static const char *text_of(const json_t *obj, const char *name)
{
    return ob_json_str(obj, name, "");
}

const char *oci_config_user(const json_t *spec, const json_t *image)
{
    const char *own = text_of(json_object_get(spec, "container"), "user");
    return *own ? own : text_of(image, "User");
}

int oci_config_stop_signal(const json_t *image)
{
    const char *name = text_of(image, "StopSignal");
    int number = atoi(name);
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    if (number > 0 && number <= SIGRTMAX)
        return number;
    for (int i = 1; i < NSIG; i++) {
        const char *abbreviation = sigabbrev_np(i);
        if (abbreviation && strcmp(abbreviation, name) == 0)
            return i;
    }
    if (strncmp(name, "RTMIN", 5) != 0)
        return SIGTERM;
    int above = atoi(name + 5);
    return above >= 0 && above <= SIGRTMAX - SIGRTMIN ? SIGRTMIN + above : SIGTERM;
}

/* An image may have hundreds of thousands of variables, so their places are kept by name. */
typedef struct env_list {
    json_t *list, *places;
} env_list;

static void env_done(env_list *env)
{
    json_decref(env->list);
    json_decref(env->places);
}

/* A later entry takes the place of an earlier one with its name. */
static void put_env(env_list *env, const char *entry)
{
    ob_cleanup(ob_freep) char *name = ob_text_dup(entry, strcspn(entry, "="));
    const json_t *place = json_object_get(env->places, name);
    if (place) {
        (void)json_array_set_new(env->list, (size_t)json_integer_value(place), ob_json_text(entry));
        return;
    }
    json_int_t next = (json_int_t)json_array_size(env->list);
    (void)json_object_set_new_nocheck(env->places, name, json_integer(next));
    (void)json_array_append_new(env->list, ob_json_text(entry));
}

static bool has_env(const env_list *env, const char *name)
{
    return json_object_get(env->places, name) != NULL;
}

static void put_all(env_list *env, const json_t *entries)
{
    size_t i;
    const json_t *item;
    json_array_foreach(entries, i, item)
    {
        if (json_is_string(item))
            put_env(env, json_string_value(item));
    }
}

static void put_text(env_list *env, const char *name, const char *value)
{
    ob_cleanup(ob_freep) char *entry = ob_strf("%s=%s", name, value);
    put_env(env, entry);
}

static json_t *make_env(const oci_input *in)
{
    ob_cleanup(env_done) env_list env = { .list = json_array(), .places = json_object() };
    put_env(&env, DEFAULT_PATH);
    put_text(&env, "HOSTNAME", in->host->name);
    put_all(&env, json_object_get(in->image, "Env"));
    json_auto_t *own = property_env(in->ref, in->attempt, in->spec, in->ce, in->secrets);
    put_all(&env, own);
    if (in->gpus) {
        put_text(&env, "NVIDIA_VISIBLE_DEVICES", in->gpus);
        if (!has_env(&env, "NVIDIA_DRIVER_CAPABILITIES"))
            put_text(&env, "NVIDIA_DRIVER_CAPABILITIES", "utility,compute");
    }
    if (!has_env(&env, "HOME"))
        put_text(&env, "HOME", in->user->home);
    return json_incref(env.list);
}

/* The job's command takes the place of the image's, not of its entry point. */
static int make_args(const oci_input *in, json_t **ret, ob_error *err)
{
    const json_t *own = json_object_get(json_object_get(in->spec, "container"), "command");
    const json_t *entry = json_object_get(in->image, "Entrypoint");
    const json_t *rest = json_array_size(own) > 0 ? own : json_object_get(in->image, "Cmd");
    json_auto_t *args = json_array();
    if (oci_has_init(in->spec)) {
        (void)json_array_append_new(args, ob_json_text(OCI_INIT_PATH));
        (void)json_array_append_new(args, ob_json_text("init"));
    }
    size_t before = json_array_size(args);
    if (json_is_array(entry))
        (void)json_array_extend(args, (json_t *)entry);
    if (json_is_array(rest))
        (void)json_array_extend(args, (json_t *)rest);
    if (json_array_size(args) == before)
        return ob_fail(err, EINVAL, "no command specified");
    *ret = ob_take(args);
    return 0;
}

static json_t *make_user(const oci_user *user)
{
    json_t *more = json_array();
    for (int i = 0; i < user->more_count; i++)
        (void)json_array_append_new(more, json_integer(user->more[i]));
    return json_pack("{s:I, s:I, s:o}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid,
                     "additionalGids", more);
}

static void add_rlimit(json_t *list, const char *type, int64_t soft, int64_t hard)
{
    (void)json_array_append_new(list,
                                json_pack("{s:o, s:I, s:I}", "type", ob_json_text(type), "soft",
                                          (json_int_t)soft, "hard", (json_int_t)hard));
}

/* The limit of open files is not what the executor has raised for itself. */
static json_t *make_rlimits(const oci_input *in)
{
    json_t *list = json_array();
    size_t i;
    const json_t *item;
    bool has_files = in->host->files_soft <= 0;
    json_array_foreach(json_object_get(json_object_get(in->spec, "container"), "ulimits"), i, item)
    {
        char type[64] = "RLIMIT_";
        const char *name = text_of(item, "name");
        for (size_t n = strlen(type); *name && n < sizeof(type) - 1; name++, n++)
            type[n] = (char)(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
        has_files = has_files || strcmp(type, "RLIMIT_NOFILE") == 0;
        add_rlimit(list, type, ob_json_int(item, "softLimit", 0),
                   ob_json_int(item, "hardLimit", 0));
    }
    if (!has_files)
        add_rlimit(list, "RLIMIT_NOFILE", in->host->files_soft, in->host->files_hard);
    return list;
}

static int make_process(const oci_input *in, json_t **ret, ob_error *err)
{
    const char *folder = text_of(in->image, "WorkingDir");
    json_t *args = NULL;
    int r = make_args(in, &args, err);
    if (r < 0)
        return r;
    *ret = json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "terminal", 0, "user",
                     make_user(in->user), "args", args, "env", make_env(in), "cwd",
                     ob_json_text(*folder ? folder : "/"), "capabilities", oci_capabilities(in),
                     "rlimits", make_rlimits(in), "noNewPrivileges", 0);
    if (in->host->oom_score < 0) /* it is not the executor's */
        set(*ret, "oomScoreAdj", json_integer(0));
    return 0;
}

/* ---- the whole ---- */

static json_t *make_namespaces(const oci_host *host)
{
    json_t *list = json_array();
    static const char *const types[] = { "pid", "ipc", "uts", "mount", "cgroup" };
    size_t n = ARRAY_SIZE(types) - (host->groups == OCI_GROUPS_V2 ? 0 : 1);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_pack("{s:o}", "type", ob_json_text(types[i])));
    return list;
}

static json_t *make_linux(const oci_input *in, json_t *resources)
{
    json_t *linux_part = json_pack("{s:o, s:o, s:o, s:o}", "namespaces", make_namespaces(in->host),
                                   "resources", resources, "cgroupsPath", ob_json_text(in->group),
                                   "devices", oci_device_nodes(in->devices));
    if (!ob_json_bool(json_object_get(in->spec, "container"), "privileged", false)) {
        set(linux_part, "maskedPaths", oci_masked_paths());
        set(linux_part, "readonlyPaths", oci_readonly_paths());
        if (in->host->refuses_calls)
            set(linux_part, "seccomp", oci_syscalls_refused());
    }
    return linux_part;
}

static int check(const oci_input *in, ob_error *err)
{
    const json_t *container = json_object_get(in->spec, "container");
    const char *driver =
        ob_json_str(json_object_get(container, "logConfiguration"), "logDriver", "awslogs");
    static const char *const drivers[] = { "awslogs", "json-file", "local", "none" };
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        is_known |= strcmp(driver, drivers[i]) == 0;
    if (!is_known)
        return ob_fail(err, EINVAL, "this instance has no log driver %s", ob_cut(driver, 100));
    if (in->gpus && !in->gpu_hook)
        return ob_fail(err, EINVAL,
                       "could not select device driver \"nvidia\" with capabilities: [[gpu]]");
    return 0;
}

int oci_config_make(const oci_input *in, oci_config *ret, ob_error *err)
{
    const json_t *container = json_object_get(in->spec, "container");
    ob_cleanup(oci_config_done)
        oci_config made = { .volumes = json_object(), .sources = json_array() };
    json_auto_t *process = NULL, *resources = NULL, *mounts = NULL;
    int r = check(in, err);
    if (r == 0)
        r = make_process(in, &process, err);
    if (r == 0)
        r = oci_resources(in, &resources, err);
    if (r == 0)
        r = oci_mounts(in, made.volumes, made.sources, &mounts, err);
    if (r < 0)
        return r;
    made.body =
        json_pack("{s:o, s:O, s:{s:o, s:b}, s:o, s:O, s:o}", "ociVersion", ob_json_text("1.0.2"),
                  "process", process, "root", "path", ob_json_text(OCI_ROOT_FOLDER), "readonly",
                  ob_json_bool(container, "readonlyRootFilesystem", false), "hostname",
                  ob_json_text(in->host->name), "mounts", mounts, "linux",
                  make_linux(in, json_incref(resources)));
    if (in->gpus)
        set(made.body, "hooks",
            json_pack("{s:[{s:o, s:[o, o]}]}", "prestart", "path", ob_json_text(in->gpu_hook),
                      "args", ob_json_text("nvidia-container-runtime-hook"),
                      ob_json_text("prestart")));
    json_t *body = ob_take(made.body), *volumes = ob_take(made.volumes);
    json_t *sources = ob_take(made.sources);
    *ret = (oci_config){ .body = body, .volumes = volumes, .sources = sources };
    return 0;
}

void oci_config_done(oci_config *config)
{
    json_decref(config->body);
    json_decref(config->volumes);
    json_decref(config->sources);
    *config = (oci_config){ 0 };
}
