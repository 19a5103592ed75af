/* The settings of the OCI runtime only. */
#pragma once

#include "ob/config.h"

typedef struct oci_settings {
    char *runtime; /* crun or runc */
    char *keeper;  /* empty: beside this program */
    char *home;
    char *images;
    int64_t images_bytes; /* 0: no limit */
    int64_t output_bytes; /* of each attempt; 0: no limit */
} oci_settings;

extern const ob_config_field oci_fields[];
