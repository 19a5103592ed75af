/* Rules for containers that a table of fields cannot express. The check_* with an api_field_where
 * are hooks of api_field. */
#pragma once

#include "request/fields.h"

int check_requirements(json_t *list, const api_field_where *where); /* resourceRequirements */
int check_environment_names(json_t *list, const api_field_where *where);
int check_user(json_t *user, const api_field_where *where);
int check_log_configuration(json_t *configuration, const api_field_where *where);
int check_secrets(json_t *list, const api_field_where *where);
int check_ulimits(json_t *list, const api_field_where *where);
int check_mount_options(json_t *list, const api_field_where *where); /* of a tmpfs */
int check_image(json_t *image, const api_field_where *where);
int check_container(json_t *container, const api_field_where *where); /* containerProperties */

/* Checks that volumes have different names, and that the mount points of 'container' name one of
 * them. */
int check_volumes(const json_t *volumes, const api_field_where *where);
int check_mounts(const json_t *container, const json_t *volumes, const api_field_where *where);

/* Checks a containerProperties that passed check_container for Fargate, or for EC2. */
int container_check_platform(const json_t *container, bool fargate, const api_field_where *where);
