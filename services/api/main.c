/* openbatch-api: wiring. Reads the configuration, listens, updates the schema once PostgreSQL
 * answers, starts the parts, waits for a stop and undoes everything in reverse order. */
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/keys.h"
#include "compatibility.h"
#include "disks.h"
#include "doorbell.h"
#include "http/listener.h"
#include "http/server.h"
#include "jobs/jobs.h"
#include "keys_sql.h"
#include "logs/logs.h"
#include "migrate.h"
#include "ob/catalog.h"
#include "ob/log.h"
#include "ob/point.h"
#include "ob/service.h"
#include "operations.h"
#include "request/api_metrics.h"
#include "request/name_cache.h"
#include "retention.h"

#define AT(member) offsetof(api_config, member)
static const ob_config_field fields[] = {
    { "OPENBATCH_LISTEN", OB_CONFIG_STRING, AT(listen), "127.0.0.1",
      "address that the api listens on" },
    { "OPENBATCH_PORT", OB_CONFIG_INT, AT(port), "8080", "port of the api", 1, 65535 },
    { "OPENBATCH_API_THREADS", OB_CONFIG_INT, AT(threads), "512",
      "threads of the api: the number of client connections that are served at the same time", 2,
      1024 },
    { "OPENBATCH_API_DB_CONNECTIONS", OB_CONFIG_INT, AT(db_connections), "16",
      "database connections that the api's threads share", 1, 256 },
    { "OPENBATCH_PG", OB_CONFIG_STRING, AT(pg), OB_CONFIG_PG_DEFAULT,
      "libpq connection string of the database" },
    { "OPENBATCH_MASTER_KEY_FILE", OB_CONFIG_PATH, AT(master_key_file),
      "${OPENBATCH_HOME}/secrets/master.key",
      "file with the key (64 hexadecimal digits) that encrypts access keys at rest" },
    OB_SEAL_FIELD(AT(seal_key_file)),
    { "OPENBATCH_ROOT_KEY_FILE", OB_CONFIG_PATH, AT(root_key_file),
      "${OPENBATCH_HOME}/secrets/root.key",
      "file with two lines, access key id and secret, imported at start" },
    { "OPENBATCH_METRICS_TOKEN_FILE", OB_CONFIG_PATH, AT(metrics_token_file),
      "${OPENBATCH_HOME}/secrets/metrics.token",
      "file with the bearer token for GET /metrics, at least 16 characters; without it there are "
      "no metrics (metrics.md)" },
    OB_PERMIT_FIELDS(AT(privileged), AT(host_mounts), AT(devices)),
    { "OPENBATCH_INSTANCE_TYPES", OB_CONFIG_PATH, AT(instance_types), "", OB_CATALOG_HELP },
    { "OPENBATCH_LOG_RETENTION_S", OB_CONFIG_INT, AT(log_retention_s), "604800",
      "seconds that lines of output are kept; 0: for ever", 0, INT32_MAX },
    { "OPENBATCH_LOG_LIMIT_BYTES", OB_CONFIG_INT, AT(log_limit), OB_CONFIG_LOG_LIMIT_DEFAULT,
      OB_CONFIG_LOG_LIMIT_HELP, 0, INT64_MAX },
    { "OPENBATCH_JOB_RETENTION_S", OB_CONFIG_INT, AT(job_retention_s),
      OB_CONFIG_JOB_RETENTION_DEFAULT, OB_CONFIG_JOB_RETENTION_HELP, 0, INT32_MAX },
    { "OPENBATCH_DISKS", OB_CONFIG_STRING, AT(disks), "state=${OPENBATCH_HOME}",
      "folders whose disks the api checks, NAME=FOLDER separated by semicolons (NAME~FOLDER: only "
      "shown); while one is full no job is accepted" },
    { 0 },
};

#define START_RETRY_MS 500

/* ---- start and stop -------------------------------------------------------------------------- */

static int prepare_database(api_ctx *ctx, ob_error *err)
{
    ob_cleanup(ob_db_freep) ob_db *db = NULL;
    int applied = 0;
    bool imported = false;
    int r = ob_db_connect(ctx->config->pg, "openbatch-api start", &db, err);
    if (r == 0)
        r = migrate(db, migrations, &applied, err);
    if (r == 0)
        r = ob_db_prepare(db, keys_stmts, err);
    if (r == 0)
        r = keys_import(ctx->keys, db, ctx->config->root_key_file, ctx->config->common.account,
                        &imported, err);
    if (r == 0)
        ob_info("schema.updated", "{s:i, s:b}", "migrationsApplied", applied, "rootKeyImported",
                (int)imported);
    return r;
}

/* Waits for a stop for at most 'ms'. */
static bool stopped_within(int ms)
{
    struct pollfd fd = { .fd = ob_service_stop_fd(), .events = POLLIN };
    if (!atomic_load(&ob_service_stopping))
        (void)poll(&fd, 1, ms);
    return atomic_load(&ob_service_stopping);
}

/* Repeats while PostgreSQL is not reachable; the port answers 503 meanwhile. If all goes well
 * clients do not notice: they wait for their first answer. */
static int start_parts(api_ctx *ctx, http_server *http, ob_error *err)
{
    for (;;) {
        int r = prepare_database(ctx, err);
        if (r == 0)
            break;
        if (!err->retriable)
            return r;
        ob_warn("service.delayed", "{s:s}", "error", err->text);
        ob_health_set("postgresql", true, false, err->text);
        r = http_serve(http, err);
        if (r < 0)
            return r;
        if (stopped_within(START_RETRY_MS))
            return 0;
    }
    int r = jobs_start(ctx, err);
    if (r == 0)
        r = logs_start(ctx, err);
    if (r == 0)
        r = retention_start(ctx, err);
    if (r < 0)
        return r;
    ob_health_set("postgresql", true, true, "answers");
    atomic_store(&ctx->ready, true);
    r = http_serve(http, err);
    if (r < 0)
        return r;
    ob_info("service.started", "{s:s, s:I}", "listen", ctx->config->listen, "port",
            (json_int_t)ctx->config->port);
    while (!stopped_within(-1))
        ;
    return 0;
}

/* *ret_listen: the listening socket if the program must start again; else -1. */
static int run(const api_config *config, int *ret_listen, ob_error *err)
{
    api_ctx ctx = { .config = config };
    bell *b = NULL;
    http_server *http = NULL;
    ob_metrics_register(api_metrics, API_METRIC_COUNT);
    int r = ob_permits_parse(config->privileged, config->host_mounts, config->devices, &ctx.permits,
                             err);
    if (r == 0)
        r = keys_new(config->master_key_file, &ctx.keys, err);
    if (r == 0)
        r = ob_seal_load(&ctx.seal, config->seal_key_file, err);
    if (r == 0) {
        keys_derive(ctx.keys, "paging token", ctx.token_key);
        keys_derive(ctx.keys, "session token", ctx.session_key);
        r = bell_start(config, &b, err);
        ctx.bus = bell_bus(b);
    }
    ob_health_set("postgresql", true, false, "not reached yet");
    if (r == 0)
        r = disks_start(config->disks, &ctx.disks, err);
    ctx.pool = db_pool_new(config->pg, api_stmt_tables, (size_t)config->db_connections);
    ctx.known = known_new();
    ctx.guard = ob_host_guard_new(config->common.home, config->common.run_dir,
                                  getenv("DOCKER_HOST"), config->common.guarded_dirs);
    if (r == 0)
        r = http_start(&ctx, &http, err);
    if (r == 0)
        r = start_parts(&ctx, http, err);
    *ret_listen = r == 0 && ob_service_again() ? http_drain(http) : -1;
    atomic_store(&ctx.ready, false);
    http_stop(http);
    retention_stop(&ctx);
    logs_stop(&ctx);
    jobs_stop(&ctx);
    bell_stop(b);
    disks_stop(ctx.disks);
    known_free(ctx.known);
    ob_host_guard_free(ctx.guard);
    db_pool_free(ctx.pool);
    keys_free(ctx.keys);
    ob_seal_done(&ctx.seal);
    ob_metrics_stop();
    return r;
}

static int print_compatibility(void)
{
    json_auto_t *all = compatibility_json();
    bool written = json_dumpf(all, stdout, JSON_INDENT(1)) == 0 && puts("") >= 0;
    return written ? 0 : 1;
}

/* Hundreds of threads serve connections in turn, and the C library keeps up to 236 KiB of freed
 * memory for each of them: the api would grow for hours. The library reads this bound (bytes, of a
 * piece that a thread keeps) from the environment before main(), so the program starts again. */
static void bound_memory_of_threads(char **argv)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0 || getenv("GLIBC_TUNABLES"))
        return;
    path[n] = '\0'; /* /proc/self/exe itself would become the process's name */
    char **environment = ob_service_environment("GLIBC_TUNABLES=glibc.malloc.tcache_max=128", NULL);
    (void)execve(path, argv, environment);
    free(environment);
}

int main(int argc, char **argv)
{
    bound_memory_of_threads(argv);
    ob_point_arm();
    if (argc == 2 && strcmp(argv[1], "--compatibility") == 0)
        return print_compatibility();
    api_config config = { 0 };
    ob_error err = { 0 };
    int code = 0, listen_fd = -1;
    if (ob_config_cli(argc, argv, "openbatch-api", &config, fields, true, &code)) {
        ob_config_done(&config, fields, true);
        return code;
    }
    int r = ob_config_load(&config, fields, true, &err);
    if (r == 0)
        r = ob_service_init("openbatch-api", config.common.log_level, &err);
    if (r == 0)
        r = ob_catalog_load(config.instance_types, &err);
    if (r == 0)
        r = run(&config, &listen_fd, &err);
    if (r < 0)
        (void)fprintf(stderr, "openbatch-api: %s\n", err.text);
    ob_config_done(&config, fields, true);
    /* OB_RERUN: the script that reads the settings and starts the program (tools/sv/api) */
    if (listen_fd >= 0 && ob_service_exec())
        listener_exec(listen_fd, getenv("OB_RERUN"), argv);
    return r < 0 ? 1 : 0;
}
