/* The place that a container gets: mounts of its own, in which its root is put together. Nobody
 * else sees the mounts, and they are gone with the last process that uses them, so none is ever
 * left. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Names in the attempt's folder. What is in the room is in memory, and goes with the mounts. */
#define ROOM "room"
#define ROOM_ROOT ROOM "/rootfs"
#define ROOM_UPPER "upper"
#define ROOM_WORK "work"

typedef struct keeper_room {
    const char *lower; /* the image's root */
    bool copy;         /* where no overlay can be mounted */
    bool hide_v2;      /* crun refuses cgroup v2 with controllers beside v1: it sees an empty folder
                          instead, and v1 alone counts */
} keeper_room;

/* In the working directory. False: why says what failed, for a person. */
bool keeper_room_make(const keeper_room *room, char *why, size_t size);
/* The end of the root: what was written to it goes. */
void keeper_room_clear(void);
