/* Container engines that speak Docker's API. */
#pragma once

#include <jansson.h>

#define OB_DOCKER_API_TEXT 16 /* with NUL */

/* The beginning of paths, such as /v1.41: the version of the API that we speak, or the nearest that
 * the engine has. version: its answer to GET /version; NULL or incomplete: ours. Any thread. */
void ob_docker_api(const json_t *version, char out[OB_DOCKER_API_TEXT]);
