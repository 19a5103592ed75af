/* Changes the store of images. Owns nothing between calls; openbatch-image is its only user, so one
 * thread.
 *
 * Invariants: names change, and images come and go, only under the store's lock. An image is on the
 * disk before it gets its place, and in its place before it gets a name. It leaves only while
 * nobody else holds its lock. So a process that is killed leaves at most an image without a name,
 * which the next one removes, and files in new/ and going/. */
#include "image_keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image_catalog.h"
#include "image_files.h"
#include "ob/buf.h"
#include "ob/file.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define SHORT_ID 12

static int take_store(const char *dir, ob_error *err)
{
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "lock");
    int fd = image_files_lock(path, LOCK_EX, true);
    return fd < 0 ? ob_fail(err, -fd, "%s: %s", path, strerror(-fd)) : fd;
}

/* All that was written to the store's file system is on the disk. */
static int flush(const char *dir, ob_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || syncfs(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return r < 0 ? ob_fail(err, -r, "%s: %s", dir, strerror(-r)) : 0;
}

static int write_name(const char *path, const json_t *names, ob_error *err)
{
    ob_cleanup(ob_freep) char *text = json_dumps(names, JSON_COMPACT);
    return ob_file_write(OB_POINT_EXECUTOR_IMAGE_NAME, path, 0600, text, true, err);
}

static int set_name(const char *dir,
                    const char *name,
                    const char *platform,
                    const image_entry *entry,
                    ob_error *err)
{
    ob_cleanup(ob_freep) char *path = image_store_name_file(dir, name);
    json_t *names = image_store_name(dir, strrchr(path, '/') + 1);
    if (!json_is_object(json_object_get(names, "platforms"))) {
        json_decref(names);
        names = json_pack("{s:o, s:{}}", "name", ob_json_text(name), "platforms");
    }
    json_auto_t *owned = names;
    (void)json_object_set_new(json_object_get(names, "platforms"), platform,
                              json_pack("{s:o, s:o, s:o}", "id", ob_json_text(entry->id), "from",
                                        ob_json_text(entry->from), "source",
                                        ob_json_text(entry->source)));
    return write_name(path, owned, err);
}

int image_keeper_add(const char *dir,
                     const char *folder,
                     const char *name,
                     const char *platform,
                     const image_entry *entry,
                     int *ret_fd,
                     ob_error *err)
{
    ob_cleanup(ob_freep) char *place = image_store_path(dir, "images/%s", entry->id);
    int r = folder ? flush(dir, err) : 0;
    int store = r == 0 ? take_store(dir, err) : r;
    if (store < 0)
        return store;
    bool was_there = image_store_hold(dir, entry->id, ret_fd) == 0;
    if (!was_there && folder)
        r = image_files_move(OB_POINT_EXECUTOR_IMAGE_PUBLISH, folder, place, err);
    if (r == 0 && !was_there && image_store_hold(dir, entry->id, ret_fd) < 0)
        r = ob_fail(err, ENOENT, "the image %s is gone", entry->id);
    if (r == 0 && name) {
        r = set_name(dir, name, platform, entry, err);
        if (r < 0)
            (void)close(*ret_fd);
    }
    (void)close(store);
    return r;
}

/* ---- removal ---- */

/* Takes the names of an image. all: false: only 'name'. */
static int take_names(const char *dir, const char *id, const char *name, ob_error *err)
{
    ob_cleanup(ob_freep) char *path = image_store_name_file(dir, name);
    json_auto_t *names = image_store_name(dir, strrchr(path, '/') + 1);
    json_t *platforms = json_object_get(names, "platforms");
    const char *platform;
    json_t *entry;
    void *next;
    json_object_foreach_safe(platforms, next, platform, entry)
    {
        if (strcmp(ob_json_str(entry, "id", ""), id) == 0)
            (void)json_object_del(platforms, platform);
    }
    if (json_object_size(platforms) > 0)
        return write_name(path, names, err);
    ob_file_remove(OB_POINT_EXECUTOR_IMAGE_UNNAME, path);
    return 0;
}

/* Moves an image away, if nobody uses it. Its names go first, so that no name is left without an
 * image. Errors: -EBUSY. */
static int move_away(const char *dir, const image_row *row, ob_error *err)
{
    ob_cleanup(ob_freep) char *from = image_store_path(dir, "images/%s", row->id);
    ob_cleanup(ob_freep) char *lock = image_store_path(dir, "images/%s/lock", row->id);
    ob_cleanup(ob_freep) char *to = image_store_path(dir, "going/%s.%d", row->id, (int)getpid());
    int fd = image_is_mounted(row->id) ? -EBUSY : image_files_lock(lock, LOCK_EX | LOCK_NB, true);
    if (fd < 0)
        return ob_fail(err, EBUSY, "the image %s is in use", ob_cut(row->id, SHORT_ID));
    int r = 0;
    size_t i;
    json_t *name;
    json_array_foreach(row->names, i, name) if (r == 0) r =
        take_names(dir, row->id, json_string_value(name), err);
    if (r == 0)
        r = image_files_move(OB_POINT_EXECUTOR_IMAGE_GO, from, to, err);
    (void)close(fd);
    return r;
}

static void
each_of(const char *dir, const char *folder, void (*fn)(const char *dir, const char *name))
{
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "%s", folder);
    DIR *list = opendir(path);
    struct dirent *entry;
    while (list && (entry = readdir(list)))
        if (entry->d_name[0] != '.')
            fn(dir, entry->d_name);
    if (list)
        (void)closedir(list);
}

/* Only entries whose names are of the store's own form are the store's: here <id>.<number>. */
static bool is_going(const char *name)
{
    char id[IMAGE_ID_TEXT];
    const char *rest = name + strnlen(name, IMAGE_ID_TEXT - 1);
    (void)ob_text_into(id, sizeof(id), name);
    return image_store_is_id(id) && rest[0] == '.' && rest[1] &&
           rest[1 + strspn(rest + 1, "0123456789")] == '\0';
}

static void delete_going(const char *dir, const char *name)
{
    if (!is_going(name))
        return;
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "going/%s", name);
    image_files_delete(OB_POINT_EXECUTOR_IMAGE_DELETE, path);
}

/* A work folder whose pull nobody does any more. */
static void delete_left(const char *dir, const char *name)
{
    if (!image_store_is_id(name)) /* keys are digests, too */
        return;
    ob_cleanup(ob_freep) char *lock = image_store_path(dir, "pulls/%s", name);
    ob_cleanup(ob_freep) char *work = image_store_path(dir, "new/%s", name);
    int fd = image_files_lock(lock, LOCK_EX | LOCK_NB, true);
    if (fd < 0)
        return;
    image_files_delete(OB_POINT_EXECUTOR_IMAGE_SWEEP, work);
    ob_file_remove(OB_POINT_EXECUTOR_IMAGE_UNLOCK, lock);
    (void)close(fd);
}

void image_keeper_sweep(const char *dir)
{
    each_of(dir, "new", delete_left);
    each_of(dir, "pulls", delete_left);
    each_of(dir, "going", delete_going);
}

int image_keeper_make_room(const char *dir, int64_t limit_bytes, bool *ret_over, ob_error *err)
{
    image_catalog all;
    int64_t total = 0;
    int store = take_store(dir, err);
    if (store < 0)
        return store;
    image_catalog_read(dir, &all);
    for (size_t i = 0; i < all.n; i++)
        total += all.rows[i].bytes;
    for (size_t i = 0; i < all.n; i++) {
        const image_row *row = &all.rows[i];
        bool has_name = json_array_size(row->names) > 0;
        bool must_go = !has_name || (limit_bytes > 0 && total > limit_bytes && !row->loaded);
        if (must_go && move_away(dir, row, NULL) == 0)
            total -= row->bytes;
    }
    *ret_over = limit_bytes > 0 && total > limit_bytes;
    image_catalog_done(&all);
    (void)close(store);
    each_of(dir, "going", delete_going);
    return 0;
}

static const image_row *find_row(const image_catalog *all, const char *what, bool *ret_by_id)
{
    for (size_t i = 0; i < all->n; i++) {
        size_t at;
        json_t *name;
        json_array_foreach(all->rows[i].names, at, name)
        {
            *ret_by_id = false;
            if (strcmp(json_string_value(name), what) == 0)
                return &all->rows[i];
        }
    }
    *ret_by_id = true;
    for (size_t i = 0; i < all->n && strlen(what) >= SHORT_ID; i++)
        if (strncmp(all->rows[i].id, what, strlen(what)) == 0)
            return &all->rows[i];
    return NULL;
}

int image_keeper_remove(const char *dir, const char *what, ob_error *err)
{
    image_catalog all;
    bool by_id = false;
    int store = take_store(dir, err);
    if (store < 0)
        return store;
    image_catalog_read(dir, &all);
    const image_row *row = find_row(&all, what, &by_id);
    int r;
    if (!row)
        r = ob_fail(err, ENOENT, "there is no image %s in the store", what);
    else if (by_id || json_array_size(row->names) == 1)
        r = move_away(dir, row, err);
    else
        r = take_names(dir, row->id, what, err);
    image_catalog_done(&all);
    (void)close(store);
    each_of(dir, "going", delete_going);
    return r;
}

/* ---- the table ---- */

static bool is_used(const char *dir, const char *id)
{
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "images/%s/lock", id);
    int fd = image_files_lock(path, LOCK_EX | LOCK_NB, false);
    if (fd >= 0)
        (void)close(fd);
    return fd == -EWOULDBLOCK || image_is_mounted(id);
}

static void print_row(const char *dir, const image_row *row, const char *name, FILE *out)
{
    char used[32];
    time_t at = row->used_ms / 1000;
    struct tm tm;
    (void)strftime(used, sizeof(used), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
    (void)fprintf(out, "%-50s %.12s  %-12s %8.1f  %-8s  %s  %s\n", name, row->id /* ASCII */,
                  row->platform, (double)row->bytes / 1e6, row->from, used,
                  is_used(dir, row->id) ? "yes" : "no");
}

void image_keeper_list(const char *dir, FILE *out)
{
    image_catalog all;
    image_catalog_read(dir, &all);
    (void)fprintf(out, "%-50s %-12s  %-12s %8s  %-8s  %-20s  %s\n", "NAME", "ID", "PLATFORM", "MB",
                  "FROM", "LAST USED", "IN USE");
    for (size_t i = all.n; i-- > 0;) {
        size_t at;
        json_t *name;
        json_array_foreach(all.rows[i].names, at, name)
            print_row(dir, &all.rows[i], json_string_value(name), out);
        if (json_array_size(all.rows[i].names) == 0)
            print_row(dir, &all.rows[i], "-", out);
    }
    image_catalog_done(&all);
}
