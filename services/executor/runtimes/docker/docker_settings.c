/* The table of the Docker runtime's settings. Data only; docs/configuration.md is made from it. */
#include "docker_settings.h"

#define FIELD(member) offsetof(docker_settings, member)
const ob_config_field docker_fields[] = {
    { "OPENBATCH_COPY", OB_CONFIG_STRING, FIELD(copy), "",
      "value of the label openbatch.copy on jobs' containers; empty: none. The docker provider "
      "sets it to the name of its compose project" },
    { 0 },
};
