/* Folders of the host that no container gets, whoever asks: a copy's own, and the container
 * engine's. What holds one of them, is one or lies in one would give away all keys of the copy. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ob/error.h"

typedef struct ob_host_guard ob_host_guard;

/* home, run_dir: the copy's; engine: "unix:///path", NULL or another text: not known; more:
 * OPENBATCH_GUARDED_DIRS, or NULL. What every engine may have is guarded too. Any thread may use
 * it. */
ob_host_guard *
ob_host_guard_new(const char *home, const char *run_dir, const char *engine, const char *more);
void ob_host_guard_free(ob_host_guard *g);

/* May a container (as in DescribeJobs) have the folders of the host that its volumes name? here:
 * the caller is on that host, and looks also where links lead; else the text decides. g: NULL
 * guards nothing. Errors: -EPERM, the text is fit for a user. */
int ob_host_guard_check(const ob_host_guard *g, const json_t *container, bool here, ob_error *err);

/* Is an absolute path 'folder' or in it, by its text? */
bool ob_host_path_in(const char *path, const char *folder);
