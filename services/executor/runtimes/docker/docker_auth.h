/* Credentials for registries in the form of the Docker Engine's X-Registry-Auth. */
#pragma once

#include <jansson.h>

#include "ob/error.h"

/* The registry of an image's name: the text before the first slash if it looks like a host, else
 * docker.io. New, free(). */
char *docker_auth_registry(const char *image);

/* The header's value for 'image' from a Docker client's configuration (config.json: auths). New;
 * NULL: it has none. */
char *docker_auth_from_config(const json_t *config, const char *image);
/* Reads the configuration; a missing one is empty. path: NULL or empty means .docker/config.json of
 * this process's user. */
char *docker_auth_from_file(const char *path, const char *image);

/* From the secret of repositoryCredentials: {"username", "password"}. *ret is new. Errors: -EINVAL,
 * without the secret in its text. */
int docker_auth_from_secret(const char *secret, const char *image, char **ret, ob_error *err);
