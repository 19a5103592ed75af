/* A job's container properties, as all runtimes read them. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"
#include "ob/id.h"

/* A resource by its type in resourceRequirements, else by the deprecated member. */
double property_resource(const json_t *container, const char *type, const char *old_member);
/* MiB as bytes, at most what a sum of some can hold. */
int64_t property_bytes(double mib);
/* Only Fargate containers have this member. */
bool property_is_fargate(const json_t *container);

/* The environment of a run: "NAME=value", new. The last of two entries with one name counts. ce:
 * when the spec names none. secrets: values by the variable's name; NULL: none. */
json_t *property_env(
    const ob_run_ref *ref, int attempt, const json_t *spec, const char *ce, const json_t *secrets);

/* The platform that a spec requests, in Docker's form; NULL: none. Errors: -EINVAL (not Linux). */
int property_platform(const json_t *spec, const char **ret, ob_error *err);
