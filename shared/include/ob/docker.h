/* Container engines with Docker's API. */
#pragma once

#include <jansson.h>

#define OB_DOCKER_API_TEXT 16 /* with NUL */

/* The prefix of paths, such as /v1.41: the version of the API that we use, or the closest one that
 * the engine has. version: the engine's answer to GET /version; if it is NULL or incomplete, our
 * version. Any thread. */
void ob_docker_api(const json_t *version, char out[OB_DOCKER_API_TEXT]);
