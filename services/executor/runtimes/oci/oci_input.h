/* What config.json is made from. Data only. */
#pragma once

#include <jansson.h>

#include "ob/error.h"
#include "ob/id.h"
#include "oci_host.h"
#include "oci_user.h"
#include "oci_words.h"

typedef struct oci_input {
    const ob_run_ref *ref;
    int attempt;
    const json_t *spec;
    const char *ce;        /* when the spec names none */
    const json_t *secrets; /* values by the variable's name; NULL: none */
    const char *gpus;      /* indices, "0,3"; NULL: none */
    const json_t *image;   /* config of the image's configuration */
    const oci_user *user;  /* its or the job's */
    const oci_host *host;
    const json_t *devices; /* oci_devices_find */
    const char *folder;    /* of the attempt, an absolute path */
    const char *group;     /* control group */
    const char *keeper;    /* the program, for the job's init process */
    const char *gpu_hook;  /* nvidia-container-runtime-hook; NULL: there is none */
} oci_input;
