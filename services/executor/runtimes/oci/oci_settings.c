/* The table of the OCI runtime's settings. Data only; docs/configuration.md is made from it. */
#include "oci_settings.h"

#include "images/image_store.h"

#define FIELD(member) offsetof(oci_settings, member)
const ob_config_field oci_fields[] = {
    { "OPENBATCH_OCI_RUNTIME", OB_CONFIG_STRING, FIELD(runtime), "crun",
      "runtime oci: the program that makes containers, crun or runc: a name or a path" },
    { "OPENBATCH_OCI_KEEPER", OB_CONFIG_STRING, FIELD(keeper), "",
      "runtime oci: the program openbatch-keeper; empty: the one beside the executor" },
    { "OPENBATCH_OCI_HOME", OB_CONFIG_PATH, FIELD(home), "${OPENBATCH_HOME}/oci",
      "runtime oci: directory for containers, on a file system that can hold the upper layer of an "
      "overlay" },
    { "OPENBATCH_OCI_IMAGES", OB_CONFIG_PATH, FIELD(images), "${OPENBATCH_HOME}/images",
      "runtime oci: directory of unpacked images" },
    { "OPENBATCH_OCI_IMAGES_BYTES", OB_CONFIG_INT, FIELD(images_bytes), IMAGE_STORE_BYTES,
      "runtime oci: bytes of unpacked images that are kept; those in use, and those that were "
      "loaded by hand, stay in any case; an image that takes more by itself is refused; 0: no "
      "limit",
      0, INT64_MAX },
    { "OPENBATCH_OCI_OUTPUT_BYTES", OB_CONFIG_INT, FIELD(output_bytes), "2147483648",
      "runtime oci: bytes of an attempt's output on the disk, until it is sent; what is beyond is "
      "dropped, with a marked line; 0: no limit",
      0, INT64_MAX },
    { 0 },
};
