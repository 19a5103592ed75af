/* Reads archives of images with tar, which also decompresses them. What is in such a file is from
 * outside: names are parsed, and nothing of it becomes a path. skopeo would unpack an archive of
 * OCI itself, but writes through links that lead out of its folder; tar does not. Archives of
 * docker save that are compressed it cannot read. Owns nothing between calls. One thread. */
#include "image_archive.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_files.h"
#include "image_name.h"
#include "ob/json.h"
#include "ob/message.h"

#define LIST_MAX (1024 * 1024)
#define IMAGES_MAX 1000
#define OPEN_FOLDERS 32 /* descriptors of one walk */
#define UNPACKED "archive"
#define DECOMPRESSED "archive.tar"
#define MAGIC_MAX 6

/* A file of the archive as JSON. NULL: there is none. */
static json_t *read_member(const char *path, const char *member)
{
    ob_buf out = { 0 };
    const char *argv[] = { "tar", "--occurrence=1", "--warning=none", "-xOf", path, member, NULL };
    image_program tar = { .argv = argv, .out = &out, .out_max = LIST_MAX };
    int r = image_program_run(OB_POINT_NONE, &tar, NULL);
    json_t *json = r == 0 ? ob_json_read(out.at ? out.at : "", out.len) : NULL;
    ob_buf_done(&out);
    return json;
}

static image_archived *add(image_archive *archive, char *source)
{
    archive->images = ob_realloc(archive->images, (archive->n + 1) * sizeof(image_archived));
    image_archived *image = &archive->images[archive->n++];
    *image = (image_archived){ .source = source, .names = json_array() };
    return image;
}

static void add_name(image_archived *image, const json_t *name)
{
    char *full = NULL;
    if (!json_is_string(name) || image_name_parse(json_string_value(name), &full, NULL) < 0)
        return;
    (void)json_array_append_new(image->names, ob_json_text(full));
    free(full);
}

/* manifest.json of docker save. */
static void take_docker(image_archive *archive, const char *path, const json_t *list)
{
    if (archive->decompressor)
        path = DECOMPRESSED;
    size_t i, j;
    json_t *entry, *tag;
    json_array_foreach(list, i, entry)
    {
        if (i >= IMAGES_MAX)
            break;
        image_archived *image = add(archive, ob_strf("docker-archive:%s:@%zu", path, i));
        json_array_foreach(json_object_get(entry, "RepoTags"), j, tag) add_name(image, tag);
    }
}

/* index.json of an image layout. Its "ref.name" is a whole name or only a tag. */
static void take_layout(image_archive *archive, const json_t *index)
{
    static const char ref_name[] = "org.opencontainers.image.ref.name";
    const json_t *manifests = json_object_get(index, "manifests");
    size_t i;
    json_t *entry;
    json_array_foreach(manifests, i, entry)
    {
        const json_t *notes = json_object_get(entry, "annotations");
        const char *ref = ob_json_str(notes, ref_name, NULL);
        bool alone = json_array_size(manifests) == 1;
        if (i >= IMAGES_MAX || (!ref && !alone))
            continue;
        image_archived *image =
            add(archive, alone ? ob_strdup("oci:" UNPACKED) : ob_strf("oci:" UNPACKED ":%s", ref));
        const json_t *whole = json_object_get(notes, "io.containerd.image.name");
        if (whole)
            add_name(image, whole);
        else if (ref && strpbrk(ref, "/:"))
            add_name(image, json_object_get(notes, ref_name));
    }
}

/* Programs that all take the same options, and the suffix that they remove. */
typedef struct compression {
    const char *program, *suffix, *magic;
} compression;

static const compression compressions[] = { { "gzip", "gz", "\x1f\x8b" },
                                            { "bzip2", "bz2", "BZh" },
                                            { "xz", "xz",
                                              "\xfd"
                                              "7zXZ" },
                                            { "zstd", "zst", "\x28\xb5\x2f\xfd" } };

/* NULL: it is not compressed. */
static const compression *compression_of(const char *path)
{
    char data[MAGIC_MAX] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data));
    if (fd >= 0)
        (void)close(fd);
    for (size_t i = 0; i < ARRAY_SIZE(compressions); i++) {
        size_t len = strlen(compressions[i].magic);
        if (n >= (ssize_t)len && memcmp(data, compressions[i].magic, len) == 0)
            return &compressions[i];
    }
    return NULL;
}

int image_archive_read(const char *path, image_archive *ret, ob_error *err)
{
    *ret = (image_archive){ 0 };
    if (access(path, R_OK) < 0)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    const compression *packed = compression_of(path);
    ret->decompressor = packed ? packed->program : NULL;
    if (strchr(path, ':'))
        return ob_fail(err, EINVAL, "%s: an archive may not have a colon in its path", path);
    json_auto_t *list = read_member(path, "manifest.json");
    json_auto_t *index = json_is_array(list) ? NULL : read_member(path, "index.json");
    if (json_is_array(list))
        take_docker(ret, path, list);
    else if (json_is_object(index))
        take_layout(ret, index);
    ret->is_layout = json_is_object(index);
    if (ret->n == 0)
        return ob_fail(err, EINVAL, "%s is not a whole archive of docker save or of an OCI image",
                       path);
    return 0;
}

void image_archive_done(image_archive *archive)
{
    for (size_t i = 0; i < archive->n; i++) {
        free(archive->images[i].source);
        json_decref(archive->images[i].names);
    }
    free(archive->images);
    *archive = (image_archive){ 0 };
}

/* ---- preparing ---- */

static int find_other(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path, (void)type, (void)at;
    return !S_ISDIR(st->st_mode) && (!S_ISREG(st->st_mode) || st->st_nlink > 1);
}

/* program: without its folder and its limit. */
static int unpack(const image_program *program, const char *work, const char *path, ob_error *err)
{
    ob_cleanup(ob_freep) char *folder = ob_strf("%s/" UNPACKED, work);
    const char *argv[] = { "tar",
                           "--warning=none",
                           "--no-same-owner",
                           "--no-same-permissions",
                           "--wildcards",
                           "--no-wildcards-match-slash",
                           "-xf",
                           path,
                           "oci-layout",
                           "index.json",
                           "blobs/*/*",
                           NULL };
    if (mkdir(folder, 0700) < 0)
        return ob_fail(err, errno, "%s: %s", folder, strerror(errno));
    image_program tar = *program;
    tar.argv = argv;
    tar.folder = tar.limit_folder = folder;
    int r = image_program_run(OB_POINT_NONE, &tar, err);
    if (r == 0 && nftw(folder, find_other, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT) != 0)
        r = ob_fail(err, EINVAL, "%s: an archive of an OCI image may have only plain files", path);
    return r;
}

/* The programs write beside the file that they are given: here it is a link. */
static int
decompress(const image_program *program, const char *work, const char *path, ob_error *err)
{
    const compression *packed = compression_of(path);
    if (!packed)
        return ob_fail(err, EINVAL, "%s has changed", path);
    ob_cleanup(ob_freep) char *name = ob_strf(DECOMPRESSED ".%s", packed->suffix);
    ob_cleanup(ob_freep) char *link = ob_strf("%s/%s", work, name);
    const char *argv[] = { packed->program, "-q", "-d", "-k", "-f", name, NULL };
    image_program reader = *program;
    reader.argv = argv;
    reader.folder = reader.limit_folder = work;
    int r = image_files_link(path, link, err);
    return r < 0 ? r : image_program_run(OB_POINT_NONE, &reader, err);
}

int image_archive_prepare(const image_archive *archive,
                          const char *work,
                          const char *path,
                          int64_t limit_bytes,
                          const image_progress *progress,
                          ob_error *err)
{
    image_program program = { .progress = progress, .limit_bytes = limit_bytes };
    if (archive->is_layout)
        return unpack(&program, work, path, err);
    return archive->decompressor ? decompress(&program, work, path, err) : 0;
}
