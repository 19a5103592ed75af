/* The place that a container gets: mounts of its own, in which its root is put together. Nobody
 * else sees the mounts, and they are gone with the last process that uses them, so none is ever
 * left. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct keeper_room {
    const char *lower; /* the image's root; NULL: an empty one, for a trial */
    bool copy;         /* where no overlay can be mounted */
    bool hide_v2;      /* crun refuses cgroup v2 with controllers beside v1: it sees an empty folder
                          instead, and v1 alone counts */
} keeper_room;

/* In the working directory, the attempt's folder. OCI_ROOM must not be there. False: why says what
 * failed, for a person. */
bool keeper_room_make(const keeper_room *room, char *why, size_t size);
/* The end of the root and of OCI_ROOM in the folder fd, which is the attempt's: what was written to
 * them goes. Unmounts only what this process has mounted. False: something stays. */
bool keeper_room_clear(int fd);
