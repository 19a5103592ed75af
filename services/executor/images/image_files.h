/* What the store does to files: locks, moves, removals. Each that outlives the process passes a
 * crash point (ob/point.h). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"
#include "ob/point.h"

/* Locks a file that others may remove or move while they have it locked. how: LOCK_SH or LOCK_EX,
 * with LOCK_NB. make: it is made if it is missing. Returns a descriptor (close-on-exec), or -errno:
 * -EWOULDBLOCK: another process has it. */
int image_files_lock(const char *path, int how, bool make);
/* Opens a new file for writing; returns a descriptor, or -errno. */
int image_files_create(const char *path);
/* A file as JSON, new. NULL: it is not there, is no JSON, or is larger than 4 MiB. */
json_t *image_files_json(const char *path);
/* Makes a symbolic link to 'target' in a work folder. Errors: -errno. */
int image_files_link(const char *target, const char *path, ob_error *err);
/* Moves a folder. Errors: -errno. */
int image_files_move(ob_point point, const char *from, const char *to, ob_error *err);
/* Deletes a file, or a folder with all that is in it, without following links or entering mounts.
 * Only for what the store has made: whoever calls this knows it from the entry's name. */
void image_files_delete(ob_point point, const char *path);
/* The space that a folder takes, in bytes. */
int64_t image_files_bytes(const char *path);
