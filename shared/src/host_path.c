/* Owns the list of guarded folders; decides by names, after following links. When the engine mounts
 * a folder, a link may lead elsewhere: a person who can change links on the host has more rights
 * than this check protects. */
#include "ob/host_path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ob/message.h"
#include "ob/text.h"

#define FOLDERS_MAX 40

/* The usual folders of engines; /proc leads to everything by /proc/<pid>/root and fd. */
static const char *const everywhere[] = {
    "/proc",
    "/run/docker.sock",
    "/run/docker",
    "/run/containerd",
    "/run/dockerd",
    "/run/runc",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/run/docker.sock",
    "/var/run/docker",
    "/var/run/containerd",
    "/var/lib/openbatch", /* PostgreSQL's data, where its user cannot reach the home (up) */
};

struct ob_host_guard {
    char *folders[FOLDERS_MAX]; /* as named, and where their links lead */
    size_t n;
};

/* An absolute path without "//", "." and "..", whatever links are on it. New. */
static char *plain(const char *path)
{
    char *out = ob_calloc(strlen(path) + 2, 1);
    size_t len = 0;
    while (*path) {
        path += strspn(path, "/");
        size_t n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            while (len > 0 && out[--len] != '/')
                ;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            out[len++] = '/';
            memcpy(out + len, path, n);
            len += n;
        }
        path += n;
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return out;
}

/* The target of a path: the existing part by its links, the rest by its text. New. */
static char *led(const char *path)
{
    ob_cleanup(ob_freep) char *head = ob_strdup(path);
    size_t end = strlen(head);
    for (;;) {
        char real[PATH_MAX];
        if (realpath(end > 0 ? head : "/", real)) {
            ob_cleanup(ob_freep) char *whole = ob_strf("%s/%s", real, path + end);
            return plain(whole);
        }
        while (end > 0 && head[--end] != '/')
            ;
        head[end] = '\0';
    }
}

static bool is_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strcmp(folder, "/") == 0 ||
           (strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

bool ob_host_path_in(const char *path, const char *folder)
{
    ob_cleanup(ob_freep) char *text = plain(path);
    return is_in(text, folder);
}

/* Takes ownership of 'folder'. */
static void add_one(ob_host_guard *g, char *folder)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->folders[i], folder) == 0) {
            free(folder);
            return;
        }
    if (g->n < FOLDERS_MAX)
        g->folders[g->n++] = folder;
    else
        free(folder);
}

static void add(ob_host_guard *g, const char *folder)
{
    if (!folder || *folder != '/')
        return;
    add_one(g, plain(folder));
    add_one(g, led(folder));
}

static void add_list(ob_host_guard *g, const char *folders)
{
    for (const char *at = folders; at && *at; at += *at == ':') {
        size_t n = strcspn(at, ":");
        ob_cleanup(ob_freep) char *one = ob_text_dup(at, n);
        add(g, one);
        at += n;
    }
}

ob_host_guard *
ob_host_guard_new(const char *home, const char *run_dir, const char *engine, const char *more)
{
    static const char unix_socket[] = "unix://";
    ob_host_guard *g = ob_calloc(1, sizeof(*g));
    for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++)
        add(g, everywhere[i]);
    add(g, home);
    add(g, run_dir);
    if (run_dir) { /* PostgreSQL's sockets are beside it (tools/lib.sh) */
        ob_cleanup(ob_freep) char *sockets = ob_strf("%s.pg", run_dir);
        add(g, sockets);
    }
    if (engine && strncmp(engine, unix_socket, sizeof(unix_socket) - 1) == 0)
        add(g, engine + sizeof(unix_socket) - 1);
    add_list(g, more);
    return g;
}

void ob_host_guard_free(ob_host_guard *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++)
        free(g->folders[i]);
    free(g);
}

static int check(const ob_host_guard *g, const char *place, const char *path, ob_error *err)
{
    for (size_t i = 0; i < g->n; i++)
        if (is_in(place, g->folders[i]) || is_in(g->folders[i], place))
            return ob_fail(err, EPERM,
                           "sourcePath %s is, contains or is inside a folder of this service or of "
                           "the container engine, which no container may use.",
                           ob_cut(path, 200));
    return 0;
}

int ob_host_guard_check(const ob_host_guard *g, const json_t *container, bool here, ob_error *err)
{
    size_t i;
    const json_t *volume;
    if (!g)
        return 0;
    json_array_foreach(json_object_get(container, "volumes"), i, volume)
    {
        const char *path = ob_json_str(json_object_get(volume, "host"), "sourcePath", "");
        if (!*path)
            continue;
        ob_cleanup(ob_freep) char *text = plain(path);
        ob_cleanup(ob_freep) char *place = here ? led(path) : ob_strdup(text);
        int r = check(g, text, path, err);
        if (r == 0)
            r = check(g, place, path, err);
        if (r < 0)
            return r;
    }
    return 0;
}
