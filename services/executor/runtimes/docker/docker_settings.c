/* The table of the Docker runtime's settings. Data only; docs/configuration.md is made from it. */
#include "docker_settings.h"

#define FIELD(member) offsetof(docker_settings, member)
const ob_config_field docker_fields[] = {
    { "DOCKER_HOST", OB_CONFIG_STRING, FIELD(engine), "unix:///var/run/docker.sock",
      "the container engine" },
    { "OPENBATCH_COPY", OB_CONFIG_STRING, FIELD(copy), "",
      "value of the label openbatch.copy on jobs' containers; empty: none. The docker provider "
      "sets it to the name of its compose project" },
    { "OPENBATCH_SECRETS_DIR", OB_CONFIG_STRING, FIELD(secrets_dir), "",
      "directory with a file for each secret that jobs may name; empty: jobs have no secrets" },
    { "OPENBATCH_DOCKER_CONFIG", OB_CONFIG_STRING, FIELD(credentials), "",
      "config.json with credentials for registries (auths); empty: ~/.docker/config.json of the "
      "executor's user" },
    { "OPENBATCH_PULL_STALL_MS", OB_CONFIG_INT, FIELD(pull_stall_ms), "300000",
      "time without progress after which the pull of an image fails", 1, 86400000 },
    { 0 },
};
