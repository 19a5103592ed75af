/* From a job's spec (docs/messages.md, `place`) to the body of the Docker Engine's
 * POST /containers/create. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "docker_run.h"
#include "ob/error.h"

/* *ret_body is new; *ret_volumes is a new array of the names of volumes that go with the
 * container. Errors: -EINVAL, the text is fit for a user. */
int docker_spec_body(const docker_spec *in, json_t **ret_body, json_t **ret_volumes, ob_error *err);

/* The image that a spec names; borrowed; NULL: none. */
const char *docker_spec_image(const json_t *spec);

/* The query of POST /images/create for an image: an image without tag or digest means :latest (the
 * engine would pull all its tags). platform: NULL: the engine's own. New, free(). */
char *docker_spec_pull_query(const char *image, const char *platform);
