/* Runs skopeo and umoci, and reads what they have made. Owns nothing between calls. Invariant: a
 * password is in no argument and in no file of a disk: skopeo reads it from memory (memfd). skopeo
 * checks that blobs have the digests that name them, umoci that layers have those of the
 * configuration. One thread. */
#include "image_unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "image_files.h"
#include "image_name.h"
#include "ob/file.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define POLICY "/etc/containers/policy.json"
#define DIGEST "sha256:"
#define ZERO_USER                                                                                  \
    "00000000-0000-0000-0000-000000000000" /* as docker login writes it beside a token */

/* ---- credentials ---- */

static json_t *auth_entry(const json_t *login)
{
    const char *token = ob_json_str(login, "identitytoken", NULL);
    ob_cleanup(ob_freep) char *pair = token ? ob_strdup(ZERO_USER ":")
                                            : ob_strf("%s:%s", ob_json_str(login, "username", ""),
                                                      ob_json_str(login, "password", ""));
    size_t len = strlen(pair);
    ob_cleanup(ob_freep) char *encoded = ob_calloc((len + 2) / 3 * 4 + 1, 1);
    (void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pair, (int)len);
    json_t *entry = json_pack("{s:o}", "auth", ob_json_text(encoded));
    if (token)
        (void)json_object_set_new(entry, "identitytoken", ob_json_text(token));
    return entry;
}

/* A file in memory with the credentials, or without any: skopeo would otherwise look for some. */
static int make_auth_file(const char *registry, const json_t *login)
{
    json_auto_t *file = json_pack("{s:{}}", "auths");
    if (login && registry)
        (void)json_object_set_new(json_object_get(file, "auths"), registry, auth_entry(login));
    ob_cleanup(ob_freep) char *text = json_dumps(file, JSON_COMPACT);
    int fd = memfd_create("auth", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        (void)close(fd);
        return -EIO;
    }
    return fd < 0 ? -errno : fd;
}

/* What no error may repeat. New. */
static json_t *secrets_of(const json_t *login)
{
    json_t *secrets = json_object();
    (void)json_object_set(secrets, "password", json_object_get(login, "password"));
    (void)json_object_set(secrets, "token", json_object_get(login, "identitytoken"));
    return secrets;
}

/* ---- copying ---- */

typedef struct platform_args {
    char os[IMAGE_PLATFORM_MAX + 16], arch[IMAGE_PLATFORM_MAX + 16],
        variant[IMAGE_PLATFORM_MAX + 16];
} platform_args;

/* linux/arm64, linux/arm/v7 */
static void read_platform(const char *platform, platform_args *ret)
{
    char text[IMAGE_PLATFORM_MAX];
    char *rest = text;
    (void)ob_text_into(text, sizeof(text), platform);
    const char *os = strsep(&rest, "/"), *arch = strsep(&rest, "/"), *variant = strsep(&rest, "/");
    (void)snprintf(ret->os, sizeof(ret->os), "--override-os=%s", os ? os : "");
    (void)snprintf(ret->arch, sizeof(ret->arch), "--override-arch=%s", arch ? arch : "");
    (void)snprintf(ret->variant, sizeof(ret->variant), "--override-variant=%s",
                   variant ? variant : "");
}

int image_unpack_copy(const char *work,
                      const char *source,
                      const char *platform,
                      const char *registry,
                      const json_t *login,
                      int64_t limit_bytes,
                      const image_progress *progress,
                      ob_error *err)
{
    const char *argv[16];
    size_t n = 0;
    platform_args args = { 0 };
    int auth = make_auth_file(registry, login);
    if (auth < 0)
        return ob_fail(err, -auth, "memfd_create: %s", strerror(-auth));
    ob_cleanup(ob_freep) char *auth_file = ob_strf("--src-authfile=/proc/self/fd/%d", auth);
    json_auto_t *hidden = secrets_of(login);
    /* Its large temporary files; it does not ask TMPDIR. What it leaves when it is killed goes with
     * the work folder. */
    ob_cleanup(ob_freep) char *tmpdir = ob_strf("--tmpdir=%s", work);

    read_platform(platform ? platform : image_host_platform(), &args);
    argv[n++] = "skopeo";
    if (access(POLICY, R_OK) < 0)
        argv[n++] = "--insecure-policy"; /* as Docker: signatures are not asked for */
    argv[n++] = tmpdir;
    argv[n++] = args.os;
    argv[n++] = args.arch;
    argv[n++] = args.variant;
    argv[n++] = "copy";
    argv[n++] = "--remove-signatures";
    argv[n++] = auth_file;
    if (registry && image_name_is_local(registry))
        argv[n++] = "--src-tls-verify=false";
    argv[n++] = source;
    argv[n++] = "oci:layout:image";
    argv[n] = NULL;
    ob_cleanup(ob_freep) char *layout = ob_strf("%s/layout", work);
    image_program skopeo = { .argv = argv,
                             .folder = work,
                             .keep_fd = auth,
                             .hidden = hidden,
                             .progress = progress,
                             .limit_folder = layout,
                             .limit_bytes = limit_bytes };
    int r = image_program_run(OB_POINT_EXECUTOR_IMAGE_COPY, &skopeo, err);
    (void)close(auth);
    return r;
}

/* ---- reading ---- */

/* The 64 digits of a descriptor's digest. NULL: it has none. */
static const char *digits_of(const json_t *descriptor)
{
    const char *digest = ob_json_str(descriptor, "digest", "");
    size_t prefix = strlen(DIGEST);
    bool ok = strncmp(digest, DIGEST, prefix) == 0 &&
              strspn(digest + prefix, "0123456789abcdef") == IMAGE_ID_TEXT - 1 &&
              strlen(digest + prefix) == IMAGE_ID_TEXT - 1;
    return ok ? digest + prefix : NULL;
}

static json_t *read_blob(const char *work, const json_t *descriptor)
{
    const char *digits = digits_of(descriptor);
    ob_cleanup(ob_freep) char *path =
        ob_strf("%s/layout/blobs/sha256/%s", work, digits ? digits : "");
    return digits ? image_files_json(path) : NULL;
}

/* The configuration of the image in the layout. New, or NULL. */
static json_t *read_config(const char *work, char ret_id[IMAGE_ID_TEXT])
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/layout/index.json", work);
    json_auto_t *index = image_files_json(path);
    json_auto_t *manifest = read_blob(work, json_array_get(json_object_get(index, "manifests"), 0));
    const json_t *descriptor = json_object_get(manifest, "config");
    json_t *config = read_blob(work, descriptor);
    if (config)
        (void)ob_text_into(ret_id, IMAGE_ID_TEXT, digits_of(descriptor));
    return config;
}

static void platform_of(const json_t *config, char ret[IMAGE_PLATFORM_MAX])
{
    const char *variant = ob_json_str(config, "variant", "");
    ob_text_format(ret, IMAGE_PLATFORM_MAX, "%s/%s%s%s", ob_json_str(config, "os", "linux"),
                   ob_json_str(config, "architecture", ""), *variant ? "/" : "", variant);
}

int image_unpack_describe(const char *work,
                          char ret_id[IMAGE_ID_TEXT],
                          char ret_platform[IMAGE_PLATFORM_MAX],
                          ob_error *err)
{
    json_auto_t *config = read_config(work, ret_id);
    if (!json_is_object(config))
        return ob_fail(err, EINVAL, "the image has no configuration that can be read");
    platform_of(config, ret_platform);
    return 0;
}

/* ---- unpacking ---- */

/* The part that a runtime needs, and what people look at. */
static int write_info(const char *work, ob_error *err)
{
    char id[IMAGE_ID_TEXT], platform[IMAGE_PLATFORM_MAX];
    json_auto_t *config = read_config(work, id);
    ob_cleanup(ob_freep) char *root = ob_strf("%s/image/rootfs", work);
    ob_cleanup(ob_freep) char *path = ob_strf("%s/image/image.json", work);
    json_t *part = json_object_get(config, "config");
    platform_of(config, platform);
    json_auto_t *info = json_pack("{s:o, s:o, s:I, s:O}", "id", ob_json_text(id), "platform",
                                  ob_json_text(platform), "bytes",
                                  (json_int_t)image_files_bytes(root), "config", part);
    if (!info) /* the image has none */
        info = json_pack("{s:o, s:o, s:I, s:{}}", "id", ob_json_text(id), "platform",
                         ob_json_text(platform), "bytes", (json_int_t)image_files_bytes(root),
                         "config");
    ob_cleanup(ob_freep) char *text = json_dumps(info, JSON_COMPACT);
    return ob_file_write(OB_POINT_EXECUTOR_IMAGE_INFO, path, 0600, text, false, err);
}

/* umoci may crash on a full disk, and then it says something else. A layer takes at least as much
 * as it does packed. */
static int check_room(const char *work, ob_error *err)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/layout/blobs/sha256", work);
    DIR *blobs = opendir(path);
    struct statvfs disk;
    struct stat st;
    uint64_t largest = 0;
    if (!blobs || statvfs(work, &disk) < 0) {
        int r = ob_fail(err, errno, "%s: %s", path, strerror(errno));
        if (blobs)
            (void)closedir(blobs);
        return r;
    }
    for (const struct dirent *e; (e = readdir(blobs));)
        if (fstatat(dirfd(blobs), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && (uint64_t)st.st_size > largest)
            largest = (uint64_t)st.st_size;
    (void)closedir(blobs);
    if ((uint64_t)disk.f_bavail * disk.f_frsize < largest)
        return ob_fail(err, ENOSPC, "a layer takes %llu bytes at least: no space left on device",
                       (unsigned long long)largest);
    return 0;
}

int image_unpack_root(const char *work,
                      int64_t limit_bytes,
                      const image_progress *progress,
                      ob_error *err)
{
    ob_cleanup(ob_freep) char *folder = ob_strf("%s/image", work);
    ob_cleanup(ob_freep) char *lock = ob_strf("%s/image/lock", work);
    const char *argv[] = { "umoci",        "raw",          "unpack", "--image",
                           "layout:image", "image/rootfs", NULL,     NULL };
    if (geteuid() != 0) {
        argv[5] = "--rootless";
        argv[6] = "image/rootfs";
    }
    int r = check_room(work, err);
    if (r < 0)
        return r;
    if (mkdir(folder, 0755) < 0)
        return ob_fail(err, errno, "%s: %s", folder, strerror(errno));
    image_program umoci = { .argv = argv,
                            .folder = work,
                            .progress = progress,
                            .limit_folder = folder,
                            .limit_bytes = limit_bytes };
    r = image_program_run(OB_POINT_EXECUTOR_IMAGE_UNPACK, &umoci, err);
    if (r == 0)
        r = write_info(work, err);
    int fd = r == 0 ? image_files_create(lock) : r;
    if (fd < 0)
        return r < 0 ? r : ob_fail(err, -fd, "%s: %s", lock, strerror(-fd));
    (void)close(fd);
    return 0;
}
