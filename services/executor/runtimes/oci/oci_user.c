/* Finds users and groups in an image's /etc/passwd and /etc/group: a number is itself, whether it
 * is listed or not; a name has to be listed. Without a group in the spec, the user's own counts,
 * and those that list the user. Owns nothing. Thread: any. */
#include "oci_user.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ob/text.h"

#define FILE_MAX (1024 * 1024) /* a longer list is cut */
#define FIELDS 7

/* The fields of one line, in a copy of it; false: there is no further line. */
static bool next_line(const char **text, char *line, size_t size, char *fields[FIELDS])
{
    if (!**text)
        return false;
    size_t len = strcspn(*text, "\n");
    size_t n = len < size - 1 ? len : size - 1;
    memcpy(line, *text, n);
    line[n] = '\0';
    *text += len + ((*text)[len] ? 1 : 0);
    char *rest = line;
    for (size_t i = 0; i < FIELDS; i++) {
        char *field = strsep(&rest, ":");
        fields[i] = field ? field : line + n;
    }
    return true;
}

static bool is_number(const char *text, uint32_t *ret)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long long value = strtoull(text, &end, 10);
    *ret = (uint32_t)value;
    return !*end && value <= INT32_MAX;
}

/* By name, or by number. *ret_name: of the entry, empty: not listed. */
static bool find_user(const char *spec, const char *passwd, oci_user *ret, char name[256])
{
    char line[4096], *f[FIELDS];
    uint32_t wanted = 0, uid = 0;
    bool by_number = is_number(spec, &wanted);
    *name = '\0';
    while (next_line(&passwd, line, sizeof(line), f)) {
        if (!is_number(f[2], &uid) || (strcmp(f[0], spec) != 0 && !(by_number && uid == wanted)))
            continue;
        (void)snprintf(name, 256, "%s", f[0]);
        ret->uid = uid;
        (void)is_number(f[3], &ret->gid);
        if (*f[5])
            (void)ob_text_copy(ret->home, sizeof(ret->home), f[5], strlen(f[5]));
        return true;
    }
    ret->uid = wanted;
    return by_number;
}

static bool find_group(const char *spec, const char *group, uint32_t *ret)
{
    char line[65536], *f[FIELDS];
    while (next_line(&group, line, sizeof(line), f))
        if (strcmp(f[0], spec) == 0 && is_number(f[2], ret))
            return true;
    return is_number(spec, ret);
}

static bool lists(char *members, const char *name)
{
    for (char *member; (member = strsep(&members, ","));)
        if (strcmp(member, name) == 0)
            return true;
    return false;
}

static void add_groups(const char *name, const char *group, oci_user *user)
{
    char line[65536], *f[FIELDS];
    uint32_t gid = 0;
    while (*name && next_line(&group, line, sizeof(line), f))
        if (is_number(f[2], &gid) && lists(f[3], name) && user->more_count < OCI_GROUPS_MAX)
            user->more[user->more_count++] = gid;
}

int oci_user_find(
    const char *spec, const char *passwd, const char *group, oci_user *ret, ob_error *err)
{
    char user[256], name[256];
    *ret = (oci_user){ .home = "/" };
    const char *colon = strchr(spec, ':');
    size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
    (void)ob_text_copy(user, sizeof(user), spec, len);
    if (!find_user(*user ? user : "0", passwd, ret, name))
        return ob_fail(err, EINVAL, "unable to find user %s: no matching entries in passwd file",
                       ob_cut(user, 100));
    if (colon && colon[1]) {
        if (!find_group(colon + 1, group, &ret->gid))
            return ob_fail(err, EINVAL,
                           "unable to find group %s: no matching entries in group file",
                           ob_cut(colon + 1, 100));
        return 0;
    }
    add_groups(name, group, ret);
    return 0;
}

/* A plain file of an image, or -1. An image may have anything there, also a device of the host, and
 * only to open some of those does harm (a watchdog, a tape); O_PATH opens none. */
static int open_plain(int root, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
    struct stat at;
    char again[64];
    int found = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    bool ok = found >= 0 && fstat(found, &at) == 0 && S_ISREG(at.st_mode);
    (void)snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
    int fd = ok ? open(again, O_RDONLY | O_CLOEXEC) : -1;
    if (found >= 0)
        (void)close(found);
    return fd;
}

/* New; empty: there is none. */
static char *read_in(int root, const char *path)
{
    int fd = open_plain(root, path);
    size_t len = 0;
    char *text = ob_calloc(1, FILE_MAX + 1);
    while (fd >= 0 && len < FILE_MAX) {
        ssize_t n = read(fd, text + len, FILE_MAX - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (fd >= 0)
        (void)close(fd);
    text[len] = '\0';
    return text;
}

int oci_user_read(const char *root, const char *spec, oci_user *ret, ob_error *err)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ob_fail(err, errno, "the image's root: %s", strerror(errno));
    ob_cleanup(ob_freep) char *passwd = read_in(fd, "/etc/passwd");
    ob_cleanup(ob_freep) char *group = read_in(fd, "/etc/group");
    (void)close(fd);
    return oci_user_find(spec, passwd, group, ret, err);
}
