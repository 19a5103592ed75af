/* Files of one instance, see instance_dir.h. Owns nothing in memory. Invariants: the type is
 * written first, so each directory says whose it is; run is written last, so one without it was
 * never started; an executor's environment holds no way to
 * PostgreSQL or Redis and no key but its own. Loop thread. */
#include "instance_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/file.h"
#include "ob/text.h"

/* What is left of ended instances: so many of the newest, unless they are older than that; and so
 * many if they are young. */
typedef struct keeping {
    size_t newest, young;
    int64_t oldest_s, young_s; /* 0: no limit, none */
} keeping;
static const keeping keep_types = { .newest = 1000 };
static const keeping keep_logs = {
    .newest = 50, .oldest_s = 30 * 24 * 3600, .young = 200, .young_s = 24 * 3600
};
#define LOG_CONFIG "s1000000\nn5\n" /* svlogd(8): size of a file, older files kept */

/* What an executor gets of this process's environment. */
static const char *const passed_on[] = { "PATH",
                                         "LANG",
                                         "TZ",
                                         "http_proxy",
                                         "https_proxy",
                                         "no_proxy",
                                         "HTTP_PROXY",
                                         "HTTPS_PROXY",
                                         "NO_PROXY",
                                         "SSL_CERT_FILE",
                                         "SSL_CERT_DIR",
                                         "DOCKER_HOST",
                                         "ASAN_OPTIONS",
                                         "LSAN_OPTIONS",
                                         "UBSAN_OPTIONS",
                                         "TSAN_OPTIONS",
                                         "OPENBATCH_HOME",
                                         "OPENBATCH_RUN_DIR",
                                         "OPENBATCH_GUARDED_DIRS",
                                         "OPENBATCH_KAFKA",
                                         "OPENBATCH_KAFKA_PARTITIONS",
                                         "OPENBATCH_KAFKA_SETTINGS",
                                         "OPENBATCH_KAFKA_PID_FILE",
                                         "OPENBATCH_ACCOUNT",
                                         "OPENBATCH_LOG_LEVEL",
                                         "OPENBATCH_CRASH_FILE",
                                         "OPENBATCH_RUNTIME",
                                         "OPENBATCH_HEARTBEAT_MS",
                                         "OPENBATCH_LOG_LIMIT_BYTES",
                                         "OPENBATCH_PULL_STALL_MS",
                                         "OPENBATCH_KUBERNETES_CREATE_MS",
                                         "OPENBATCH_INTERRUPT_NOTICE_MS",
                                         "OPENBATCH_INTERRUPT_TERM_MS",
                                         "OPENBATCH_IMDS",
                                         "OPENBATCH_SECRETS_DIR",
                                         "OPENBATCH_DOCKER_CONFIG",
                                         "OPENBATCH_PRIVILEGED",
                                         "OPENBATCH_HOST_MOUNTS",
                                         "OPENBATCH_DEVICES",
                                         NULL };
/* Settings of runtimes. */
static const char *const passed_on_prefixes[] = { "OPENBATCH_NULL_", "OPENBATCH_OCI_" };

extern char **environ;

const char *
instance_dir_path(char out[PATH_MAX], const char *home, const char *id, const char *fmt, ...)
{
    int n = snprintf(out, PATH_MAX, "%s/instances/%s", home, id);
    va_list args;
    va_start(args, fmt);
    if (n > 0 && n < PATH_MAX)
        (void)vsnprintf(out + n, (size_t)(PATH_MAX - n), fmt, args);
    va_end(args);
    return out;
}

/* One of the instance's files. Not flushed: the next launch writes them again. */
static int
write_file(ob_point point, const char *path, mode_t mode, const char *text, ob_error *err)
{
    return ob_file_write(point, path, mode, text, false, err);
}

static int make_dir(const char *path, ob_error *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    return 0;
}

/* NAME='value', quoted for sh. */
static void add_setting(FILE *out, const char *name, const char *value)
{
    (void)fprintf(out, "%s='", name);
    for (const char *c = value; *c; c++) {
        if (*c == '\'')
            (void)fputs("'\\''", out);
        else
            (void)fputc(*c, out);
    }
    (void)fputs("'\n", out);
}

static bool is_of_a_runtime(const char *variable)
{
    for (size_t i = 0; i < ARRAY_SIZE(passed_on_prefixes); i++)
        if (strncmp(variable, passed_on_prefixes[i], strlen(passed_on_prefixes[i])) == 0)
            return true;
    return false;
}

static char *settings(const instance_dir_config *config, const provider_launch_spec *spec)
{
    char *text = NULL, path[PATH_MAX];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    for (size_t i = 0; passed_on[i]; i++) {
        const char *value = getenv(passed_on[i]);
        if (value)
            add_setting(out, passed_on[i], value);
    }
    for (char **e = environ; *e; e++) {
        const char *equals = strchr(*e, '=');
        if (!equals || !is_of_a_runtime(*e))
            continue;
        ob_cleanup(ob_freep) char *name = ob_text_dup(*e, (size_t)(equals - *e));
        add_setting(out, name, equals + 1);
    }
    add_setting(out, "OPENBATCH_HOME", config->home);
    add_setting(out, "OPENBATCH_RUN_DIR", config->run_dir);
    if (config->kafka_password_file) {
        add_setting(out, "OPENBATCH_KAFKA_USER", "executor");
        add_setting(out, "OPENBATCH_KAFKA_PASSWORD_FILE", config->kafka_password_file);
    }
    add_setting(out, "OPENBATCH_INSTANCE_ID", spec->id);
    add_setting(out, "OPENBATCH_INSTANCE_DIR",
                instance_dir_path(path, config->home, spec->id, "%s", ""));
    add_setting(out, "OPENBATCH_INSTANCE_TOKEN_FILE",
                instance_dir_path(path, config->home, spec->id, "/token"));
    add_setting(out, "OPENBATCH_INSTANCE_TYPE", spec->type);
    ob_cleanup(ob_freep) char *gpus = ob_strf("%d", spec->size.gpus);
    add_setting(out, "OPENBATCH_INSTANCE_GPUS", gpus);
    add_setting(out, "OPENBATCH_CE_NAME", spec->ce_name);
    for (size_t i = 0; i < spec->n_more; i++)
        add_setting(out, spec->more[i].name, spec->more[i].value);
    (void)fclose(out);
    return text;
}

/* The directory in which svlogd keeps an executor's log. If it cannot be made because the disk is
 * full, the instance runs without a log. */
static void prepare_log(const char *home, const char *log)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/log", home);
    ob_cleanup(ob_freep) char *config = ob_strf("%s/config", log);
    (void)make_dir(path, NULL);
    (void)make_dir(log, NULL);
    (void)write_file(OB_POINT_SCALER_FILE_LOG, config, 0644, LOG_CONFIG, NULL);
}

int instance_dir_write(const instance_dir_config *config,
                       const provider_launch_spec *spec,
                       ob_error *err)
{
    char path[PATH_MAX], log[PATH_MAX];
    (void)snprintf(log, sizeof(log), "%s/log/executor-%s", config->home, spec->id);
    (void)snprintf(path, sizeof(path), "%s/instances", config->home);
    ob_cleanup(ob_freep) char *env = settings(config, spec);
    ob_cleanup(ob_freep) char *type =
        ob_strf("%s %d %d\n", spec->type, (int)spec->size.mcpu, (int)spec->size.mem_mib);
    ob_cleanup(ob_freep) char *run =
        ob_strf("#!/bin/sh\n"
                "# The executor of one instance. Made by openbatch-scaler.\n"
                "exec </dev/null 2>&1\n"
                "set -a\n"
                ". ./env\n"
                "set +a\n"
                "exec '%s'\n",
                config->executor);
    ob_cleanup(ob_freep) char *log_run = ob_strf("#!/bin/sh\nexec svlogd '%s'\n", log);
    int r = make_dir(path, err);
    if (r == 0)
        r = make_dir(instance_dir_path(path, config->home, spec->id, "%s", ""), err);
    if (r == 0)
        r = write_file(OB_POINT_SCALER_FILE_TYPE,
                       instance_dir_path(path, config->home, spec->id, "/type"), 0644, type, err);
    prepare_log(config->home, log);
    if (r == 0)
        r = make_dir(instance_dir_path(path, config->home, spec->id, "/log"), err);
    if (r == 0)
        r = write_file(OB_POINT_SCALER_FILE_LOG_RUN,
                       instance_dir_path(path, config->home, spec->id, "/log/run"), 0700, log_run,
                       err);
    if (r == 0 && spec->token)
        r = write_file(OB_POINT_SCALER_FILE_TOKEN,
                       instance_dir_path(path, config->home, spec->id, "/token"), 0600, spec->token,
                       err);
    if (r == 0)
        r = write_file(OB_POINT_SCALER_FILE_ENV,
                       instance_dir_path(path, config->home, spec->id, "/env"), 0600, env, err);
    if (r == 0)
        r = write_file(OB_POINT_SCALER_FILE_RUN,
                       instance_dir_path(path, config->home, spec->id, "/run"), 0700, run, err);
    return r;
}

static bool exists(const char *home, const char *id, const char *name)
{
    char path[PATH_MAX];
    return access(instance_dir_path(path, home, id, "/%s", name), F_OK) == 0;
}

bool instance_dir_complete(const char *home, const char *id)
{
    return exists(home, id, "env") && exists(home, id, "token") && exists(home, id, "run");
}

bool instance_dir_size(const char *home, const char *id, ob_resources *ret)
{
    char path[PATH_MAX];
    FILE *file = fopen(instance_dir_path(path, home, id, "/type"), "re");
    bool good = file && fscanf(file, "%*s %d %d", &ret->mcpu, &ret->mem_mib) == 2;
    if (file)
        (void)fclose(file);
    return good;
}

bool instance_dir_is_node(const char *home, const char *id)
{
    char path[PATH_MAX], type[32] = "";
    FILE *file = fopen(instance_dir_path(path, home, id, "/type"), "re");
    bool good = file && fscanf(file, "%31s", type) == 1;
    if (file)
        (void)fclose(file);
    return good && !strcmp(type, PROVIDER_KUBERNETES);
}

bool instance_dir_alive(const char *home, const char *id)
{
    char path[PATH_MAX];
    DIR *dir = opendir(instance_dir_path(path, home, id, "%s", ""));
    bool more = false;
    for (const struct dirent *e; dir && !more && (e = readdir(dir));)
        more = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
               strcmp(e->d_name, "type") != 0;
    if (dir)
        (void)closedir(dir);
    return more;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    (void)st;
    (void)flag;
    /* The type's note, and the directory that holds it, stay. */
    if (where->level == 0 || (where->level == 1 && !strcmp(path + where->base, "type")))
        return 0;
    (void)remove(path);
    return 0;
}

void instance_dir_remove(const char *home, const char *id)
{
    char path[PATH_MAX];
    ob_point_pass(OB_POINT_SCALER_FILES_GO, OB_POINT_BEFORE);
    /* run first, so that nothing starts from a half-removed directory. */
    (void)unlink(instance_dir_path(path, home, id, "/run"));
    (void)nftw(instance_dir_path(path, home, id, "%s", ""), remove_one, 8, FTW_DEPTH | FTW_PHYS);
    ob_point_pass(OB_POINT_SCALER_FILES_GO, OB_POINT_AFTER);
}

/* ---- Pruning ---- */

typedef struct aged {
    char name[64];
    time_t at;
} aged;

static int by_age(const void *a, const void *b)
{
    const aged *x = a, *y = b;
    return x->at == y->at ? strcmp(x->name, y->name) : x->at < y->at ? 1 : -1;
}

static int remove_any(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    (void)st;
    (void)flag;
    (void)where;
    (void)remove(path);
    return 0;
}

/* The n-th newest. Ages mean nothing after the clock was set. */
static bool stays(const keeping *keep, size_t n, int64_t age_s)
{
    if (!ob_wall_steady(keep->young_s * 1000))
        return n < keep->newest;
    return (n < keep->newest && (keep->oldest_s == 0 || age_s < keep->oldest_s)) ||
           (n < keep->young && age_s < keep->young_s);
}

/* Removes of <home>/<folder>/<prefix><id> those of ended instances that are not to be kept. */
static void prune(const char *home, const char *folder, const char *prefix, const keeping *keep)
{
    int64_t now_s = ob_wall_ms() / 1000;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", home, folder);
    DIR *dir = opendir(path);
    aged *all = NULL;
    size_t n = 0;
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        struct stat st;
        const char *id = e->d_name + strlen(prefix);
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || strncmp(id, "i-", 2) != 0 ||
            strlen(e->d_name) >= sizeof(all->name) || instance_dir_alive(home, id) ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        all = ob_realloc(all, (n + 1) * sizeof(*all));
        memcpy(all[n].name, e->d_name, strlen(e->d_name) + 1);
        all[n++].at = st.st_mtime;
    }
    if (dir)
        (void)closedir(dir);
    if (all)
        qsort(all, n, sizeof(*all), by_age);
    for (size_t i = 0; i < n; i++) {
        if (stays(keep, i, now_s - all[i].at))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s/%s", home, folder, all[i].name);
        (void)nftw(path, remove_any, 8, FTW_DEPTH | FTW_PHYS);
    }
    free(all);
}

void instance_dir_prune(const char *home)
{
    prune(home, "instances", "", &keep_types);
    prune(home, "log", "executor-", &keep_logs);
}
