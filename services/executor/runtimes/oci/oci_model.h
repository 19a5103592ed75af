/* All that the OCI runtime holds: the table of its containers. */
#pragma once

#include <jansson.h>
#include <uthash.h>

#include "ob/clock.h"
#include "ob/host_path.h"
#include "ob/id.h"
#include "oci_host.h"
#include "oci_images.h"
#include "oci_keeper.h"
#include "oci_output.h"
#include "oci_settings.h"
#include "oci_state.h"
#include "runtimes/runtime.h"

typedef struct oci oci;
typedef struct oci_container oci_container;

/* What is done with it next. A slot is held from OCI_STEP_INTENT until it runs or has ended. */
typedef enum oci_step {
    OCI_STEP_FOUND,  /* nobody has said yet what becomes of it */
    OCI_STEP_QUEUED, /* waits for a slot, or its image */
    OCI_STEP_INTENT, /* its keeper starts as soon as the disk has that */
    OCI_STEP_BEGIN,  /* its keeper was started; it does not run yet, as far as is known */
    OCI_STEP_RUN,
    OCI_STEP_ORPHAN, /* its keeper is gone: what is left is ended, then it is seen what happened */
    OCI_STEP_DOUBT,  /* it has not begun: is the host at fault? */
    OCI_STEP_ENDED,  /* the end was told */
    OCI_STEP_REMOVE,
} oci_step;

typedef enum oci_following {
    OCI_OUTPUT_UNWANTED,
    OCI_OUTPUT_READ,   /* as it comes */
    OCI_OUTPUT_PAUSED, /* the receiver takes no more for now */
    OCI_OUTPUT_OVER,   /* output_end was told */
} oci_following;

struct oci_container {
    oci *o;
    char run[OB_RUN_TEXT];
    char name[OB_RUN_TEXT];
    char *folder, *group;
    oci_step step;
    bool has_slot;
    bool adopted; /* made before this process was */
    bool running_told;
    bool is_cut;   /* the end of its output was lost */
    bool is_clean; /* nothing is left but state and output */
    int grace_s;   /* of the stop that was ordered; -1: none */
    int removals;  /* tries */
    int64_t not_before_ms;
    int64_t pulled_at_ms, created_at_ms; /* runtime_end's */
    /* Until its keeper was started. */
    json_t *spec, *secrets, *volumes;
    int attempt;
    int stop_signal;
    char *login;          /* a job's own, for the registry: not for any text */
    const char *platform; /* a constant, or NULL */
    int state_fd;         /* locked; -1: none */
    oci_image_wait *wait;
    const oci_image *image;
    char *gpus;  /* indices, "0,3"; NULL: none */
    char *doubt; /* why it was not made */
    oci_process keeper, cleaner;
    int watch; /* of inotify; -1: none */
    oci_following following;
    oci_reader reader;
    int64_t since_ns;
    UT_hash_handle hh;
};

struct oci {
    runtime base;
    const oci_settings *settings; /* borrowed */
    oci_programs programs;
    oci_host host;
    oci_images *images;
    ob_host_guard *guard;
    char *home; /* without symbolic links */
    char *runs; /* folder of all containers of this instance */
    char boot[OB_BOOT_ID_TEXT];
    bool copies; /* no overlay can be mounted */
    bool dirty, purging, opened;
    bool intents; /* some container is in OCI_STEP_INTENT */
    int slots_used;
    int notify; /* inotify */
    loop_timer later_timer;
    oci_container *containers; /* uthash, in the order in which they came: the queue */
    /* oci_unwell.c */
    char unwell[201]; /* empty: containers can be made */
    oci_process trial;
    loop_timer trial_timer;
};

#define OCI_ON(o) (&(o)->base.config.on)
#define OCI_ENDED(c) ((c)->step >= OCI_STEP_ENDED)
