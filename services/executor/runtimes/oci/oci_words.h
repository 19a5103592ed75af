/* What a container's keeper and the executor say to each other through the files of an attempt's
 * folder. Data only.
 *
 * The folder is <home>/<instance>/<id>. The home and the attempt's folder have marks (owned.h),
 * which the executor puts there; without both the keeper does nothing. All that the keeper makes is
 * in OCI_ROOM, but for the output.
 *
 * `state`: lines. The executor makes it, with the boot's id, and holds its lock (flock); the keeper
 * inherits the lock with the descriptor and adds lines. While somebody holds the lock, the keeper
 * lives or is just being started. Only whole lines count.
 *
 * `output`: one record for each line of output, or piece of a longer line. */
#pragma once

#include <stdint.h>

#define OCI_HOME_MARK "ob-oci-home"
#define OCI_HOME_OWNER "openbatch"
#define OCI_ATTEMPT_MARK "ob-attempt" /* its owner is the id */

#define OCI_CONFIG_FILE                                                                            \
    "config.json" /* by the executor; it has secrets, so the keeper removes it */
#define OCI_STATE_FILE "state"
#define OCI_OUTPUT_FILE "output"

/* Names in the attempt's folder. What is in OCI_MEMORY is in memory, and goes with its mount. */
#define OCI_ROOM "ob-room"
#define OCI_MEMORY OCI_ROOM "/memory"
#define OCI_ROOT_FOLDER OCI_MEMORY "/rootfs"
#define OCI_ETC_FOLDER OCI_MEMORY "/etc"
#define OCI_VOLUMES_FOLDER OCI_ROOM "/volumes"

#define OCI_VOLUMES_MAX 64 /* of a container: the keeper takes no more */

#define OCI_GROUP "/openbatch" /* control groups: <it>/<instance>/<id> */

#define OCI_EXIT_REFUSED 3 /* of the keeper: the folder is not one of an attempt */

#define OCI_SAID_BOOT "boot"       /* <boot id>: by the executor */
#define OCI_SAID_KEEPER "keeper"   /* <pid> */
#define OCI_SAID_START "start"     /* the command is about to begin; without it, it has not */
#define OCI_SAID_RUNNING "running" /* <wall ms> <pid> */
/* <exit code> <processes killed for memory> <wall ms> <cut> <cpu ms> <most bytes of memory>. The
 * last two are 0 where they are unknown; keepers of an earlier version do not say them. */
#define OCI_SAID_END "end"
#define OCI_SAID_LOST "lost"       /* <text>: it may have begun, and has no exit code */
#define OCI_SAID_REFUSED "refused" /* job|host <text>: it has not begun */
#define OCI_SAID_STOPPED "stopped" /* it was stopped before it began */
#define OCI_SAID_CLEAN "clean"     /* nothing is left but this file and the output */

/* Descriptors that a keeper inherits. */
#define OCI_FD_STATE 3
#define OCI_FD_IMAGE 4 /* the image's lock; -1 in the arguments: none */

/* Orders are signals: SIGRTMIN with the grace in seconds as its value. */
#define OCI_STOP_SIGNAL SIGRTMIN

#define OCI_LINE_MAX (256u * 1024) /* bytes of an event, as CloudWatch Logs has it */
#define OCI_RECORD_MARK 0x4f42u

typedef struct oci_record {
    int64_t at_ns; /* when its first byte was read */
    uint32_t len;  /* of the text that follows */
    uint16_t mark;
    uint8_t stream;
    uint8_t ends; /* the line ends with it */
} oci_record;
