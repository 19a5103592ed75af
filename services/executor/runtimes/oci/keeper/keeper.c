/* openbatch-keeper: the parent of one container of the OCI runtime. The executor starts one for
 * each container; it outlives the executor. It needs nothing but a kernel, and is linked
 * statically, so that it can also be the first process inside of a container. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper_init.h"
#include "keeper_run.h"
#include "owned.h"

enum {
    ARG_RUNTIME = 1,
    ARG_HOME,
    ARG_INSTANCE,
    ARG_ID,
    ARG_LOWER,
    ARG_SIGNAL,
    ARG_LIMIT,
    ARG_VOLUME
};

static const struct option options[] = {
    { "runtime", required_argument, NULL, ARG_RUNTIME },
    { "home", required_argument, NULL, ARG_HOME },
    { "instance", required_argument, NULL, ARG_INSTANCE },
    { "id", required_argument, NULL, ARG_ID }, /* the container; its folder is home/instance/id */
    { "lower", required_argument, NULL, ARG_LOWER },
    { "signal", required_argument, NULL, ARG_SIGNAL },
    { "limit", required_argument, NULL, ARG_LIMIT },   /* output is kept: at most so many bytes */
    { "volume", required_argument, NULL, ARG_VOLUME }, /* a volume: name=place in the image */
    { "copy", no_argument, NULL, 'c' },
    { "hide-v2", no_argument, NULL, 'h' },
    { 0 },
};

static bool add_volume(keeper_plan *plan, char *text)
{
    char *path = strchr(text, '=');
    if (!path || plan->fill_count == OCI_VOLUMES_MAX)
        return false;
    *path = '\0';
    plan->fills[plan->fill_count][0] = text;
    plan->fills[plan->fill_count++][1] = path + 1;
    return owned_is_name(text);
}

static bool parse(int argc, char **argv, keeper_plan *plan)
{
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case ARG_RUNTIME:
            plan->runtime = optarg;
            break;
        case ARG_HOME:
            plan->place.home = optarg;
            break;
        case ARG_INSTANCE:
            plan->place.instance = optarg;
            break;
        case ARG_ID:
            plan->place.id = optarg;
            break;
        case ARG_LOWER:
            plan->room.lower = optarg;
            break;
        case ARG_SIGNAL:
            plan->stop_signal = atoi(optarg);
            break;
        case ARG_LIMIT:
            plan->output = true;
            plan->limit = strtoull(optarg, NULL, 10);
            break;
        case ARG_VOLUME:
            if (!add_volume(plan, optarg))
                return false;
            break;
        case 'c':
            plan->room.copy = true;
            break;
        case 'h':
            plan->room.hide_v2 = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    keeper_plan plan = { 0 };
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "init") == 0)
        return keeper_init(argv + 2);
    if (argc > 1 && parse(argc - 1, argv + 1, &plan)) {
        if (strcmp(verb, "run") == 0 && plan.runtime && plan.place.id && plan.room.lower)
            return keeper_run(&plan);
        if (strcmp(verb, "clean") == 0)
            return keeper_clean(&plan);
        if (strcmp(verb, "try") == 0 && plan.place.id)
            return keeper_try(&plan);
    }
    (void)fprintf(stderr,
                  "usage: openbatch-keeper run|clean|try|init ... (the executor starts it)\n");
    return 2;
}
