/* One instance of the local provider: its service directory <home>/instances/<id>, its runsv and
 * its executor. Functions name an instance by its id. Called from the loop thread. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "provider.h"

/* Makes the directory complete: env, token (NULL: keep the one there), type, and last run. */
int local_dir_write(const provider_local_config *config,
                    const provider_launch_spec *spec,
                    ob_error *err);
/* Are env, token and run there? */
bool local_dir_complete(const char *home, const char *id);
/* Is there more than the note of an ended instance's type and size? */
bool local_dir_alive(const char *home, const char *id);
/* Reads its nominal size. */
bool local_dir_size(const char *home, const char *id, ob_resources *ret);
/* Removes all but that note. */
void local_dir_remove(const char *home, const char *id);
/* Of ended instances, the oldest notes and logs beyond a number go. */
void local_dir_prune(const char *home);

/* Does a runsv watch over it? */
bool local_dir_supervised(const char *home, const char *id);
/* Starts a runsv, which outlives this process. */
int local_dir_supervise(const char *home, const char *id, ob_error *err);
/* Tells the runsv, in the letters of runsv(8). */
void local_dir_control(const char *home, const char *id, const char *letters);
/* Signals executors of the instance that run outside of a runsv. Returns how many there are. */
int local_dir_signal_strays(const char *home, const char *id, int signal_number);
/* Kills runsv and executors: for those that do not answer, frozen ones too. */
void local_dir_kill(const char *home, const char *id);
/* Starts `openbatch-executor --purge`, which removes the instance's containers. Returns the child,
 * 0 when there is nothing to do, or -errno. */
pid_t local_dir_purge(const provider_local_config *config, const char *id, ob_error *err);
