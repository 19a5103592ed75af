/* openbatch-console: wiring. Reads the configuration, starts the parts, asks the api every few
 * seconds whether it is there, and undoes everything in reverse order. Main thread. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api_client.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/point.h"
#include "ob/service.h"
#include "print_link.h"
#include "web_server.h"

#define AT(member) offsetof(console_config, member)
static const ob_config_field fields[] = {
    { "OPENBATCH_CONSOLE_LISTEN", OB_CONFIG_STRING, AT(listen), "127.0.0.1",
      "address that the console listens on" },
    { "OPENBATCH_CONSOLE_PORT", OB_CONFIG_INT, AT(port), "8085", "port of the console", 1, 65535 },
    { "OPENBATCH_CONSOLE_THREADS", OB_CONFIG_INT, AT(threads), "128",
      "threads of the console: the number of browser connections that are served at the same time; "
      "half of them may be tabs that follow what happens",
      4, 1024 },
    { "OPENBATCH_PORT", OB_CONFIG_INT, AT(api_port), "8080", "port of the api on this host", 1,
      65535 },
    { "OPENBATCH_CONSOLE_API", OB_CONFIG_STRING, AT(api), "http://127.0.0.1:${OPENBATCH_PORT}",
      "URL at which the console reaches the api" },
    { "OPENBATCH_CONSOLE_REGION", OB_CONFIG_STRING, AT(region), "us-east-1",
      "region of whoever signs in without naming one" },
    { "OPENBATCH_CONSOLE_SESSION_S", OB_CONFIG_INT, AT(session_s), "43200",
      "seconds after which a page has to sign in again", 900, 129600 },
    { "OPENBATCH_CONSOLE_KEY_FILE", OB_CONFIG_PATH, AT(key_file),
      "${OPENBATCH_HOME}/secrets/console.key",
      "file with the key (64 hexadecimal digits) that seals the cookies of pages and the links of "
      "`openbatch console`" },
    { "OPENBATCH_ROOT_KEY_FILE", OB_CONFIG_PATH, AT(root_key_file),
      "${OPENBATCH_HOME}/secrets/root.key",
      "file with two lines, access key id and secret; only `openbatch-console --link` reads it" },
    { 0 },
};

#define LOOK_MS 2000

/* ---- the service ----------------------------------------------------------------------------- */

static void look_at_api(api_client *client)
{
    api_answer answer;
    api_client_health(client, &answer);
    bool there = answer.status != 0; /* 503: it answers, and its own health says what is wrong */
    ob_health_set("api", true, there, there ? "answers" : answer.body);
    api_answer_done(&answer);
}

static int serve(console *c, ob_error *err)
{
    web_server *server = NULL;
    api_client *client = NULL;
    int r = api_client_new(c->config->api, &client, err);
    if (r == 0)
        r = live_start(&c->config->common, (size_t)c->config->threads / 2, &c->live, err);
    if (r == 0)
        r = web_server_start(c, &server, err);
    if (r == 0)
        ob_info("service.started", "{s:o, s:I}", "listen", ob_json_text(c->config->listen), "port",
                (json_int_t)c->config->port);
    while (r == 0 && !atomic_load(&ob_service_stopping)) {
        look_at_api(client);
        ob_health_beat();
        ob_service_wait(-1, LOOK_MS);
    }
    live_end(c->live);
    web_server_stop(server);
    live_free(c->live);
    api_client_free(client);
    return r;
}

static int run(const console_config *config, ob_error *err)
{
    static console c;
    c.config = config;
    c.rights_ms = CONSOLE_RIGHTS_MS;
    int r = ob_service_init(CONSOLE_NAME, config->common.log_level, err);
    if (r == 0)
        r = sealed_key_read(config->key_file, c.key, err);
    if (r == 0 && !web_region_is_valid(config->region))
        r = ob_fail(err, EINVAL, "OPENBATCH_CONSOLE_REGION is not a region");
    if (r == 0)
        r = ob_health_start(config->common.run_dir, CONSOLE_NAME, err);
    if (r == 0) {
        c.links = link_keeper_new(c.key, ob_wall_ms());
        r = serve(&c, err);
    }
    ob_health_stop();
    link_keeper_free(c.links);
    c.config = NULL;
    if (r == 0)
        ob_info("service.stopped", NULL);
    else
        ob_errlog("service.failed", "{s:o}", "error", ob_json_text(err->text));
    return r;
}

int main(int argc, char **argv)
{
    console_config config = { 0 };
    ob_error err = { 0 };
    int code = 0;
    bool link = argc == 2 && strcmp(argv[1], "--link") == 0;
    ob_point_arm();
    if (!link && ob_config_cli(argc, argv, "openbatch-console", &config, fields, true, &code)) {
        ob_config_done(&config, fields, true);
        return code;
    }
    int r = ob_config_load(&config, fields, true, &err);
    if (r == 0)
        r = link ? print_link(&config, &err) : run(&config, &err);
    if (r < 0)
        (void)fprintf(stderr, "openbatch-console: %s\n", err.text);
    ob_config_done(&config, fields, true);
    return r < 0 ? 1 : 0;
}
