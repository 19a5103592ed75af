/* The folders of attempts: <runs>/<container's name>, with what oci_words.h describes. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ob/error.h"
#include "oci_state.h"

#define OCI_TRIAL_FOLDER ".trial" /* in the folder of an instance */

/* Makes a folder and its parents where they are missing. Errors: -errno. */
int oci_folder_path(const char *path, mode_t parents, mode_t mode, ob_error *err);
/* Removes the folder of an instance, if nothing is in it. */
void oci_folder_forget(const char *runs);
/* Calls fn with the name of each attempt's folder. */
void oci_folder_each(const char *runs, void (*fn)(const char *name, void *arg), void *arg);

/* Makes an attempt's folder with config.json and a state of this boot. *ret_fd: the state, locked
 * (close-on-exec): a keeper inherits it. Errors: -errno; nothing is left then. */
int oci_folder_make(
    const char *path, const json_t *config, const char *boot, int *ret_fd, ob_error *err);
/* Removes state, output and folder, if nothing else is in it. */
bool oci_folder_remove(const char *path);

/* False: there is no state. */
bool oci_folder_state(const char *path, oci_state *ret);
/* Does somebody hold the state's lock: a keeper, or a process that is to become one? */
bool oci_folder_is_kept(const char *path);
