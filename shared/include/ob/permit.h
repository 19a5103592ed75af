/* What an operator permits containers to use of the host: privileged mode, folders, devices. The
 * api refuses at submission; executors refuse again, because a setting may have changed, or drop
 * it. Pure: any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ob/error.h"

typedef enum ob_permit { OB_PERMIT_ALLOW, OB_PERMIT_REFUSE, OB_PERMIT_DROP } ob_permit;

typedef struct ob_permits {
    ob_permit privileged;  /* OPENBATCH_PRIVILEGED */
    ob_permit host_mounts; /* OPENBATCH_HOST_MOUNTS: volumes with host.sourcePath */
    ob_permit devices;     /* OPENBATCH_DEVICES: linuxParameters.devices */
} ob_permits;

/* Their rows in a program's configuration table (ob/config.h), given the offsets of three
 * strings. */
#define OB_PERMIT_FIELDS(at_privileged, at_host_mounts, at_devices)                                \
    { "OPENBATCH_PRIVILEGED",                                                                      \
      OB_CONFIG_STRING,                                                                            \
      at_privileged,                                                                               \
      "allow",                                                                                     \
      "privileged containers: allow, refuse (at submission) or drop (run without it)",             \
      0,                                                                                           \
      0 },                                                                                         \
        { "OPENBATCH_HOST_MOUNTS",                                                                 \
          OB_CONFIG_STRING,                                                                        \
          at_host_mounts,                                                                          \
          "allow",                                                                                 \
          "folders of the host in containers: allow, refuse or drop",                              \
          0,                                                                                       \
          0 },                                                                                     \
    {                                                                                              \
        "OPENBATCH_DEVICES", OB_CONFIG_STRING, at_devices, "allow",                                \
            "devices of the host in containers: allow, refuse or drop", 0, 0                       \
    }

/* Parses the variables' values: allow, refuse or drop. Errors: -EINVAL, names the variable. */
int ob_permits_parse(const char *privileged,
                     const char *host_mounts,
                     const char *devices,
                     ob_permits *ret,
                     ob_error *err);

/* What containers may request. */
typedef enum ob_permit_kind {
    OB_PERMIT_PRIVILEGED,
    OB_PERMIT_HOST_MOUNTS,
    OB_PERMIT_DEVICES,
} ob_permit_kind;
bool ob_permit_asked(ob_permit_kind kind, const json_t *container);

/* Does a job's container (as in DescribeJobs) request something that is refused? Errors: -EPERM
 * with a text for users. */
int ob_permits_check(const ob_permits *p, const json_t *container, ob_error *err);

/* The same for one that runs whole or not at all, as a pod does: what it would have to run without
 * is refused, too. */
int ob_permits_check_whole(const ob_permits *p, const json_t *container, ob_error *err);

/* What the container must run without, as a text for users ("Ran without ..."); new, or NULL:
 * nothing. */
char *ob_permits_note(const ob_permits *p, const json_t *container);
/* Removes it from the container's properties. */
void ob_permits_drop(const ob_permits *p, json_t *container);
