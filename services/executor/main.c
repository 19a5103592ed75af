/* openbatch-executor: runs containers on one instance. Reads its configuration, creates the parts
 * and runs them; nothing else. It connects to Kafka and to its container engine, and to nothing
 * else. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "departure.h"
#include "join.h"
#include "ob/log.h"
#include "ob/point.h"
#include "ob/service.h"
#include "parts.h"

/* Arguments and environment. False: the program ends with *ret_code. */
static bool configure(executor *x, int argc, char **argv, bool *is_purge, int *ret_code)
{
    ob_error err = { 0 };
    x->config = settings_new();
    argc = join_prepare(argc, argv, &err);
    *is_purge = argc == 2 && strcmp(argv[1], "--purge") == 0;
    if (argc > 0 && ob_config_cli(*is_purge ? 1 : argc, argv, "openbatch-executor", x->config,
                                  settings_fields(), true, ret_code))
        return false;
    if (argc > 0 && ob_config_load(x->config, settings_fields(), true, &err) == 0)
        return true;
    (void)fprintf(stderr, "openbatch-executor: %s\n", err.text);
    *ret_code = 2;
    return false;
}

int main(int argc, char **argv)
{
    executor x = { .signal_fd = -1 };
    ob_error err = { 0 };
    bool is_purge = false;
    int code = 0;
    ob_point_arm();
    departure_hold_notices();
    if (!configure(&x, argc, argv, &is_purge, &code)) {
        settings_free(x.config);
        return code;
    }
    ob_cleanup(ob_freep) char *name = ob_strf("executor-%s", x.config->instance);
    int r = ob_service_init(name, x.config->common.log_level, &err);
    if (r == 0)
        r = parts_make(&x, &err);
    if (r == 0 && !is_purge && ob_health_start(x.config->common.run_dir, name, &err) < 0)
        ob_warn("health.disabled", "{s:s}", "error",
                err.text); /* a path that is too long: ignoring */
    if (r == 0)
        r = is_purge ? parts_purge(&x, &err) : parts_work(&x, &err);
    if (r < 0)
        ob_errlog("service.failed", "{s:s}", "error", err.text);
    parts_free(&x);
    if (r == 0 && x.life == LIFE_GONE) {
        /* A new process removes its containers: it starts with the engine's list. */
        (void)execl("/proc/self/exe", "openbatch-executor", "--purge", (char *)NULL);
        return 1;
    }
    return r < 0 ? 1 : 0;
}
