/* The version of the API that is used with an engine: newer engines refuse old versions, older
 * engines do not have new ones. Any thread. */
#include "ob/docker.h"

#include <stdio.h>

#define WANTED 41 /* 1.41: docker.io 20.10 */

static int minor_of(const json_t *version, const char *name, int otherwise)
{
    const char *text = json_string_value(json_object_get(version, name));
    int minor;
    return text && sscanf(text, "1.%d", &minor) == 1 ? minor : otherwise;
}

void ob_docker_api(const json_t *version, char out[OB_DOCKER_API_TEXT])
{
    int newest = minor_of(version, "ApiVersion", WANTED);
    int oldest = minor_of(version, "MinAPIVersion", 0);
    int use = WANTED > newest ? newest : WANTED < oldest ? oldest : WANTED;
    (void)snprintf(out, OB_DOCKER_API_TEXT, "/v1.%d", use);
}
