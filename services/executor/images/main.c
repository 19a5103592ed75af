/* openbatch-image: changes the store of images of the runtime without a daemon. `openbatch image`
 * runs it for people, and an executor runs it for each pull ("get"). Reads its arguments; nothing
 * else. It connects to registries (through skopeo) and to a Docker engine. One thread. */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_bring.h"
#include "image_keeper.h"
#include "image_name.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/text.h"

#define LOGIN_MAX (64 * 1024) /* a secret's */
#define PROGRESS_MS 200

static const char usage[] =
    "usage: openbatch-image [OPTION...] COMMAND\n"
    "\n"
    "  list           print the images of the store\n"
    "  pull NAME      copy an image from the Docker engine or a registry, even if it is there\n"
    "  load FILE [NAME]\n"
    "                 take images from an archive of docker save, or of an OCI image\n"
    "  rm NAME        remove a name, and its image if it has no other; also the id of an image\n"
    "  room           remove what is over the limit, and what killed processes have left\n"
    "  get NAME       for an executor: reads a line from stdin, credentials as JSON or empty; "
    "prints\n"
    "                 JSON lines; holds the image until the end of stdin\n"
    "\n"
    "  --store DIR           the store's folder\n"
    "  --limit BYTES         above which images are removed, the one used last the longest ago "
    "first;\n"
    "                        0: no limit; default: " IMAGE_STORE_BYTES "\n"
    "  --engine HOST         a Docker engine, as in DOCKER_HOST\n"
    "  --credentials FILE    a config.json with auths; default: the user's own\n"
    "  --platform PLATFORM   linux/arm64, for example; default: the host's\n"
    "  --with-parent PID     end with that process, which has started this one\n";

typedef struct options {
    char *dir;
    const char *engine, *credentials, *platform;
    long long limit;
    pid_t parent;
    bool is_get;
    int64_t reported_ms;
} options;

static int read_options(int argc, char **argv, options *o, ob_error *err)
{
    static const struct option known[] = {
        { "store", required_argument, NULL, 's' },
        { "limit", required_argument, NULL, 'l' },
        { "engine", required_argument, NULL, 'e' },
        { "credentials", required_argument, NULL, 'c' },
        { "platform", required_argument, NULL, 'p' },
        { "with-parent", required_argument, NULL, 'w' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    char *end = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "+h", known, NULL)) != -1) {
        switch (option) {
        case 's':
            o->dir = optarg;
            break;
        case 'l':
            o->limit = strtoll(optarg, &end, 10);
            if (*end || o->limit < 0)
                return ob_fail(err, EINVAL, "--limit %s is not a number of bytes", optarg);
            break;
        case 'e':
            o->engine = optarg;
            break;
        case 'c':
            o->credentials = optarg;
            break;
        case 'p':
            o->platform = *optarg ? optarg : NULL;
            break;
        case 'w':
            o->parent = (pid_t)atoi(optarg);
            break;
        case 'h':
            (void)fputs(usage, stdout);
            exit(0);
        default:
            return ob_fail(err, EINVAL, "openbatch-image --help shows the options");
        }
    }
    if (!o->dir || *o->dir != '/')
        return ob_fail(err, EINVAL, "--store needs an absolute path");
    return 0;
}

static void report(json_t *line)
{
    ob_cleanup(ob_freep) char *text = json_dumps(line, JSON_COMPACT);
    (void)printf("%s\n", text);
    (void)fflush(stdout);
    json_decref(line);
}

static void on_progress(void *arg)
{
    options *o = arg;
    int64_t now = ob_mono_ms();
    if (!o->is_get || now - o->reported_ms < PROGRESS_MS)
        return;
    o->reported_ms = now;
    report(json_pack("{s:b}", "progress", 1));
}

static int bring(options *o, const char *name, const json_t *login, char **ret_id, ob_error *err)
{
    image_progress progress = { .fn = on_progress, .arg = o };
    image_bringer b = { .dir = o->dir,
                        .engine = o->engine,
                        .credentials = o->credentials,
                        .login = login,
                        .limit_bytes = o->limit,
                        .progress = &progress };
    int fd = -1; /* held to the end of the process */
    return image_bring_named(&b, name, o->platform, !o->is_get, ret_id, &fd, err);
}

/* Held until the other side has taken its own hold. */
static void wait_for_end(void)
{
    char data[256];
    ssize_t n;
    do
        n = read(STDIN_FILENO, data, sizeof(data));
    while (n > 0 || (n < 0 && errno == EINTR));
}

static int do_get(options *o, const char *name, ob_error *err)
{
    ob_cleanup(ob_freep) char *text = ob_calloc(1, LOGIN_MAX), *id = NULL;
    bool over = false;
    o->is_get = true;
    if (!fgets(text, LOGIN_MAX, stdin))
        return ob_fail(err, EINVAL, "nothing was said on stdin");
    json_auto_t *login = ob_json_read_text(text);
    int r = bring(o, name, login, &id, err);
    if (r < 0) {
        report(json_pack("{s:o}", "error", ob_json_text(err->text)));
        return 0;
    }
    (void)image_keeper_make_room(o->dir, o->limit, &over, NULL);
    report(json_pack("{s:o, s:b}", "id", ob_json_text(id), "over", over));
    image_keeper_sweep(o->dir);
    wait_for_end();
    return 0;
}

static int do_room(options *o, ob_error *err)
{
    bool over = false;
    image_keeper_sweep(o->dir);
    int r = image_keeper_make_room(o->dir, o->limit, &over, err);
    if (r == 0)
        report(json_pack("{s:b}", "over", over));
    return r;
}

static int do_pull(options *o, const char *name, ob_error *err)
{
    ob_cleanup(ob_freep) char *id = NULL;
    bool over = false;
    int r = bring(o, name, NULL, &id, err);
    image_keeper_sweep(o->dir);
    if (r == 0)
        r = image_keeper_make_room(o->dir, o->limit, &over, err);
    if (r == 0)
        (void)printf("pulled %s (%.12s)\n", name, id); /* ASCII */
    return r;
}

static int do_load(options *o, const char *path, const char *name, ob_error *err)
{
    ob_cleanup(ob_freep) char *full = NULL, *file = realpath(path, NULL);
    image_bringer b = { .dir = o->dir, .limit_bytes = o->limit };
    bool over = false;
    if (!file)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    int r = name ? image_name_parse(name, &full, err) : 0;
    if (r == 0)
        r = image_bring_archive(&b, file, full, err);
    image_keeper_sweep(o->dir);
    if (r == 0)
        r = image_keeper_make_room(o->dir, o->limit, &over, err);
    return r;
}

static int do_rm(options *o, const char *what, ob_error *err)
{
    ob_cleanup(ob_freep) char *full = NULL;
    int r = image_name_parse(what, &full, err);
    if (r == 0)
        r = image_keeper_remove(o->dir, full, err);
    /* Not a name that it has: perhaps the beginning of an id. */
    if (r == -ENOENT)
        r = image_keeper_remove(o->dir, what, err);
    return r;
}

static int run(options *o, int argc, char **argv, ob_error *err)
{
    const char *command = argc > 0 ? argv[0] : "";
    int r = image_store_make(o->dir, err);
    if (r < 0)
        return r;
    if (strcmp(command, "list") == 0 && argc == 1)
        image_keeper_list(o->dir, stdout);
    else if (strcmp(command, "pull") == 0 && argc == 2)
        r = do_pull(o, argv[1], err);
    else if (strcmp(command, "load") == 0 && (argc == 2 || argc == 3))
        r = do_load(o, argv[1], argc == 3 ? argv[2] : NULL, err);
    else if (strcmp(command, "rm") == 0 && argc == 2)
        r = do_rm(o, argv[1], err);
    else if (strcmp(command, "room") == 0 && argc == 1)
        r = do_room(o, err);
    else if (strcmp(command, "get") == 0 && argc == 2)
        r = do_get(o, argv[1], err);
    else
        r = ob_fail(err, EINVAL, "openbatch-image --help shows the commands");
    return r;
}

int main(int argc, char **argv)
{
    options o = { .limit = atoll(IMAGE_STORE_BYTES) };
    ob_error err = { 0 };
    ob_point_arm();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_DUMPABLE, 0); /* it may have credentials in its memory */
    (void)umask(077);
    int r = read_options(argc, argv, &o, &err);
    if (r == 0 && o.parent > 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != o.parent)
            return 1;
    }
    if (r == 0)
        r = run(&o, argc - optind, argv + optind, &err);
    if (r < 0)
        (void)fprintf(stderr, "openbatch-image: %s\n", err.text);
    return r < 0 ? 1 : 0;
}
