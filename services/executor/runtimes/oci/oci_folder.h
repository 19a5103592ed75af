/* The folders of attempts: <runs>/<container's name>, with what oci_words.h describes. Only those
 * that have the mark of that name are touched. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ob/error.h"
#include "oci_state.h"

#define OCI_TRIAL_NAME ".trial" /* a name in place of a container's */

/* Makes a folder and its parents where they are missing. Errors: -errno. */
int oci_folder_path(const char *path, mode_t parents, mode_t mode, ob_error *err);
/* Makes the home, or finds it: an empty folder gets its mark, and one with other files is refused.
 * *ret: its path without symbolic links, new. Errors: -errno. */
int oci_folder_home(const char *path, char **ret, ob_error *err);
/* Makes the folder of an instance and its folder for trials. Errors: -errno. */
int oci_folder_trial(const char *runs, ob_error *err);
/* Removes the folder of an instance, if nothing is in it but the folder for trials. */
void oci_folder_forget(const char *runs);
/* Calls fn with the name of each attempt's folder. */
void oci_folder_each(const char *runs, void (*fn)(const char *name, void *arg), void *arg);

/* Makes an attempt's folder with config.json and a state of this boot. *ret_fd: the state, locked
 * (close-on-exec): a keeper inherits it. Errors: -errno; nothing is left then. */
int oci_folder_make(
    const char *path, const json_t *config, const char *boot, int *ret_fd, ob_error *err);
/* Removes state, output and folder, if nothing else is in it. False: it stays. */
bool oci_folder_remove(const char *path);

/* False: there is no state. */
bool oci_folder_state(const char *path, oci_state *ret);
/* Does somebody hold the state's lock: a keeper, or a process that is to become one? */
bool oci_folder_is_kept(const char *path);
