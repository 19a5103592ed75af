/* openbatch-keeper: the parent of one container of the OCI runtime. The executor starts one for
 * each container; it outlives the executor. It needs nothing but a kernel, and is linked
 * statically, so that it can also be the first process inside of a container. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper_init.h"
#include "keeper_room.h"
#include "keeper_run.h"

#define TRY_BYTES 65536

enum { ARG_RUNTIME = 1, ARG_ID, ARG_LOWER, ARG_GROUP, ARG_SIGNAL, ARG_LIMIT, ARG_VOLUME };

static const struct option options[] = {
    { "runtime", required_argument, NULL, ARG_RUNTIME },
    { "id", required_argument, NULL, ARG_ID },
    { "lower", required_argument, NULL, ARG_LOWER },
    { "group", required_argument, NULL, ARG_GROUP },
    { "signal", required_argument, NULL, ARG_SIGNAL },
    { "limit", required_argument, NULL, ARG_LIMIT },   /* output is kept: at most so many bytes */
    { "volume", required_argument, NULL, ARG_VOLUME }, /* a volume: name=place in the image */
    { "copy", no_argument, NULL, 'c' },
    { "hide-v2", no_argument, NULL, 'h' },
    { 0 },
};

static void add_volume(keeper_plan *plan, char *text)
{
    char *path = strchr(text, '=');
    if (!path || plan->fill_count == KEEPER_FILLS_MAX)
        return;
    *path = '\0';
    plan->fills[plan->fill_count][0] = text;
    plan->fills[plan->fill_count++][1] = path + 1;
}

static bool parse(int argc, char **argv, keeper_plan *plan)
{
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case ARG_RUNTIME:
            plan->runtime = optarg;
            break;
        case ARG_ID:
            plan->id = optarg;
            break;
        case ARG_LOWER:
            plan->room.lower = optarg;
            break;
        case ARG_GROUP:
            plan->group = optarg;
            break;
        case ARG_SIGNAL:
            plan->stop_signal = atoi(optarg);
            break;
        case ARG_LIMIT:
            plan->output = true;
            plan->limit = strtoull(optarg, NULL, 10);
            break;
        case ARG_VOLUME:
            add_volume(plan, optarg);
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

/* Can a root be made in the working directory, and written to? */
static int try_room(const keeper_plan *plan)
{
    char why[1024];
    static char data[TRY_BYTES];
    bool ok = keeper_room_make(&plan->room, why, sizeof(why));
    int fd = ok ? open(ROOM_ROOT "/try", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    ok = fd >= 0 && write(fd, data, sizeof(data)) == (ssize_t)sizeof(data);
    if (fd >= 0)
        (void)close(fd);
    keeper_room_clear();
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    keeper_plan plan = { 0 };
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "init") == 0)
        return keeper_init(argv + 2);
    if (argc > 1 && parse(argc - 1, argv + 1, &plan)) {
        if (strcmp(verb, "run") == 0 && plan.runtime && plan.id && plan.room.lower && plan.group)
            return keeper_run(&plan);
        if (strcmp(verb, "clean") == 0 && plan.group)
            return keeper_clean(plan.group);
        if (strcmp(verb, "try") == 0 && plan.room.lower)
            return try_room(&plan);
    }
    (void)fprintf(stderr,
                  "usage: openbatch-keeper run|clean|try|init ... (the executor starts it)\n");
    return 2;
}
