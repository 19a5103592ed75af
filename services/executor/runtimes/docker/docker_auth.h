/* Credentials for registries in the form of the Docker Engine's X-Registry-Auth. All are new, to be
 * freed; NULL: there are none. See host/registry_login.h. */
#pragma once

#include <jansson.h>

#include "ob/error.h"

char *docker_auth_from_config(const json_t *config, const char *image);
char *docker_auth_from_file(const char *path, const char *image);
/* Errors: -EINVAL, without the secret in its text. */
int docker_auth_from_secret(const char *secret, const char *image, char **ret, ob_error *err);
