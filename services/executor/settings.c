/* The executor's settings: the table of its own and, behind the row that names the runtime, each
 * runtime's. docs/configuration.md is made from them. Start-up code, one thread. */
#include "settings.h"

static const ob_config_field own_fields[] = {
    { "OPENBATCH_INSTANCE_ID", OB_CONFIG_STRING, offsetof(settings, instance), NULL,
      "id of the executor's instance", 0, 0 },
    { "OPENBATCH_INSTANCE_DIR", OB_CONFIG_PATH, offsetof(settings, dir),
      "${OPENBATCH_HOME}/instances/${OPENBATCH_INSTANCE_ID}",
      "the instance's directory: lock and spool", 0, 0 },
    { "OPENBATCH_INSTANCE_TOKEN_FILE", OB_CONFIG_PATH, offsetof(settings, token_file),
      "${OPENBATCH_INSTANCE_DIR}/token",
      "file with the token of the instance: the key that its messages are sealed with", 0, 0 },
    { "OPENBATCH_CE_NAME", OB_CONFIG_STRING, offsetof(settings, ce), NULL,
      "name of the instance's compute environment", 0, 0 },
    { "OPENBATCH_INSTANCE_TYPE", OB_CONFIG_STRING, offsetof(settings, type), "",
      "the instance's type, for people", 0, 0 },
    { "OPENBATCH_RUNTIME", OB_CONFIG_STRING, offsetof(settings, runtime), "docker",
      NULL /* the runtimes' own */, 0, 0 },
    { "DOCKER_HOST", OB_CONFIG_STRING, offsetof(settings, engine), "unix:///var/run/docker.sock",
      "the container engine", 0, 0 },
    { "OPENBATCH_SECRETS_DIR", OB_CONFIG_STRING, offsetof(settings, secrets_dir), "",
      "directory with a file for each secret that jobs may name; empty: jobs have no secrets", 0,
      0 },
    { "OPENBATCH_DOCKER_CONFIG", OB_CONFIG_STRING, offsetof(settings, credentials), "",
      "config.json with credentials for registries (auths); empty: ~/.docker/config.json of the "
      "executor's user",
      0, 0 },
    { "OPENBATCH_PULL_STALL_MS", OB_CONFIG_INT, offsetof(settings, pull_stall_ms), "300000",
      "time without progress after which the pull of an image fails", 1, 86400000 },
    { "OPENBATCH_INSTANCE_GPUS", OB_CONFIG_INT, offsetof(settings, gpus), "0",
      "number of GPUs of the instance; jobs get whole devices, by index", 0, 64 },
    OB_PERMIT_FIELDS(offsetof(settings, privileged),
                     offsetof(settings, host_mounts),
                     offsetof(settings, devices)),
    { "OPENBATCH_HEARTBEAT_MS", OB_CONFIG_INT, offsetof(settings, heartbeat_ms), "1000",
      "time between heartbeats", 50, 60000 },
    { "OPENBATCH_LOG_LIMIT_BYTES", OB_CONFIG_INT, offsetof(settings, log_limit),
      OB_CONFIG_LOG_LIMIT_DEFAULT, OB_CONFIG_LOG_LIMIT_HELP, 0, INT64_MAX },
    { "OPENBATCH_INTERRUPT_NOTICE_MS", OB_CONFIG_INT, offsetof(settings, notice_ms), "120000",
      "Spot: time from the interruption notice to the end of the instance", 0, 86400000 },
    { "OPENBATCH_INTERRUPT_TERM_MS", OB_CONFIG_INT, offsetof(settings, term_ms), "10000",
      "time before the end of the instance at which running jobs get SIGTERM", 0, 86400000 },
    { "OPENBATCH_IMDS", OB_CONFIG_STRING, offsetof(settings, imds), "",
      "metadata service that announces interruptions, http://169.254.169.254 on EC2; empty: none",
      0, 0 },
    { "OPENBATCH_JOIN_TOKEN", OB_CONFIG_SECRET, offsetof(settings, join_token), "",
      "started by hand: token with which it joins the unmanaged compute environment "
      "OPENBATCH_CE_NAME",
      0, 0 },
    { "OPENBATCH_JOIN_VCPUS", OB_CONFIG_INT, offsetof(settings, join_vcpus), "0",
      "started by hand: vCPUs that jobs may have; 0: the host's", 0, 100000 },
    { "OPENBATCH_JOIN_MEMORY_MIB", OB_CONFIG_INT, offsetof(settings, join_memory_mib), "0",
      "started by hand: memory that jobs may have; 0: the host's", 0, 1 << 30 },
    { "OPENBATCH_LEAVE_MS", OB_CONFIG_INT, offsetof(settings, leave_ms), "30000",
      "started by hand: time for which running jobs may continue after SIGTERM", 0, 86400000 },
    { 0 },
};

/* Where a runtime's part of the settings begins; NULL: where all of them end. */
static size_t part_of(const runtime_ops *ops)
{
    size_t at = sizeof(settings);
    for (size_t i = 0;; i++) {
        at = ob_config_part(at);
        if (runtimes[i] == ops)
            return at;
        at += runtimes[i]->settings_size;
    }
}

static void add_runtimes(ob_config_list *list)
{
    for (size_t i = 0; runtimes[i]; i++)
        for (const ob_config_field *f = runtimes[i]->fields; f && f->name; f++)
            ob_config_add(list, f, part_of(runtimes[i]));
}

const ob_config_field *settings_fields(void)
{
    static ob_config_list list; /* made once */
    if (list.fields)
        return list.fields;
    for (const ob_config_field *f = own_fields; f->name; f++) {
        ob_config_add(&list, f, 0);
        if (f->help)
            continue;
        list.fields[list.n - 1].help = runtimes_list(", or ", true);
        add_runtimes(&list);
    }
    return list.fields;
}

settings *settings_new(void)
{
    return ob_calloc(1, part_of(NULL));
}

const void *settings_of_runtime(const settings *s, const runtime_ops *ops)
{
    return (const char *)s + part_of(ops);
}

void settings_free(settings *s)
{
    if (s)
        ob_config_done(s, settings_fields(), true);
    free(s);
}
