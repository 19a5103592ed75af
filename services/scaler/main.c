/* openbatch-scaler: makes its parts, runs the loop, takes them apart. Owns all of them. Main
 * thread. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "incoming.h"
#include "instances.h"
#include "loop.h"
#include "ob/log.h"
#include "ob/schema.h"
#include "ob/service.h"
#include "retention.h"
#include "scaler_store.h"
#include "silence.h"
#include "unmanaged.h"

#define FIELD(member) offsetof(scaler_config, member)
static const ob_config_field fields[] = {
    { "OPENBATCH_PG", OB_CONFIG_STRING, FIELD(pg), OB_CONFIG_PG_DEFAULT,
      "PostgreSQL, as libpq's connection string" },
    { "OPENBATCH_REDIS", OB_CONFIG_STRING, FIELD(redis), "${OPENBATCH_RUN_DIR}/redis.sock",
      "Redis: path of a unix socket, or host:port" },
    { "OPENBATCH_REDIS_PASSWORD_FILE", OB_CONFIG_PATH, FIELD(redis_password_file), "",
      "file with Redis's password; empty: none" },
    { "OPENBATCH_PROVIDER", OB_CONFIG_STRING, FIELD(provider), "local",
      "where instances come from: local (executors on this host), docker (executors in "
      "containers), ec2 (an EC2-compatible endpoint)" },
    { "OPENBATCH_LOCAL_VCPUS", OB_CONFIG_INT, FIELD(local_vcpus), "0",
      "nominal vCPUs of the local and docker providers; 0: four times the host's cores", 0,
      1000000 },
    { "OPENBATCH_LOCAL_MEMORY_MIB", OB_CONFIG_INT, FIELD(local_memory_mib), "0",
      "nominal memory of the local and docker providers; 0: twice the host's, at least 16 GiB", 0,
      1 << 30 },
    { "DOCKER_HOST", OB_CONFIG_STRING, FIELD(engine), "unix:///var/run/docker.sock",
      "the container engine of the docker provider" },
    { "OPENBATCH_DOCKER_IMAGE", OB_CONFIG_STRING, FIELD(docker_image), "openbatch/executor",
      "image of the docker provider's executors" },
    { "OPENBATCH_EC2_REGION", OB_CONFIG_STRING, FIELD(ec2_region), "",
      "region of the ec2 provider" },
    { "OPENBATCH_EC2_ENDPOINT", OB_CONFIG_STRING, FIELD(ec2_endpoint), "",
      "URL of its EC2; empty: AWS's of the region" },
    { "OPENBATCH_EC2_KEY_FILE", OB_CONFIG_PATH, FIELD(ec2_key_file), "",
      "file with its access key id, secret and, for temporary keys, session token, a line each" },
    { "OPENBATCH_EC2_IMAGE", OB_CONFIG_STRING, FIELD(ec2_image), "",
      "machine image when a compute environment names none" },
    { "OPENBATCH_EC2_COPY", OB_CONFIG_STRING, FIELD(ec2_copy), "openbatch",
      "value of the tag openbatch:copy on its instances: another one for each copy of OpenBatch" },
    { "OPENBATCH_EC2_KAFKA", OB_CONFIG_STRING, FIELD(ec2_kafka), "${OPENBATCH_KAFKA}",
      "Kafka's bootstrap servers as instances reach them" },
    { "OPENBATCH_EC2_KAFKA_SETTINGS", OB_CONFIG_PATH, FIELD(ec2_kafka_settings), "",
      "file whose text instances get as their OPENBATCH_KAFKA_SETTINGS; empty: none" },
    { "OPENBATCH_EC2_USER_DATA", OB_CONFIG_PATH, FIELD(ec2_user_data), "",
      "file with the script that instances start with (docs/ec2.md); empty: the default one" },
    { "OPENBATCH_EXECUTOR", OB_CONFIG_PATH, FIELD(executor), "",
      "path of openbatch-executor; empty: next to openbatch-scaler" },
    { "OPENBATCH_INSTANCE_TYPES", OB_CONFIG_PATH, FIELD(instance_types), "", OB_CATALOG_HELP },
    { "OPENBATCH_SPOT_INTERRUPT_MEAN_S", OB_CONFIG_INT, FIELD(interrupt_mean_s), "0",
      "local and docker providers: each Spot instance is interrupted at random, on average so many "
      "seconds after it came; 0: never",
      0, 31536000 },
    { "OPENBATCH_UNMANAGED_LOCAL", OB_CONFIG_INT, FIELD(unmanaged_local), "0",
      "1: each unmanaged compute environment gets an executor of this host by itself (local and "
      "docker providers)",
      0, 1 },
    { "OPENBATCH_SCALE_IN_IDLE_MS", OB_CONFIG_INT, FIELD(scale_in_idle_ms), "5000",
      "an instance idle for so long is given back", 0, 86400000 },
    { "OPENBATCH_REGISTER_MS", OB_CONFIG_INT, FIELD(register_ms), "0",
      "an instance whose executor has not registered for so long is given up and replaced; 0: "
      "60000 "
      "with the local and docker providers, 600000 with ec2",
      0, 86400000 },
    { "OPENBATCH_JOB_RETENTION_S", OB_CONFIG_INT, FIELD(job_retention_s),
      OB_CONFIG_JOB_RETENTION_DEFAULT, OB_CONFIG_JOB_RETENTION_HELP, 0, INT32_MAX },
    { "OPENBATCH_HEARTBEAT_MS", OB_CONFIG_INT, FIELD(heartbeat_ms), "1000", "executors' heartbeat",
      50, 60000 },
    { "OPENBATCH_LOST_AFTER_MS", OB_CONFIG_INT, FIELD(lost_after_ms), "30000",
      "silence after which an instance is lost", 500, 86400000 },
    { 0 },
};

/* In the scaler's own directory, or where a build directory has it. */
static char *default_executor(void)
{
    char self[PATH_MAX], path[2 * PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    const char *dir = dirname(self);
    (void)snprintf(path, sizeof(path), "%s/openbatch-executor", dir);
    if (access(path, X_OK) < 0)
        (void)snprintf(path, sizeof(path), "%s/../executor/openbatch-executor", dir);
    char *real = realpath(path, NULL);
    return real ? real : ob_strdup(path);
}

static int make_local(scaler *s, const char *password, ob_error *err)
{
    const scaler_config *c = &s->config;
    ob_cleanup(ob_freep) char *executor =
        *c->executor ? ob_strdup(c->executor) : default_executor();
    return provider_local_new(&(provider_local_config){ .home = c->common.home,
                                                        .run_dir = c->common.run_dir,
                                                        .executor = executor,
                                                        .vcpus = (int32_t)c->local_vcpus,
                                                        .mem_mib = c->local_memory_mib,
                                                        .kafka_password_file = password },
                              &s->provider, err);
}

static int make_docker(scaler *s, const char *password, ob_error *err)
{
    const scaler_config *c = &s->config;
    return provider_docker_new(&(provider_docker_config){ .home = c->common.home,
                                                          .run_dir = c->common.run_dir,
                                                          .engine = c->engine,
                                                          .image = c->docker_image,
                                                          .vcpus = (int32_t)c->local_vcpus,
                                                          .mem_mib = c->local_memory_mib,
                                                          .kafka_password_file = password },
                               &s->provider, err);
}

static int make_ec2(scaler *s, const char *password_file, ob_error *err)
{
    const scaler_config *c = &s->config;
    ob_cleanup(ob_freep) char *keys = NULL;
    ob_cleanup(ob_freep) char *script = NULL;
    ob_cleanup(ob_freep) char *settings = NULL;
    ob_cleanup(ob_freep) char *password = NULL;
    ob_cleanup(ob_freep) char *userpwd = NULL;
    int r = *c->ec2_key_file ? ob_config_read_secret(c->ec2_key_file, &keys, err) : 0;
    if (r == 0 && *c->ec2_user_data)
        r = ob_config_read_secret(c->ec2_user_data, &script, err);
    if (r == 0 && *c->ec2_kafka_settings)
        r = ob_config_read_secret(c->ec2_kafka_settings, &settings, err);
    if (r == 0 && password_file)
        r = ob_config_read_secret(password_file, &password, err);
    if (r < 0)
        return r;
    char *rest = keys;
    const char *id = rest ? strsep(&rest, "\n") : NULL;
    const char *secret = rest ? strsep(&rest, "\n") : NULL;
    userpwd = secret ? ob_strf("%s:%s", id, secret) : ob_strdup("");
    return provider_ec2_new(&(provider_ec2_config){ .endpoint = c->ec2_endpoint,
                                                    .region = c->ec2_region,
                                                    .userpwd = userpwd,
                                                    .session = rest && *rest ? rest : NULL,
                                                    .image = c->ec2_image,
                                                    .copy = c->ec2_copy,
                                                    .kafka = c->ec2_kafka,
                                                    .kafka_settings = settings,
                                                    .kafka_password = password,
                                                    .user_data = script },
                            &s->provider, err);
}

static int make_provider(scaler *s, ob_error *err)
{
    const scaler_config *c = &s->config;
    ob_cleanup(ob_freep) char *executors =
        ob_strf("%s/secrets/kafka-executor.password", c->common.home);
    const char *password = *c->common.kafka_user ? executors : NULL;
    int r;
    if (strcmp(c->provider, "local") == 0)
        r = make_local(s, password, err);
    else if (strcmp(c->provider, "docker") == 0)
        r = make_docker(s, password, err);
    else if (strcmp(c->provider, "ec2") == 0)
        r = make_ec2(s, password, err);
    else
        r = ob_fail(err, EINVAL, "OPENBATCH_PROVIDER must be local, docker or ec2, not \"%s\"",
                    c->provider);
    if (r == 0 && c->unmanaged_local && !strcmp(c->provider, "ec2"))
        r = ob_fail(err, EINVAL, "OPENBATCH_UNMANAGED_LOCAL needs the local or docker provider");
    if (r == 0)
        instances_listen(s);
    return r;
}

static int read_secret(const char *path, char **ret, ob_error *err)
{
    return *path ? ob_config_read_secret(path, ret, err) : 0;
}

static int start(scaler *s, ob_error *err)
{
    const scaler_config *c = &s->config;
    ob_cleanup(ob_freep) char *kafka_password = NULL;
    ob_cleanup(ob_freep) char *redis_password = NULL;
    int r = ob_service_init(SCALER_NAME, c->common.log_level, err);
    if (r == 0)
        r = read_secret(c->common.kafka_password_file, &kafka_password, err);
    if (r == 0)
        r = read_secret(c->redis_password_file, &redis_password, err);
    if (r == 0)
        r = ob_catalog_load(c->instance_types, err);
    if (r == 0)
        r = make_provider(s, err);
    ob_bus_config bus = { .servers = c->common.kafka,
                          .settings = c->common.kafka_settings,
                          .user = *c->common.kafka_user ? c->common.kafka_user : NULL,
                          .password = kafka_password,
                          .client_id = "openbatch-scaler",
                          .partitions = (int32_t)c->common.kafka_partitions,
                          .on_msg = events_on_msg,
                          .on_event = events_on_bus,
                          .on_delivery = silence_on_delivery,
                          .arg = s };
    if (r == 0)
        r = ob_bus_new(&bus, &s->bus, err);
    if (r < 0)
        return r;
    s->counters = counters_new(c->redis, redis_password);
    r = ob_health_start(c->common.run_dir, SCALER_NAME, err);
    if (r < 0)
        return r;
    ob_schema_wait(c->pg, "openbatch-scaler-starting", OB_SCHEMA_VERSION);
    r = retention_start(c, err);
    if (r < 0)
        return r;
    s->leader = ob_leader_new(c->pg, SCALER_NAME, scaler_statements);
    return 0;
}

static void stop(scaler *s)
{
    ob_health_stop();
    retention_stop();
    scaler_forget(s);
    ob_leader_free(s->leader);
    ob_bus_free(s->bus);
    counters_free(s->counters);
    if (s->provider)
        s->provider->ops->free(s->provider);
    free(s->inbox);
    free(s->unknown);
    join_forget(s);
    ob_config_done(&s->config, fields, true);
}

int main(int argc, char **argv)
{
    static scaler s;
    ob_error err = { 0 };
    int code = 0;
    if (ob_config_cli(argc, argv, "openbatch-scaler", &s.config, fields, true, &code))
        return code;
    int r = ob_config_load(&s.config, fields, true, &err);
    if (r == 0)
        r = start(&s, &err);
    if (r == 0) {
        ob_info("service.started", NULL);
        r = loop_run(&s);
        ob_info("service.stopped", NULL);
    } else {
        ob_log_init(SCALER_NAME, OB_LOG_INFO);
        ob_errlog("service.failed", "{s:s}", "text", err.text);
    }
    stop(&s);
    return r == 0 ? 0 : 1;
}
