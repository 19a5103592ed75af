/* Finds the folder of an attempt. It is opened once, without following links, and only below a home
 * with the executor's mark and with such a mark of its own: then all that the keeper does there it
 * does by that descriptor, or in the working directory, which is the same folder. Changes nothing
 * on the disk. */
#include "keeper_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci_words.h"
#include "owned.h"

__attribute__((format(printf, 3, 4))) static bool
refuse(char *why, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, size, fmt, args);
    va_end(args);
    return false;
}

static bool is_root(int fd)
{
    struct stat at, root;
    return fstat(fd, &at) < 0 || stat("/", &root) < 0 ||
           (at.st_dev == root.st_dev && at.st_ino == root.st_ino);
}

static int open_home(const keeper_place *p, char *why, size_t size)
{
    int fd = *p->home == '/' ? owned_open(AT_FDCWD, p->home) : -EINVAL;
    bool ok = fd >= 0;
    if (!ok)
        (void)refuse(why, size, "--home %s: %s", p->home, strerror(-fd));
    else if (is_root(fd) || !owned_is_marked(fd, OCI_HOME_MARK, OCI_HOME_OWNER))
        ok = refuse(why, size,
                    "--home %s: no executor made this folder: " OCI_HOME_MARK " is not in it",
                    p->home);
    if (!ok && fd >= 0)
        (void)close(fd);
    return ok ? fd : -1;
}

bool keeper_place_find(keeper_place *p, char *why, size_t size)
{
    p->fd = -1;
    if (!p->home || !p->instance || !owned_is_name(p->instance))
        return refuse(why, size, "--home and --instance are needed: a path and a name");
    if (p->id && !owned_is_name(p->id))
        return refuse(why, size, "--id %s: it is not the name of a container", p->id);
    int home = open_home(p, why, size);
    if (home < 0)
        return false;
    (void)close(home);
    int n = snprintf(p->group, sizeof(p->group), OCI_GROUP "/%s%s%s", p->instance, p->id ? "/" : "",
                     p->id ? p->id : "");
    return n < (int)sizeof(p->group) || refuse(why, size, "the names are too long");
}

/* The attempt's folder, or -errno. */
static int open_attempt(const keeper_place *p, char *why, size_t size)
{
    int home = open_home(p, why, size);
    if (home < 0)
        return -EPERM;
    int instance = owned_open(home, p->instance);
    int fd = instance < 0 ? instance : owned_open(instance, p->id);
    if (fd < 0)
        (void)refuse(why, size, "%s/%s/%s: %s", p->home, p->instance, p->id, strerror(-fd));
    if (instance >= 0)
        (void)close(instance);
    (void)close(home);
    return fd;
}

keeper_entry keeper_place_enter(keeper_place *p, char *why, size_t size)
{
    int fd = open_attempt(p, why, size);
    if (fd < 0)
        return fd == -ENOENT ? KEEPER_NOTHING : KEEPER_REFUSED;
    keeper_entry result = KEEPER_REFUSED;
    if (!owned_is_marked(fd, OCI_ATTEMPT_MARK, p->id)) {
        result = owned_is_empty(fd) ? KEEPER_NOTHING : KEEPER_REFUSED;
        (void)refuse(why, size,
                     "%s/%s/%s: no executor made this folder: " OCI_ATTEMPT_MARK
                     " is not in it, or names another container",
                     p->home, p->instance, p->id);
    } else if (fchdir(fd) == 0) {
        p->fd = fd;
        return KEEPER_ENTERED;
    } else {
        (void)refuse(why, size, "%s: %s", p->id, strerror(errno));
    }
    (void)close(fd);
    return result;
}
