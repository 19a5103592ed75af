/* Reads the lists in archives of images with tar, which also decompresses them. What is in such a
 * file is from outside: names are parsed, and nothing of it becomes a path. Owns nothing between
 * calls. One thread. */
#include "image_archive.h"

#include <string.h>
#include <unistd.h>

#include "image_name.h"
#include "ob/json.h"
#include "ob/message.h"

#define LIST_MAX (1024 * 1024)
#define IMAGES_MAX 1000

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
static void take_layout(image_archive *archive, const char *path, const json_t *index)
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
        image_archived *image = add(archive, alone ? ob_strf("oci-archive:%s", path)
                                                   : ob_strf("oci-archive:%s:%s", path, ref));
        const json_t *whole = json_object_get(notes, "io.containerd.image.name");
        if (whole)
            add_name(image, whole);
        else if (ref && strpbrk(ref, "/:"))
            add_name(image, json_object_get(notes, ref_name));
    }
}

int image_archive_read(const char *path, image_archive *ret, ob_error *err)
{
    *ret = (image_archive){ 0 };
    if (access(path, R_OK) < 0)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    if (strchr(path, ':'))
        return ob_fail(err, EINVAL, "%s: an archive may not have a colon in its path", path);
    json_auto_t *list = read_member(path, "manifest.json");
    json_auto_t *index = json_is_array(list) ? NULL : read_member(path, "index.json");
    if (json_is_array(list))
        take_docker(ret, path, list);
    else if (json_is_object(index))
        take_layout(ret, path, index);
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
