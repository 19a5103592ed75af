/* From a job's spec and its image's configuration to config.json of the OCI runtime specification:
 * the container that Docker would make of them. Pure. */
#pragma once

#include <jansson.h>

#include "ob/error.h"
#include "oci_input.h"

typedef struct oci_config {
    json_t *body;    /* config.json */
    json_t *volumes; /* folders to be made in OCI_VOLUMES_FOLDER: {name: path in the image whose
                        content it begins with} */
    json_t *sources; /* folders of the host that are made if they are missing: [path] */
} oci_config;

/* The user that a spec or its image names. */
const char *oci_config_user(const json_t *spec, const json_t *image);
/* The image's stop signal, by number; SIGTERM if it names none that is known. */
int oci_config_stop_signal(const json_t *image);

/* Errors: -EINVAL, the text is fit for a user. */
int oci_config_make(const oci_input *in, oci_config *ret, ob_error *err);
void oci_config_done(oci_config *config);
