/* Members of the operations on job definitions, and what jobs share with them. Data only; read-only
 * after the start. They are those of the AWS Batch API reference. */
#include "request/ops_fields.h"

#include "container_check.h"
#include "definition_check.h"

static const api_field evaluate_on_exit[] = {
    STRING("action",
           .choice = "retry|exit",
           .flags = FIELD_REQUIRED | FIELD_ANY_CASE,
           .why = "shown in lower case, as AWS does"),
    STRING("onStatusReason", .max = 512, .check = check_reason_pattern),
    STRING("onReason", .max = 512, .check = check_reason_pattern),
    STRING("onExitCode", .max = 512, .check = check_exit_code_pattern),
    END,
};
const api_field fields_retry_strategy[] = {
    INT("attempts",
        .min = 1,
        .max = 10,
        REQUIRED,
        .text = "RetryAttempts must be provided with retry strategy"),
    OBJECTS("evaluateOnExit", evaluate_on_exit, .max = 5),
    END,
};
const api_field fields_timeout[] = {
    INT("attemptDurationSeconds", .min = 60, .max = INT32_MAX),
    END,
};

const api_field fields_register_job_definition[] = {
    STRING("jobDefinitionName", REQUIRED),
    STRING("type", .choice = "container|multinode", REQUIRED),
    MAP("parameters"),
    INT("schedulingPriority", .max = 9999),
    OBJECT("containerProperties", fields_container, .check = check_container),
    OBJECT("nodeProperties", fields_node_properties, .check = check_nodes, KEPT, .why = WHY_PARTS),
    OBJECT("ecsProperties", fields_ecs_properties, KEPT, .why = WHY_PARTS),
    OBJECT("eksProperties", fields_eks_properties, KEPT, .why = WHY_PARTS),
    OBJECT("retryStrategy", fields_retry_strategy),
    OBJECT("timeout", fields_timeout),
    BOOL("propagateTags"),
    TAGS("tags"),
    STRINGS("platformCapabilities",

            .choice = "EC2|FARGATE",
            .refused_choice = "MANAGED_INSTANCES",
            .why = "MANAGED_INSTANCES is refused"),
    OBJECT("consumableResourceProperties", fields_consumable_resources, KEPT, .why = WHY_PARTS),
    END,
};
const api_field fields_describe_job_definitions[] = {
    STRINGS("jobDefinitions", .max = 100), STRING("jobDefinitionName"), STRING("status"), PAGE, END,
};
const api_field fields_deregister_job_definition[] = { STRING("jobDefinition", REQUIRED), END };
