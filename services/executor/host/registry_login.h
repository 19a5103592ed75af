/* Credentials for registries, from a Docker client's configuration or from a secret of
 * repositoryCredentials, as objects: {"username", "password"} or {"identitytoken"}. */
#pragma once

#include <jansson.h>

#include "ob/error.h"

/* The registry of an image's name: the text before the first slash if it looks like a host, else
 * docker.io. New, free(). */
char *registry_login_host(const char *image);

/* For 'image' from a Docker client's configuration (config.json: auths). New; NULL: it has none. */
json_t *registry_login_from_config(const json_t *config, const char *image);
/* Reads the configuration; a missing one is empty. path: NULL or empty means .docker/config.json of
 * this process's user. */
json_t *registry_login_from_file(const char *path, const char *image);

/* From the secret of repositoryCredentials: {"username", "password"}. *ret is new. Errors: -EINVAL,
 * without the secret in its text. */
int registry_login_from_secret(const char *secret, json_t **ret, ob_error *err);
