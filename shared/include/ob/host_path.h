/* Guarded folders of the host: a copy's own and the container engine's. No container may use a
 * folder that is, contains or is inside one of them, whatever its key's rights, because that would
 * reveal all keys of the copy. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ob/error.h"

typedef struct ob_host_guard ob_host_guard;

/* home, run_dir: the copy's folders. engine: "unix:///path"; NULL or another text: not known. more:
 * OPENBATCH_GUARDED_DIRS, or NULL. The usual folders of container engines are always guarded. Any
 * thread may use the result. */
ob_host_guard *
ob_host_guard_new(const char *home, const char *run_dir, const char *engine, const char *more);
void ob_host_guard_free(ob_host_guard *g);

/* May a container (as in DescribeJobs) use the host folders that its volumes name? here: the caller
 * runs on that host, so links are followed as well; otherwise only the path's text is checked. g:
 * NULL guards nothing. Errors: -EPERM with a text for users. */
int ob_host_guard_check(const ob_host_guard *g, const json_t *container, bool here, ob_error *err);

/* Is an absolute path 'folder' or inside it, by its text? */
bool ob_host_path_in(const char *path, const char *folder);
