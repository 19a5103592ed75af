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
/* The memory limit in bytes, not below what Docker accepts. Errors: -EINVAL (the job has none). */
int property_memory(const json_t *container, int64_t *ret, ob_error *err);
/* vCPUs, at most what a machine can have. */
double property_vcpus(const json_t *container);
/* Their CPU shares, in the kernel's bounds (cgroup v1, cpu.shares). */
int64_t property_cpu_shares(double vcpus);
/* Only Fargate containers have this member. */
bool property_is_fargate(const json_t *container);

/* The environment of a run: "NAME=value", new. The last of two entries with one name counts. ce:
 * when the spec names none. secrets: values by the variable's name; NULL: none. */
json_t *property_env(
    const ob_run_ref *ref, int attempt, const json_t *spec, const char *ce, const json_t *secrets);

/* What Batch adds to the environment of a pod's container: "NAME=value", new. environment: the
 * container's own list of {name, value}. */
json_t *property_pod_env(const ob_run_ref *ref,
                         int attempt,
                         const json_t *spec,
                         const char *ce,
                         const char *node_uid,
                         const json_t *environment);

/* The platform that a spec requests, in Docker's form; NULL: none. Errors: -EINVAL (not Linux). */
int property_platform(const json_t *spec, const char **ret, ob_error *err);

/* An element of mountPoints with its volume. */
typedef struct property_mount {
    const char *volume, *target;
    const char *path; /* on the host; NULL: the volume is made for the attempt */
    bool read_only;
} property_mount;
/* Errors: -EINVAL (it is not whole, or of a kind that no runtime provides). */
int property_mount_read(const json_t *container,
                        const json_t *mount,
                        property_mount *ret,
                        ob_error *err);
