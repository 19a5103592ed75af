/* Rules for the pods of EKS jobs that a table of fields cannot express. Pure: any thread. The
 * check_* are hooks of api_field. */
#pragma once

#include "request/fields.h"

int check_dns_label(json_t *name, const api_field_where *where);
int check_dns_subdomain(json_t *name, const api_field_where *where);
int check_pod_container_name(json_t *name, const api_field_where *where);
int check_pod_env(json_t *list, const api_field_where *where);
int check_pod_resources(json_t *resources, const api_field_where *where); /* of a container */
int check_pod_mounts(json_t *list, const api_field_where *where);         /* volumeMounts */
int check_pod_capabilities(json_t *list, const api_field_where *where);
int check_pod_seccomp(json_t *profile, const api_field_where *where);
int check_pod_container_security(json_t *context, const api_field_where *where);
int check_pod_host_path(json_t *path, const api_field_where *where);
int check_pod_quantity(json_t *quantity, const api_field_where *where); /* an amount of bytes */
int check_pod_labels(json_t *map, const api_field_where *where);
int check_pod_annotations(json_t *map, const api_field_where *where);
int check_pod_namespace(json_t *name, const api_field_where *where);
int check_pod(json_t *pod, const api_field_where *where); /* podProperties */

/* ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, at most 63 characters: the name of a namespace. */
bool is_dns_label(const char *text);

/* The amount of a pod's resource: cpu in thousandths, memory in MiB, nvidia.com/gpu. False: it is
 * not in the form that AWS accepts. */
bool pod_read_amount(const char *resource, const char *text, int64_t *ret);
/* What a container requests of a resource: its requests, or else its limits; 0: nothing. */
int64_t pod_request(const json_t *container, const char *resource);
