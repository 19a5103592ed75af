/* Looks up and holds images; see image_store.h for the layout. Owns nothing. Any thread.
 *
 * Invariants: an image's folder gets its place complete, and leaves it by a rename of whoever has
 * its lock alone; so an image whose lock is held, and whose lock file is still in its place, is
 * complete and stays. */
#include "image_store.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "image_files.h"
#include "ob/digest.h"
#include "ob/hex.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "owned.h"

#define HEX_DIGITS "0123456789abcdef"
#define LOCK_TRIES 10
#define LOCK_WAIT_US 1000

static const char *const folders[] = { "images", "names", "pulls", "new", "going" };

char *image_store_path(const char *dir, const char *fmt, ...)
{
    char *rest = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&rest, fmt, args) < 0)
        abort();
    va_end(args);
    char *path = ob_strf("%s/%s", dir, rest);
    free(rest);
    return path;
}

/* Images have programs with the set-user-id bit and devices, which are for their containers only.
 */
static int make_folder(const char *path, ob_error *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    return 0;
}

static int mark(const char *dir, ob_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : owned_mark(fd, IMAGE_STORE_MARK, IMAGE_STORE_OWNER);
    if (fd >= 0)
        (void)close(fd);
    if (r == -ENOTEMPTY)
        return ob_fail(err, ENOTEMPTY,
                       "%s is not a store of images and contains other files; choose an empty "
                       "directory",
                       dir);
    return r < 0 ? ob_fail(err, -r, "%s: %s", dir, strerror(-r)) : 0;
}

int image_store_make(const char *dir, ob_error *err)
{
    int r = make_folder(dir, err);
    if (r == 0)
        r = mark(dir, err);
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++) {
        ob_cleanup(ob_freep) char *path = image_store_path(dir, "%s", folders[i]);
        r = make_folder(path, err);
    }
    return r;
}

bool image_store_is_id(const char *text)
{
    return strspn(text, HEX_DIGITS) == IMAGE_ID_TEXT - 1 && strlen(text) == IMAGE_ID_TEXT - 1;
}

const char *image_host_platform(void)
{
    static const char *const names[][2] = { { "x86_64", "linux/amd64" },
                                            { "aarch64", "linux/arm64" },
                                            { "armv7l", "linux/arm" },
                                            { "riscv64", "linux/riscv64" } };
    static struct utsname host;
    (void)uname(&host);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i][0], host.machine) == 0)
            return names[i][1];
    return "linux/unknown";
}

char *image_store_name_file(const char *dir, const char *full)
{
    uint8_t digest[OB_SHA256_BYTES];
    char hex[2 * sizeof(digest) + 1];
    ob_sha256(full, strlen(full), digest);
    ob_hex(digest, sizeof(digest), hex);
    return image_store_path(dir, "names/%s", hex);
}

json_t *image_store_name(const char *dir, const char *file)
{
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "names/%s", file);
    return image_files_json(path);
}

static bool take_entry(const json_t *from, image_entry *ret)
{
    const char *id = ob_json_str(from, "id", "");
    if (!image_store_is_id(id))
        return false;
    (void)ob_text_into(ret->id, sizeof(ret->id), id);
    (void)ob_text_into(ret->from, sizeof(ret->from), ob_json_str(from, "from", ""));
    (void)ob_text_into(ret->source, sizeof(ret->source), ob_json_str(from, "source", ""));
    return true;
}

/* Is a platform the one that is wanted, or a variant of it (linux/arm64/v8)? */
static bool is_wanted(const char *platform, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncmp(platform, wanted, len) == 0 && (platform[len] == '\0' || platform[len] == '/');
}

int image_store_find(const char *dir, const char *full, const char *platform, image_entry *ret)
{
    ob_cleanup(ob_freep) char *path = image_store_name_file(dir, full);
    json_auto_t *file = image_store_name(dir, strrchr(path, '/') + 1);
    json_t *platforms = json_object_get(file, "platforms"), *value;
    const char *key, *wanted = platform ? platform : image_host_platform();
    *ret = (image_entry){ 0 };
    json_object_foreach(platforms, key, value)
    {
        if (is_wanted(key, wanted) && take_entry(value, ret))
            return 0;
    }
    json_object_foreach(platforms, key, value)
    {
        if (!platform && take_entry(value, ret) && strcmp(ret->from, IMAGE_FROM_LOAD) == 0)
            return 0;
    }
    return -ENOENT;
}

void image_store_touch(int fd)
{
    (void)futimens(fd, NULL); /* the order of removal is all that depends on it */
}

int image_store_hold(const char *dir, const char *id, int *ret_fd)
{
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "images/%s/lock", id);
    int fd = -EWOULDBLOCK;
    /* Whoever looks whether it is used, or moves it away, has it for a moment. */
    for (int i = 0; i < LOCK_TRIES && fd == -EWOULDBLOCK; i++) {
        if (i > 0)
            (void)usleep(LOCK_WAIT_US);
        fd = image_files_lock(path, LOCK_SH | LOCK_NB, false);
    }
    if (fd < 0)
        return -ENOENT;
    image_store_touch(fd);
    *ret_fd = fd;
    return 0;
}

json_t *image_store_info(const char *dir, const char *id)
{
    ob_cleanup(ob_freep) char *path = image_store_path(dir, "images/%s/image.json", id);
    return image_files_json(path);
}
