/* Processes of one instance of the local provider: a runsv that watches over its executor.
 * Functions name an instance by its id; those that change something pass a point. Called from the
 * loop thread. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "ob/point.h"
#include "providers/instance_dir.h"

/* Does a runsv supervise it? */
bool supervise_is_running(const char *home, const char *id);
/* Starts a runsv, which outlives this process. */
int supervise_start(ob_point point, const char *home, const char *id, ob_error *err);
/* Sends commands to the runsv, in the letters of runsv(8). */
void supervise_control(ob_point point, const char *home, const char *id, const char *letters);
/* The executors of a home that run, as /proc had them. */
typedef struct supervise_list {
    struct supervise_executor *all;
    size_t n;
} supervise_list;

/* Reads /proc: some milliseconds, more if there are many processes. Replaces what the list has. */
void supervise_list_read(supervise_list *list, const char *home);
void supervise_list_done(supervise_list *list);
/* Signals executors of the instance, by its list. For when no runsv supervises it. Returns how many
 * there still are. */
int supervise_signal_strays(ob_point point,
                            const supervise_list *list,
                            const char *home,
                            const char *id,
                            int signal_number);
/* Kills runsv and executors, even frozen ones. For processes that do not answer. */
void supervise_kill(ob_point point, const char *home, const char *id);
/* Starts `openbatch-executor --purge`, which removes the instance's containers. Returns the child,
 * 0 when there is nothing to do, or -errno. */
pid_t supervise_purge(ob_point point,
                      const instance_dir_config *config,
                      const char *id,
                      ob_error *err);
