/* The identity of an executor that was started by hand. Owns the files <dir>/instance and
 * <dir>/token, and the process's environment while there is one thread. Sends nothing. Invariant:
 * an identity lasts until join_forget, so a restarted executor is the same instance and finds its
 * runs. */
#include "join.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "ob/config.h"
#include "ob/file.h"
#include "ob/id.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/seal.h"

#define HOME_DEFAULT "/var/lib/openbatch"
#define NAME_MAX_LEN 128
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static int make_dirs(const char *path, ob_error *err)
{
    ob_cleanup(ob_freep) char *copy = ob_strdup(path);
    for (char *at = copy + 1;; at++) {
        bool last = *at == '\0';
        if (*at != '/' && !last)
            continue;
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return ob_fail(err, errno, "%s: %s", copy, strerror(errno));
        if (last)
            return 0;
        *at = '/';
    }
}

/* Writes a token for the instance, under the join token. former: of an earlier version, or NULL. */
static int write_token(const char *file, const char *id, const char *former, ob_error *err)
{
    char token[OB_SEAL_TOKEN_TEXT];
    int r = ob_seal_join_token(getenv("OPENBATCH_JOIN_TOKEN"), id, former, token, err);
    if (r == 0)
        r = ob_file_write(OB_POINT_EXECUTOR_TOKEN, file, 0600, token, true, err);
    explicit_bzero(token, sizeof(token));
    return r;
}

/* An instance that joined with an earlier version has a token without a key: it gets one, and shows
 * its former token with it. */
static int renew_token(const char *file, const char *id, ob_error *err)
{
    char *token = NULL;
    int r = ob_config_read_secret(file, &token, err);
    if (r == 0 && !strchr(token, '.'))
        r = write_token(file, id, token, err);
    if (token)
        explicit_bzero(token, strlen(token));
    free(token);
    return r;
}

static bool is_accepted(const spool *s, const char *instance)
{
    return !strcmp(ob_json_str(spool_get(s, "seal"), "accepted", ""), instance);
}

/* Has the instance a key that is not under the join token, and has nobody ever answered it? Then
 * the join token before was a wrong one. */
static bool was_refused(const char *dir, const char *token_file, const char *id)
{
    spool *s = NULL;
    char *token = NULL;
    bool refused = false;
    if (ob_config_read_secret(token_file, &token, NULL) == 0 && strchr(token, '.') &&
        !ob_seal_is_under(token, getenv("OPENBATCH_JOIN_TOKEN")) &&
        spool_open(dir, 0, &s, NULL) == 0) /* else another executor of this instance runs */
        refused = !is_accepted(s, id);
    spool_free(s);
    if (token)
        explicit_bzero(token, strlen(token));
    free(token);
    return refused;
}

/* The id in the directory, or a new one with its token. *ret is new. */
static int identity(const char *dir, char **ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *id_file = ob_strf("%s/instance", dir);
    ob_cleanup(ob_freep) char *token_file = ob_strf("%s/token", dir);
    ob_cleanup(ob_freep) char *id = NULL;
    int r = 0;
    if (access(id_file, F_OK) == 0)
        r = ob_config_read_secret(id_file, &id, err);
    if (r == 0 && id && was_refused(dir, token_file, id)) {
        join_forget(dir);
        free(ob_take(id));
    }
    if (r == 0 && id)
        r = renew_token(token_file, id, err);
    else if (r == 0) {
        id = ob_calloc(1, OB_INSTANCE_TEXT);
        ob_instance_id_new(id);
        r = write_token(token_file, id, NULL, err);
        if (r == 0) /* last, because it means that the token exists */
            r = ob_file_write(OB_POINT_EXECUTOR_IDENTITY, id_file, 0600, id, true, err);
    }
    if (r == 0)
        *ret = ob_take(id);
    return r;
}

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static int become(ob_error *err)
{
    const char *ce = setting("OPENBATCH_CE_NAME", ""),
               *home = setting("OPENBATCH_HOME", HOME_DEFAULT);
    ob_cleanup(ob_freep) char *own_run_dir = ob_strf("%s/run", home);
    const char *run_dir = setting("OPENBATCH_RUN_DIR", own_run_dir);
    if (!*ce || strlen(ce) > NAME_MAX_LEN || strspn(ce, NAME_CHARACTERS) != strlen(ce))
        return ob_fail(err, EINVAL, "--compute-environment must name the environment to join");
    ob_cleanup(ob_freep) char *own = ob_strf("%s/unmanaged/%s", home, ce);
    ob_cleanup(ob_freep) char *dir = ob_strdup(setting("OPENBATCH_INSTANCE_DIR", own));
    ob_cleanup(ob_freep) char *id = NULL;
    if (*dir != '/' || *run_dir != '/')
        return ob_fail(err, EINVAL, "OPENBATCH_HOME and OPENBATCH_RUN_DIR must be absolute paths");
    int r = make_dirs(dir, err);
    if (r == 0)
        r = make_dirs(run_dir, err);
    if (r == 0)
        r = identity(dir, &id, err);
    if (r != 0)
        return r;
    (void)setenv("OPENBATCH_HOME", home, 1);
    (void)setenv("OPENBATCH_RUN_DIR", run_dir, 1);
    (void)setenv("OPENBATCH_INSTANCE_DIR", dir, 1);
    (void)setenv("OPENBATCH_INSTANCE_ID", id, 1);
    return 0;
}

/* Returns how many arguments are left: those that every program has, and unknown ones. */
static int take_arguments(int argc, char **argv, ob_error *err)
{
    static const struct option options[] = {
        { "compute-environment", required_argument, NULL, 0 },
        { "vcpus", required_argument, NULL, 0 },
        { "memory", required_argument, NULL, 0 },
        { 0 },
    };
    static const char *const variables[] = { "OPENBATCH_CE_NAME", "OPENBATCH_JOIN_VCPUS",
                                             "OPENBATCH_JOIN_MEMORY_MIB" };
    int left = 1, which = 0, c;
    opterr = 0; /* main.c reports errors */
    optind = 1;
    for (int at = 1; (c = getopt_long(argc, argv, "-:", options, &which)) != -1; at = optind) {
        if (c == 0)
            (void)setenv(variables[which], optarg, 1);
        else if (c == ':')
            return ob_fail(err, EINVAL, "%s needs a value", argv[at]);
        else if (optind > at) /* not within "-xyz" */
            argv[left++] = argv[at];
    }
    while (optind < argc) /* after "--" */
        argv[left++] = argv[optind++];
    argv[left] = NULL;
    return left;
}

int join_prepare(int argc, char **argv, ob_error *err)
{
    int left = take_arguments(argc, argv, err);
    bool joins = *setting("OPENBATCH_JOIN_TOKEN", "") && left == 1;
    int r = joins ? become(err) : 0;
    return r < 0 ? r : left;
}

void join_accept(spool *s, const char *instance)
{
    if (!is_accepted(s, instance))
        spool_set(s, "seal", "accepted", ob_json_text(instance), true);
}

void join_forget(const char *dir)
{
    ob_cleanup(ob_freep) char *id_file = ob_strf("%s/instance", dir);
    ob_file_remove(OB_POINT_EXECUTOR_FORGET, id_file);
}

json_t *join_offer(int64_t vcpus, int64_t memory_mib, int64_t gpus)
{
    struct sysinfo info = { 0 };
    (void)sysinfo(&info);
    if (vcpus == 0)
        vcpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (memory_mib == 0)
        memory_mib = (int64_t)(info.totalram / 1024 * info.mem_unit / 1024);
    return json_pack("{s:I, s:I, s:I}", "mcpu", (json_int_t)vcpus * 1000, "mem",
                     (json_int_t)memory_mib, "gpus", (json_int_t)gpus);
}
