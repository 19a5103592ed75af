/* Brings images into the store; see image_store.h for the places. Owns the lock of a pull while it
 * works. Invariants: only the owner of pulls/<key> touches new/<key>; whoever waits for that lock
 * takes the owner's progress, the time of the lock file, for its own. One thread. */
#include "image_bring.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/registry_login.h"
#include "image_archive.h"
#include "image_engine.h"
#include "image_files.h"
#include "image_keeper.h"
#include "image_name.h"
#include "image_unpack.h"
#include "ob/json.h"
#include "ob/text.h"

#define WAIT_US 100000

/* One image on its way. */
typedef struct bringing {
    const image_bringer *b;
    const char *full;     /* its complete name; NULL: it has none */
    const char *platform; /* that is asked for; NULL: this host's */
    image_entry entry;
    char *work, *lock; /* new/<key>, pulls/<key> */
    int lock_fd;
    image_progress progress;
} bringing;

static void note_progress(void *arg)
{
    bringing *x = arg;
    image_store_touch(x->lock_fd);
    if (x->b->progress)
        x->b->progress->fn(x->b->progress->arg);
}

static bool same_time(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int wait_for_lock(const image_bringer *b, const char *path, ob_error *err)
{
    struct stat last = { 0 }, now;
    for (;;) {
        int fd = image_files_lock(path, LOCK_EX | LOCK_NB, true);
        if (fd >= 0)
            return fd;
        if (fd != -EWOULDBLOCK)
            return ob_fail(err, -fd, "%s: %s", path, strerror(-fd));
        if (stat(path, &now) == 0 && !same_time(&now, &last) && b->progress)
            b->progress->fn(b->progress->arg);
        last = now;
        (void)usleep(WAIT_US);
    }
}

/* Takes the pull with that key, and its empty work folder. */
static int begin(bringing *x, const char *key, ob_error *err)
{
    ob_cleanup(ob_freep) char *named = image_store_name_file("", key);
    const char *hash = strrchr(named, '/') + 1;
    x->lock = image_store_path(x->b->dir, "pulls/%s", hash);
    x->work = image_store_path(x->b->dir, "new/%s", hash);
    x->progress = (image_progress){ .fn = note_progress, .arg = x };
    x->lock_fd = wait_for_lock(x->b, x->lock, err);
    return x->lock_fd < 0 ? x->lock_fd : 0;
}

static int make_work(const bringing *x, ob_error *err)
{
    image_files_delete(OB_POINT_EXECUTOR_IMAGE_RESTART, x->work);
    if (mkdir(x->work, 0700) < 0)
        return ob_fail(err, errno, "%s: %s", x->work, strerror(errno));
    return 0;
}

static void end(bringing *x)
{
    const char *const left[] = { x->work, x->lock };
    for (size_t i = 0; i < ARRAY_SIZE(left) && x->lock_fd >= 0; i++)
        image_files_delete(OB_POINT_EXECUTOR_IMAGE_DONE, left[i]);
    if (x->lock_fd >= 0)
        (void)close(x->lock_fd);
    free(x->work);
    free(x->lock);
}

/* Is it there? */
static bool held(bringing *x, int *ret_fd)
{
    return image_store_find(x->b->dir, x->full, x->platform, &x->entry) == 0 &&
           image_store_hold(x->b->dir, x->entry.id, ret_fd) == 0;
}

static int check_platform(const bringing *x, const char *platform, ob_error *err)
{
    size_t len = strlen(x->platform ? x->platform : "");
    if (!x->platform || (strncmp(platform, x->platform, len) == 0 &&
                         (platform[len] == '\0' || platform[len] == '/')))
        return 0;
    return ob_fail(err, ENOENT, "the image is for %s, not for %s", platform, x->platform);
}

/* From the layout in the work folder to its place. platform: that it is stored for; NULL: its own.
 */
static int place(bringing *x, const char *platform, int *ret_fd, ob_error *err)
{
    char own[IMAGE_PLATFORM_MAX];
    struct stat st;
    int r = image_unpack_describe(x->work, x->entry.id, own, err);
    if (r == 0)
        r = check_platform(x, own, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *there = image_store_path(x->b->dir, "images/%s/lock", x->entry.id);
    ob_cleanup(ob_freep) char *folder = ob_strf("%s/image", x->work);
    if (!platform)
        platform = own;
    /* Another name of an image that is there: it may go before we hold it, and then it is
     * unpacked. */
    if (stat(there, &st) == 0 &&
        image_keeper_add(x->b->dir, NULL, x->full, platform, &x->entry, ret_fd, err) == 0)
        return 0;
    r = image_unpack_root(x->work, x->b->limit_bytes, &x->progress, err);
    if (r == 0)
        r = image_keeper_add(x->b->dir, folder, x->full, platform, &x->entry, ret_fd, err);
    return r;
}

static int copy(bringing *x, const char *source, const char *registry, ob_error *err)
{
    json_auto_t *own = NULL;
    const json_t *login = x->b->login;
    if (registry && !login) {
        own = registry_login_from_file(x->b->credentials, x->full);
        login = own;
    }
    return image_unpack_copy(x->work, source, x->platform, registry, login, x->b->limit_bytes,
                             &x->progress, err);
}

static int from_registry(bringing *x, ob_error *err)
{
    ob_cleanup(ob_freep) char *host = ob_text_dup(x->full, strcspn(x->full, "/"));
    ob_cleanup(ob_freep) char *source = ob_strf("docker://%s", x->full);
    x->entry = (image_entry){ .from = IMAGE_FROM_REGISTRY };
    return copy(x, source, host, err);
}

/* id: the engine's. */
static int from_engine(bringing *x, const char *id, ob_error *err)
{
    ob_cleanup(ob_freep) char *file = ob_strf("%s/archive", x->work);
    x->entry = (image_entry){ .from = IMAGE_FROM_DOCKER };
    (void)ob_text_into(x->entry.source, sizeof(x->entry.source), id);
    int r = image_engine_save(x->b->engine, id, file, x->b->limit_bytes, &x->progress, err);
    return r < 0 ? r : copy(x, "docker-archive:archive", NULL, err);
}

/* An engine's image of that name counts before a registry's, as for Docker itself. */
static int fetch(bringing *x, bool again, int *ret_fd, bool *ret_done, ob_error *err)
{
    ob_cleanup(ob_freep) char *id = NULL;
    bool is_there = held(x, ret_fd);
    bool from_docker = is_there && strcmp(x->entry.from, IMAGE_FROM_DOCKER) == 0;
    *ret_done = is_there && !again && !from_docker;
    if (*ret_done)
        return 0;
    int r = -ENOENT;
    if (x->b->engine && *x->b->engine)
        r = image_engine_find(x->b->engine, x->full, x->platform, &id, err);
    /* What was copied from the engine before counts while that is the same, or not to be known. */
    *ret_done = from_docker && (r < 0 ? !again : strcmp(id, x->entry.source) == 0);
    if (*ret_done)
        return 0;
    if (is_there)
        (void)close(*ret_fd);
    if (r < 0 && image_name_is_id(x->full))
        return ob_fail(err, ENOENT, "there is no image with that id");
    int made = make_work(x, err);
    if (made < 0)
        return made;
    return r == 0 ? from_engine(x, id, err) : from_registry(x, err);
}

int image_bring_named(const image_bringer *b,
                      const char *name,
                      const char *platform,
                      bool again,
                      char **ret_id,
                      int *ret_fd,
                      ob_error *err)
{
    ob_cleanup(ob_freep) char *full = NULL;
    bool done = false;
    int r = image_name_parse(name, &full, err);
    if (r < 0)
        return r;
    bringing x = { .b = b, .full = full, .platform = platform, .lock_fd = -1 };
    const char *wanted = platform ? platform : image_host_platform();
    ob_cleanup(ob_freep) char *key = ob_strf("%s\n%s", full, wanted);
    r = begin(&x, key, err);
    if (r == 0)
        r = fetch(&x, again, ret_fd, &done, err);
    if (r == 0 && !done)
        r = place(&x, wanted, ret_fd, err);
    end(&x);
    if (r == 0)
        *ret_id = ob_strdup(x.entry.id);
    return r;
}

/* ---- archives ---- */

static int load_one(const image_bringer *b,
                    const char *path,
                    const image_archive *archive,
                    const image_archived *image,
                    ob_error *err)
{
    bringing x = { .b = b, .lock_fd = -1 };
    ob_cleanup(ob_freep) char *key = ob_strf("load %d", (int)getpid());
    size_t i;
    json_t *name;
    int r = begin(&x, key, err);
    if (r == 0)
        r = make_work(&x, err);
    if (r == 0)
        r = image_archive_prepare(archive, x.work, path, b->limit_bytes, &x.progress, err);
    if (r == 0)
        r = copy(&x, image->source, NULL, err);
    json_array_foreach(image->names, i, name)
    {
        int fd = -1;
        x.full = json_string_value(name);
        x.entry = (image_entry){ .from = IMAGE_FROM_LOAD };
        if (r == 0)
            r = place(&x, NULL, &fd, err);
        if (fd >= 0)
            (void)close(fd);
        if (r == 0)
            (void)printf("loaded %s (%.12s)\n", x.full, x.entry.id); /* ASCII */
    }
    end(&x);
    return r;
}

int image_bring_archive(const image_bringer *b, const char *path, const char *name, ob_error *err)
{
    image_archive archive;
    int r = image_archive_read(path, &archive, err);
    if (r == 0 && name && archive.n != 1)
        r = ob_fail(err, EINVAL, "%s has %zu images, so they keep their own names", path,
                    archive.n);
    if (r == 0 && name) {
        (void)json_array_clear(archive.images[0].names);
        (void)json_array_append_new(archive.images[0].names, ob_json_text(name));
    }
    for (size_t i = 0; i < archive.n && r == 0; i++) {
        if (json_array_size(archive.images[i].names) == 0)
            r = ob_fail(err, EINVAL, "an image in %s has no name: name it, with load FILE NAME",
                        path);
        else
            r = load_one(b, path, &archive, &archive.images[i], err);
    }
    image_archive_done(&archive);
    return r;
}
