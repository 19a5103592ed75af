/* Rules for containers that a table of fields cannot say; hooks of api_field. */
#pragma once

#include "fields.h"

int check_requirements(json_t *list, const api_field_where *where); /* resourceRequirements */
int check_environment_names(json_t *list, const api_field_where *where);
int check_user(json_t *user, const api_field_where *where);
int check_log_configuration(json_t *configuration, const api_field_where *where);
int check_image(json_t *image, const api_field_where *where);
int check_container(json_t *container, const api_field_where *where); /* containerProperties */
