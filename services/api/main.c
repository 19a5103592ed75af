/* openbatch-api: wiring. Reads the configuration, listens, brings the schema up to date once
 * PostgreSQL answers, starts the parts, waits for a stop and undoes it in reverse order. Owns the
 * bell thread, which polls the producer of doorbells. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "jobs.h"
#include "keys.h"
#include "logs.h"
#include "migrate.h"
#include "ob/bus.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/topics.h"

#define AT(member) offsetof(api_config, member)
static const ob_config_field fields[] = {
    { "OPENBATCH_LISTEN", OB_CONFIG_STRING, AT(listen), "127.0.0.1",
      "address that the api listens on" },
    { "OPENBATCH_PORT", OB_CONFIG_INT, AT(port), "8080", "port of the api", 1, 65535 },
    { "OPENBATCH_API_THREADS", OB_CONFIG_INT, AT(threads), "32",
      "threads of the api, each with a database connection", 2, 1024 },
    { "OPENBATCH_PG", OB_CONFIG_STRING, AT(pg), OB_CONFIG_PG_DEFAULT,
      "libpq connection string of the database" },
    { "OPENBATCH_MASTER_KEY_FILE", OB_CONFIG_PATH, AT(master_key_file),
      "${OPENBATCH_HOME}/secrets/master.key",
      "file with the key (64 hexadecimal digits) that encrypts access keys at rest" },
    { "OPENBATCH_ROOT_KEY_FILE", OB_CONFIG_PATH, AT(root_key_file),
      "${OPENBATCH_HOME}/secrets/root.key",
      "file with two lines, access key id and secret, imported at start" },
    { 0 },
};

#define BELL_POLL_MS 200
#define START_RETRY_MS 500

typedef struct bell {
    ob_bus *bus;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    bool topics_made; /* bell thread only */
    int64_t next_try_ms;
} bell;

/* ---- doorbells ------------------------------------------------------------------------------- */

void api_ring(api_ctx *ctx, const char *topic, const char *data, size_t len)
{
    ob_error err = { 0 };
    if (ob_bus_send(ctx->bus, topic, -1, NULL, 0, data, len, NULL, &err) < 0)
        ob_debug("bell.dropped", "{s:s, s:s}", "topic", topic, "error", err.text);
}

void api_ring_command(api_ctx *ctx)
{
    json_auto_t *message = ob_message_new("command", 0);
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(message, &text);
    api_ring(ctx, OB_TOPIC_COMMANDS, text, len);
}

static void on_bus_event(ob_bus_event event, void *arg)
{
    bell *b = arg;
    switch (event) {
    case OB_BUS_REASSIGNED: /* a topic is unknown: somebody wiped them */
        b->topics_made = false;
        break;
    case OB_BUS_DOWN:
        ob_warn("kafka.down", NULL);
        break;
    case OB_BUS_UP:
        ob_info("kafka.up", NULL);
        b->topics_made = false;
        break;
    }
}

static void on_bus_msg(const ob_bus_msg *msg, void *arg)
{
    (void)msg; /* nothing is assigned on this bus */
    (void)arg;
}

static void *bell_run(void *arg)
{
    bell *b = arg;
    while (!atomic_load(&b->stop)) {
        (void)ob_bus_poll(b->bus, BELL_POLL_MS, 1000);
        bool up = ob_bus_is_up(b->bus);
        ob_health_beat();
        /* Not required: what is accepted is in the inbox, which is swept. */
        ob_health_set("kafka", false, up, up ? "answers" : "no broker answers");
        if (b->topics_made || ob_mono_ms() < b->next_try_ms)
            continue;
        ob_error err = { 0 };
        b->topics_made = ob_bus_make_topics(b->bus, 2000, &err) == 0;
        b->next_try_ms = ob_mono_ms() + 1000;
        if (!b->topics_made)
            ob_debug("kafka.topics", "{s:s}", "error", err.text);
    }
    return NULL;
}

static int bell_start(bell *b, const api_config *config, ob_error *err)
{
    ob_cleanup(ob_freep) char *password = NULL;
    if (*config->common.kafka_user) {
        int r = ob_config_read_secret(config->common.kafka_password_file, &password, err);
        if (r < 0)
            return r;
    }
    const ob_bus_config bus = { .servers = config->common.kafka,
                                .user =
                                    *config->common.kafka_user ? config->common.kafka_user : NULL,
                                .password = password,
                                .client_id = "openbatch-api",
                                .partitions = (int32_t)config->common.kafka_partitions,
                                .on_msg = on_bus_msg,
                                .on_event = on_bus_event,
                                .arg = b };
    int r = ob_bus_new(&bus, &b->bus, err);
    if (r < 0)
        return r;
    int e = pthread_create(&b->thread, NULL, bell_run, b);
    if (e)
        return ob_fail(err, e, "bell thread: %s", strerror(e));
    b->running = true;
    return 0;
}

static void bell_stop(bell *b)
{
    atomic_store(&b->stop, true);
    if (b->running)
        (void)pthread_join(b->thread, NULL);
    ob_bus_free(b->bus);
}

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
        ob_info("schema.ready", "{s:i, s:b}", "migrationsApplied", applied, "rootKeyImported",
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

/* Repeats while PostgreSQL is away; the port answers 503 meanwhile. */
static int start_parts(api_ctx *ctx, ob_error *err)
{
    for (;;) {
        int r = prepare_database(ctx, err);
        if (r == 0)
            break;
        if (!err->retriable)
            return r;
        ob_warn("start.waiting", "{s:s}", "error", err->text);
        ob_health_set("postgresql", true, false, err->text);
        if (stopped_within(START_RETRY_MS))
            return 0;
    }
    int r = jobs_start(ctx, err);
    if (r == 0)
        r = logs_start(ctx, err);
    if (r < 0)
        return r;
    ob_health_set("postgresql", true, true, "answers");
    atomic_store(&ctx->ready, true);
    ob_info("api.ready", "{s:s, s:I}", "listen", ctx->config->listen, "port",
            (json_int_t)ctx->config->port);
    while (!stopped_within(-1))
        ;
    return 0;
}

static int run(const api_config *config, ob_error *err)
{
    api_ctx ctx = { .config = config };
    bell b = { 0 };
    http_server *http = NULL;
    int r = keys_new(config->master_key_file, &ctx.keys, err);
    if (r == 0) {
        keys_derive(ctx.keys, "paging token", ctx.token_key);
        r = bell_start(&b, config, err);
        ctx.bus = b.bus;
    }
    if (r == 0)
        r = http_start(&ctx, &http, err);
    if (r == 0)
        r = start_parts(&ctx, err);
    atomic_store(&ctx.ready, false);
    http_stop(http);
    logs_stop(&ctx);
    jobs_stop(&ctx);
    bell_stop(&b);
    keys_free(ctx.keys);
    return r;
}

int main(int argc, char **argv)
{
    api_config config = { 0 };
    ob_error err = { 0 };
    int code = 0;
    if (ob_config_cli(argc, argv, "openbatch-api", &config, fields, true, &code)) {
        ob_config_done(&config, fields, true);
        return code;
    }
    int r = ob_config_load(&config, fields, true, &err);
    if (r == 0)
        r = ob_service_init("openbatch-api", config.common.log_level, &err);
    if (r == 0)
        r = run(&config, &err);
    if (r < 0)
        (void)fprintf(stderr, "openbatch-api: %s\n", err.text);
    ob_config_done(&config, fields, true);
    return r < 0 ? 1 : 0;
}
