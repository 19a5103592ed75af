/* Reads the whole store. Owns nothing. One thread. */
#include "image_catalog.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

static void add_row(const char *dir, const char *id, image_catalog *c)
{
    ob_cleanup(ob_freep) char *lock = image_store_path(dir, "images/%s/lock", id);
    json_auto_t *info = image_store_info(dir, id);
    struct stat st = { 0 };
    (void)stat(lock, &st);
    c->rows = ob_realloc(c->rows, (c->n + 1) * sizeof(image_row));
    image_row *row = &c->rows[c->n++];
    *row = (image_row){ .bytes = json_integer_value(json_object_get(info, "bytes")),
                        .used_ms = st.st_mtim.tv_sec * 1000LL + st.st_mtim.tv_nsec / 1000000,
                        .names = json_array() };
    (void)ob_text_into(row->id, sizeof(row->id), id);
    (void)ob_text_into(row->platform, sizeof(row->platform), ob_json_str(info, "platform", ""));
}

static void add_name(image_catalog *c, const char *name, const json_t *entry)
{
    const char *id = ob_json_str(entry, "id", ""), *from = ob_json_str(entry, "from", "");
    for (size_t i = 0; i < c->n; i++) {
        image_row *row = &c->rows[i];
        if (strcmp(row->id, id) != 0)
            continue;
        (void)json_array_append_new(row->names, ob_json_text(name));
        (void)ob_text_into(row->from, sizeof(row->from), from);
        row->loaded = row->loaded || strcmp(from, IMAGE_FROM_LOAD) == 0;
    }
}

static void read_names(const char *dir, image_catalog *c)
{
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "names");
    DIR *folder = opendir(path);
    struct dirent *file;
    while (folder && (file = readdir(folder))) {
        json_auto_t *names = image_store_name(dir, file->d_name);
        const char *platform;
        json_t *entry;
        json_object_foreach(json_object_get(names, "platforms"), platform, entry)
        {
            add_name(c, ob_json_str(names, "name", ""), entry);
        }
    }
    if (folder)
        (void)closedir(folder);
}

static int by_use(const void *a, const void *b)
{
    const image_row *x = a, *y = b;
    return x->used_ms < y->used_ms ? -1 : x->used_ms > y->used_ms;
}

void image_catalog_read(const char *dir, image_catalog *ret)
{
    *ret = (image_catalog){ 0 };
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "images");
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (image_store_is_id(entry->d_name))
            add_row(dir, entry->d_name, ret);
    if (folder)
        (void)closedir(folder);
    read_names(dir, ret);
    if (ret->n > 0)
        qsort(ret->rows, ret->n, sizeof(image_row), by_use);
}

void image_catalog_done(image_catalog *catalog)
{
    for (size_t i = 0; i < catalog->n; i++)
        json_decref(catalog->rows[i].names);
    free(catalog->rows);
    *catalog = (image_catalog){ 0 };
}

bool image_is_mounted(const char *id)
{
    ob_cleanup(ob_freep) char *root = ob_strf("/images/%s/rootfs", id);
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (mounts && !found && getline(&line, &size, mounts) > 0)
        found = strstr(line, root) != NULL;
    free(line);
    if (mounts)
        (void)fclose(mounts);
    return found;
}
