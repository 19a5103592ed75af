/* The executor's side of the store of images (images/image_store.h): looks up and holds what is
 * there, and runs openbatch-image for what is not. Owns its uses, its pulls and their processes;
 * never changes the store itself.
 *
 * Invariants: a waiting caller hears once, from the loop, and gets a hold of its own before
 * openbatch-image lets go of its. An image that came from a Docker engine is looked for there again
 * after a while, because its name may have become another image's. Credentials go to the program's
 * stdin. Thread: the loop's. */
#include "oci_images.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "child.h"
#include "host/registry_login.h"
#include "images/image_name.h"
#include "images/image_store.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"

#define CHECKED_MS 5000 /* for so long an engine's image is taken without asking the engine */
#define ROOM_MS 1000    /* from a release to making room */
#define ARGS_MAX 20

typedef struct use {
    oci_image image; /* first */
    char *id, *root;
    json_t *info;
} use;

typedef struct pull {
    oci_images *store;
    char *key;   /* name, platform, login */
    char *check; /* name, platform */
    char *full, *platform;
    child *child;           /* NULL: it could not be started */
    int64_t begun_ms;       /* monotonic */
    loop_timer stall_timer; /* from the last sign of progress */
    loop_timer fail_timer;  /* for one that could not be started */
    char error[512];
    bool done; /* its callers have heard */
    oci_image_wait *waits;
    UT_hash_handle hh;        /* by key, until it is done */
    struct pull *prev, *next; /* all */
} pull;

struct oci_image_wait {
    pull *pull;
    oci_images_on_ready fn;
    void *arg;
    struct oci_image_wait *prev, *next;
};

/* When an image was last asked for at its engine. */
typedef struct checked {
    char *key;
    int64_t at_ms; /* boot clock */
    UT_hash_handle hh;
} checked;

struct oci_images {
    oci_images_config config;
    char *program;
    pull *pulls, *all; /* those that can be joined; all */
    checked *checks;
    child *room; /* makes room; NULL: none runs */
    loop_timer room_timer;
    bool over; /* the limit, when the store was last looked at */
};

/* ---- uses ---- */

/* Room is made, and what killed programs have left goes, a moment later. */
static void want_room(oci_images *store)
{
    if (!store->room_timer.armed)
        loop_timer_set(store->config.loop, &store->room_timer, ROOM_MS);
}

static const oci_image *use_new(const oci_images *store, const char *id)
{
    int fd;
    if (image_store_hold(store->config.dir, id, &fd) < 0)
        return NULL;
    use *u = ob_calloc(1, sizeof(*u));
    u->id = ob_strdup(id);
    u->root = image_store_path(store->config.dir, "images/%s/rootfs", id);
    u->info = image_store_info(store->config.dir, id);
    if (!json_is_object(json_object_get(u->info, "config"))) {
        json_decref(u->info);
        u->info = json_pack("{s:{}}", "config");
    }
    u->image = (oci_image){
        .id = u->id, .root = u->root, .config = json_object_get(u->info, "config"), .lock_fd = fd
    };
    return &u->image;
}

void oci_images_release(oci_images *store, const oci_image *image)
{
    use *u = (use *)image;
    if (!u)
        return;
    image_store_touch(u->image.lock_fd);
    (void)close(u->image.lock_fd);
    json_decref(u->info);
    free(u->id);
    free(u->root);
    free(u);
    if (store->over)
        want_room(store);
}

const oci_image *oci_images_hold(oci_images *store, const char *id)
{
    return use_new(store, id);
}

/* ---- what the engine was asked ---- */

static char *check_key(const char *full, const char *platform)
{
    return ob_strf("%s\n%s", full, platform ? platform : "");
}

static void note_checked(oci_images *store, const char *key)
{
    checked *c = NULL;
    HASH_FIND_STR(store->checks, key, c);
    if (!c) {
        c = ob_calloc(1, sizeof(*c));
        c->key = ob_strdup(key);
        HASH_ADD_KEYPTR(hh, store->checks, c->key, strlen(c->key), c);
    }
    c->at_ms = ob_boot_ms();
}

static bool is_fresh(const oci_images *store, const char *full, const char *platform)
{
    ob_cleanup(ob_freep) char *key = check_key(full, platform);
    checked *c = NULL;
    HASH_FIND_STR(store->checks, key, c);
    return c && ob_boot_ms() - c->at_ms < CHECKED_MS;
}

const oci_image *oci_images_get(oci_images *store, const oci_image_request *request)
{
    ob_cleanup(ob_freep) char *full = NULL;
    image_entry entry;
    if (image_name_parse(request->name, &full, NULL) < 0 ||
        image_store_find(store->config.dir, full, request->platform, &entry) < 0)
        return NULL;
    bool may_change = strcmp(entry.from, IMAGE_FROM_DOCKER) == 0 && !image_name_is_id(full) &&
                      store->config.engine && *store->config.engine;
    if (may_change && !is_fresh(store, full, request->platform))
        return NULL;
    return use_new(store, entry.id);
}

/* ---- pulls ---- */

static void pull_free(pull *p)
{
    if (!p->done)
        HASH_DEL(p->store->pulls, p);
    DL_DELETE(p->store->all, p);
    loop_timer_stop(p->store->config.loop, &p->stall_timer);
    loop_timer_stop(p->store->config.loop, &p->fail_timer);
    free(p->key);
    free(p->check);
    free(p->full);
    free(p->platform);
    free(p);
}

/* All callers hear of the end. id: NULL: there is no image, because of p->error. A caller may leave
 * another one's wait. */
static void pull_tell(pull *p, const char *id)
{
    oci_images *store = p->store;
    int64_t took_ms = ob_mono_ms() - p->begun_ms;
    ob_info("image.pulled", "{s:o, s:b, s:o, s:I}", "image", ob_json_text(p->full), "ok",
            id != NULL, "error", ob_json_text(id ? "" : p->error), "ms", (json_int_t)took_ms);
    if (store->config.pulled)
        store->config.pulled(id != NULL, took_ms, store->config.arg);
    p->done = true;
    HASH_DEL(store->pulls, p);
    loop_timer_stop(store->config.loop, &p->stall_timer);
    if (id)
        note_checked(store, p->check);
    while (p->waits) {
        oci_image_wait *w = p->waits;
        DL_DELETE(p->waits, w);
        const oci_image *image = id ? use_new(store, id) : NULL;
        w->fn(image,
              image ? NULL
              : id  ? "the image was removed while it was pulled"
                    : p->error,
              w->arg);
        free(w);
    }
}

static void on_stall(void *arg)
{
    pull *p = arg;
    ob_text_format(p->error, sizeof(p->error),
                   "inactivity time exceeded timeout while pulling image: no progress for %lld ms "
                   "with %s",
                   (long long)p->store->config.pull_stall_ms, p->full);
    child_kill(p->child);
    pull_tell(p, NULL); /* it is freed with the program's end */
}

static void on_fail(void *arg)
{
    pull *p = arg;
    pull_tell(p, NULL);
    pull_free(p);
}

static void expect_progress(pull *p)
{
    loop_timer_set(p->store->config.loop, &p->stall_timer, p->store->config.pull_stall_ms);
}

static void on_line(const char *line, size_t len, void *arg)
{
    pull *p = arg;
    json_auto_t *said = ob_json_read(line, len);
    const char *id = ob_json_str(said, "id", NULL), *error = ob_json_str(said, "error", NULL);
    if (p->done)
        return;
    expect_progress(p);
    if (error)
        (void)ob_text_into(p->error, sizeof(p->error), error);
    if (!id)
        return;
    p->store->over = json_is_true(json_object_get(said, "over"));
    pull_tell(p, id);
    child_close_input(p->child); /* they have their own holds now */
}

static void on_end(int status, void *arg)
{
    pull *p = arg;
    if (WIFSIGNALED(status)) /* it has left its work folder */
        want_room(p->store);
    if (!p->error[0])
        ob_text_format(p->error, sizeof(p->error), "openbatch-image ended unexpectedly (%s %d)",
                       WIFSIGNALED(status) ? "signal" : "exit code",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (!p->done)
        pull_tell(p, NULL);
    pull_free(p);
}

/* Starts openbatch-image. rest: its command; NULL ends it. */
static int start_program(oci_images *store,
                         const char *const *rest,
                         const char *platform,
                         child_options *options,
                         child **ret,
                         ob_error *err)
{
    const oci_images_config *c = &store->config;
    char limit[32], parent[16];
    const char *argv[ARGS_MAX] = { store->program, "--store", c->dir };
    size_t n = 3;
    (void)snprintf(limit, sizeof(limit), "%lld", (long long)c->limit_bytes);
    (void)snprintf(parent, sizeof(parent), "%d", (int)getpid());
    argv[n++] = "--limit";
    argv[n++] = limit;
    argv[n++] = "--with-parent";
    argv[n++] = parent;
    argv[n++] = "--engine";
    argv[n++] = c->engine ? c->engine : "";
    argv[n++] = "--credentials";
    argv[n++] = c->credentials ? c->credentials : "";
    argv[n++] = "--platform";
    argv[n++] = platform ? platform : "";
    while (*rest)
        argv[n++] = *rest++;
    argv[n] = NULL;
    options->loop = c->loop;
    options->argv = argv;
    return child_start(options, ret, err);
}

/* The line that the program reads: credentials, or nothing. */
static int make_input(const char *login, char **ret, ob_error *err)
{
    json_t *pair = NULL;
    int r = login ? registry_login_from_secret(login, &pair, err) : 0;
    ob_cleanup(ob_freep) char *text = pair ? json_dumps(pair, JSON_COMPACT) : ob_strdup("");
    json_decref(pair);
    *ret = ob_strf("%s\n", text);
    return r;
}

static void pull_start(pull *p, const oci_image_request *request)
{
    ob_error err = { 0 };
    ob_cleanup(ob_freep) char *input = NULL;
    const char *command[] = { "get", p->full, NULL };
    child_options options = { .on_line = on_line, .on_end = on_end, .arg = p };
    ob_cleanup(ob_freep) char *full = NULL;
    int r = image_name_parse(request->name, &full, &err);
    if (r == 0)
        r = make_input(request->login, &input, &err);
    options.input = input;
    if (r == 0)
        r = start_program(p->store, command, p->platform, &options, &p->child, &err);
    if (r == 0) {
        expect_progress(p);
        return;
    }
    (void)ob_text_into(p->error, sizeof(p->error), err.text);
    loop_timer_set(p->store->config.loop, &p->fail_timer, 0);
}

static pull *pull_new(oci_images *store, const char *key, const oci_image_request *request)
{
    pull *p = ob_calloc(1, sizeof(*p));
    p->store = store;
    p->key = ob_strdup(key);
    if (image_name_parse(request->name, &p->full, NULL) < 0)
        p->full = ob_strdup(request->name); /* pull_start says what is wrong with it */
    p->platform = request->platform ? ob_strdup(request->platform) : NULL;
    p->check = check_key(p->full, p->platform);
    p->begun_ms = ob_mono_ms();
    p->stall_timer = (loop_timer){ .fn = on_stall, .arg = p };
    p->fail_timer = (loop_timer){ .fn = on_fail, .arg = p };
    HASH_ADD_KEYPTR(hh, store->pulls, p->key, strlen(p->key), p);
    DL_APPEND(store->all, p);
    pull_start(p, request);
    return p;
}

oci_image_wait *oci_images_wait(oci_images *store,
                                const oci_image_request *request,
                                oci_images_on_ready fn,
                                void *arg)
{
    ob_cleanup(ob_freep) char *key =
        ob_strf("%s\n%s\n%s", request->name, request->platform ? request->platform : "",
                request->login ? request->login : "");
    pull *p = NULL;
    HASH_FIND_STR(store->pulls, key, p);
    if (!p)
        p = pull_new(store, key, request);
    oci_image_wait *w = ob_calloc(1, sizeof(*w));
    *w = (oci_image_wait){ .pull = p, .fn = fn, .arg = arg };
    DL_APPEND(p->waits, w);
    return w;
}

void oci_images_leave(oci_image_wait *wait)
{
    if (!wait)
        return;
    DL_DELETE(wait->pull->waits, wait);
    free(wait);
}

/* ---- room ---- */

static void on_room_line(const char *line, size_t len, void *arg)
{
    oci_images *store = arg;
    json_auto_t *said = ob_json_read(line, len);
    store->over = json_is_true(json_object_get(said, "over"));
}

static void on_room_end(int status, void *arg)
{
    oci_images *store = arg;
    (void)status; /* the next one does what this one has not done */
    store->room = NULL;
}

static void make_room(void *arg)
{
    static const char *const command[] = { "room", NULL };
    oci_images *store = arg;
    ob_error err = { 0 };
    child_options options = { .on_line = on_room_line, .on_end = on_room_end, .arg = store };
    if (store->room)
        loop_timer_set(store->config.loop, &store->room_timer, ROOM_MS);
    else if (start_program(store, command, NULL, &options, &store->room, &err) < 0)
        ob_warn("image.room_failed", "{s:o}", "error", ob_json_text(err.text)); /* ignoring */
}

/* ---- the store ---- */

/* openbatch-image in the folder of this program. New. */
static char *find_program(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return ob_strf("%s/openbatch-image", path);
}

int oci_images_new(const oci_images_config *config, oci_images **ret, ob_error *err)
{
    int r = image_store_make(config->dir, err);
    if (r < 0)
        return r;
    oci_images *store = ob_calloc(1, sizeof(*store));
    store->config = *config;
    store->program = config->program ? ob_strdup(config->program) : find_program();
    store->room_timer = (loop_timer){ .fn = make_room, .arg = store };
    loop_timer_set(config->loop, &store->room_timer, 0); /* and what killed processes left goes */
    *ret = store;
    return 0;
}

void oci_images_free(oci_images *store)
{
    if (!store)
        return;
    pull *p, *next;
    checked *c, *after;
    DL_FOREACH_SAFE(store->all, p, next)
    {
        child_free(p->child);
        pull_free(p);
    }
    HASH_ITER(hh, store->checks, c, after)
    {
        HASH_DEL(store->checks, c);
        free(c->key);
        free(c);
    }
    child_free(store->room);
    loop_timer_stop(store->config.loop, &store->room_timer);
    free(store->program);
    free(store);
}
