/* Parts of definitions that several tables of members use. */
#pragma once

#include "request/fields.h"

/* container_fields.c */
extern const api_field fields_container[];
extern const api_field fields_node_container[]; /* of a node of a multi-node job */
extern const api_field fields_environment[];
extern const api_field fields_requirements[];
extern const api_field fields_volumes[];
extern const api_field fields_mount_points[];
extern const api_field fields_linux_parameters[];
extern const api_field fields_ulimits[];
extern const api_field fields_secrets[];
extern const api_field fields_log_configuration[];
extern const api_field fields_network[];
extern const api_field fields_ephemeral_storage[];
extern const api_field fields_runtime_platform[];
extern const api_field fields_credentials[];
/* kept_fields.c */
extern const api_field fields_ecs_properties[];
extern const api_field fields_node_properties[];
extern const api_field fields_consumable_resources[];
/* eks_fields.c */
extern const api_field fields_eks_properties[];
extern const api_field fields_eks_override[]; /* of a submission */
/* definition_operations.c */
extern const api_field fields_retry_strategy[];
extern const api_field fields_timeout[];
