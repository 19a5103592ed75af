/* Processes of openbatch-keeper (keeper/): one for each container, and some that clean or try. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "event_loop.h"
#include "ob/error.h"
#include "oci_host.h"

/* Where programs are. */
typedef struct oci_programs {
    char *keeper;   /* openbatch-keeper */
    char *runtime;  /* crun or runc, a path */
    char *gpu_hook; /* NULL: none */
} oci_programs;

/* runtime: a name or a path. keeper: empty: beside this program. Errors: -ENOENT. */
int oci_programs_find(const char *runtime, const char *keeper, oci_programs *ret, ob_error *err);
void oci_programs_done(oci_programs *programs);

/* A process that somebody waits for. Zero-initialise it. */
typedef struct oci_process {
    loop *loop;
    int pid;
    int fd; /* pidfd; 0: there is none */
    bool is_child;
    void (*on_exit)(int status, void *arg); /* status: of waitpid; -1: not our child */
    void *arg;
} oci_process;

/* Where a keeper works: the folder <home>/<instance>/<name> and the control group of these names.
 */
typedef struct oci_place {
    const oci_programs *programs;
    const char *home, *instance;
    const char *name; /* NULL: only the control group of the instance */
} oci_place;

typedef struct oci_keeping {
    oci_place place;
    const oci_host *host;
    const char *lower; /* the image's root */
    bool copy;         /* no overlay */
    int stop_signal;
    bool output;
    int64_t output_limit;
    const json_t *volumes; /* oci_config.volumes */
    int state_fd, image_fd;
} oci_keeping;

/* p: loop, on_exit and arg are set. Errors: -errno: nothing was started. */
int oci_keeper_start(oci_process *p, const oci_keeping *keeping, ob_error *err);
/* Waits for a keeper that another process has started. False: it is gone. */
bool oci_keeper_watch(oci_process *p, int pid);
/* Orders it to stop its container. Without a keeper nothing happens. */
void oci_keeper_stop(const oci_process *p, int grace_s);
/* Ends and removes what a keeper that was killed has left. Its status is OCI_EXIT_REFUSED if no
 * executor made the folder: then it was left as it is. */
int oci_keeper_clean(oci_process *p, const oci_place *place, ob_error *err);
/* Can containers be made in the folder, with an overlay or a copy? */
int oci_keeper_try(oci_process *p, const oci_place *place, bool copy, ob_error *err);
/* Waits for it here; returns its status. */
int oci_process_wait(oci_process *p);
/* Does not wait for it any more. */
void oci_process_leave(oci_process *p);
