/* How the tables of members are written (ops_*.c), and the tables themselves, which operation.c
 * binds to operations. A member is, unless it says otherwise, one that works: KEPT makes it one
 * that is stored and shown again only, REFUSE one that is not supported. .why goes to
 * docs/compatibility.md. */
#pragma once

#include "fields.h"

#define STRING(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .kind = KIND_STRING, ##__VA_ARGS__                                              \
    }
#define INT(n, ...)                                                                                \
    {                                                                                              \
        .name = n, .kind = KIND_INT, ##__VA_ARGS__                                                 \
    }
#define LONG(n, ...)                                                                               \
    {                                                                                              \
        .name = n, .kind = KIND_INT, .min = 0, .max = INT64_MAX / 1024, ##__VA_ARGS__              \
    }
#define NUMBER(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .kind = KIND_NUMBER, ##__VA_ARGS__                                              \
    }
#define BOOL(n, ...)                                                                               \
    {                                                                                              \
        .name = n, .kind = KIND_BOOL, ##__VA_ARGS__                                                \
    }
#define MAP(n, ...)                                                                                \
    {                                                                                              \
        .name = n, .kind = KIND_MAP, ##__VA_ARGS__                                                 \
    }
#define OBJECT(n, members, ...)                                                                    \
    {                                                                                              \
        .name = n, .kind = KIND_OBJECT, .of = members, ##__VA_ARGS__                               \
    }
#define STRINGS(n, ...)                                                                            \
    {                                                                                              \
        .name = n, .kind = KIND_LIST, .item = KIND_STRING, ##__VA_ARGS__                           \
    }
#define OBJECTS(n, members, ...)                                                                   \
    {                                                                                              \
        .name = n, .kind = KIND_LIST, .item = KIND_OBJECT, .of = members, ##__VA_ARGS__            \
    }
#define REFUSE(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .support = REFUSED, ##__VA_ARGS__                                               \
    }
#define TAGS(n)                                                                                    \
    {                                                                                              \
        .name = n, .kind = KIND_MAP, .flags = FIELD_TAGS                                           \
    }
#define REQUIRED .flags = FIELD_REQUIRED
#define KEPT .support = STORED
#define STATE STRING("state", .choice = "ENABLED|DISABLED", .flags = FIELD_ANY_CASE)
/* page_read knows how many are most: more are wished for without harm. */
#define PAGE INT("maxResults", .min = 1, .max = INT32_MAX), STRING("nextToken")
#define END                                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

/* Notes that several members share. */
#define WHY_ROLES "jobs have what the machine has; there are no roles to take on"
#define WHY_PARTS "such definitions are kept and shown; SubmitJob refuses them"

/* Parts that several tables use: ops_containers.c, */
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
/* ops_parts.c, */
extern const api_field fields_ecs_properties[];
extern const api_field fields_eks_properties[];
extern const api_field fields_node_properties[];
extern const api_field fields_consumable_resources[];
/* ops_definitions.c. */
extern const api_field fields_retry_strategy[];
extern const api_field fields_timeout[];

/* ops_environments.c */
extern const api_field fields_create_compute_environment[];
extern const api_field fields_update_compute_environment[];
extern const api_field fields_describe_compute_environments[];
extern const api_field fields_delete_compute_environment[];
/* ops_queues.c */
extern const api_field fields_create_job_queue[];
extern const api_field fields_update_job_queue[];
extern const api_field fields_describe_job_queues[];
extern const api_field fields_delete_job_queue[];
/* ops_policies.c */
extern const api_field fields_create_scheduling_policy[];
extern const api_field fields_update_scheduling_policy[];
extern const api_field fields_delete_scheduling_policy[];
extern const api_field fields_describe_scheduling_policies[];
extern const api_field fields_list_scheduling_policies[];
/* ops_tags.c */
extern const api_field fields_tag_resource[];
extern const api_field fields_untag_resource[];
extern const api_field fields_list_tags_for_resource[];
/* ops_definitions.c */
extern const api_field fields_register_job_definition[];
extern const api_field fields_describe_job_definitions[];
extern const api_field fields_deregister_job_definition[];
/* ops_jobs.c */
extern const api_field fields_submit_job[];
extern const api_field fields_describe_jobs[];
extern const api_field fields_list_jobs[];
extern const api_field fields_stop_job[];
extern const api_field fields_stop_jobs[];
extern const api_field fields_get_job_queue_snapshot[];
/* ops_logs.c */
extern const api_field fields_get_log_events[];
extern const api_field fields_filter_log_events[];
extern const api_field fields_describe_log_groups[];
extern const api_field fields_describe_log_streams[];
/* ops_admin.c */
extern const api_field fields_create_key[];
extern const api_field fields_list_keys[];
extern const api_field fields_revoke_key[];
extern const api_field fields_put_key_policy[];
extern const api_field fields_interrupt_instance[];
extern const api_field fields_create_join_token[];
