/* The operations on job definitions: members, access rules, handlers. Data only; read-only after
 * the start. The members are those of the AWS Batch API reference. Also has the members that jobs
 * share with definitions. */
#include "definition_operations.h"
#include "definition_fields.h"
#include "request/field_tables.h"

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

static const api_field fields_register_job_definition[] = {
    STRING("jobDefinitionName", REQUIRED),
    STRING("type", .choice = "container|multinode", REQUIRED),
    MAP("parameters"),
    INT("schedulingPriority", .max = 9999),
    OBJECT("containerProperties", fields_container, .check = check_container),
    OBJECT("nodeProperties", fields_node_properties, .check = check_nodes, KEPT, .why = WHY_PARTS),
    OBJECT("ecsProperties", fields_ecs_properties, KEPT, .why = WHY_PARTS),
    OBJECT("eksProperties", fields_eks_properties),
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
static const api_field fields_describe_job_definitions[] = {
    STRINGS("jobDefinitions", .max = 100), STRING("jobDefinitionName"), STRING("status"), PAGE, END,
};
static const api_field fields_deregister_job_definition[] = { STRING("jobDefinition", REQUIRED),
                                                              END };

const api_operation definition_operations[] = {
    { API_BATCH, "/v1/registerjobdefinition", "RegisterJobDefinition", op_register_job_definition,
      fields_register_job_definition, .check = definition_check, .made = "jobDefinitionArn",
      .body_max = 24 * 1024, .body_name = "Job definition",
      .access = &(const access_rule){ .uses = { { ACCESS_NEW_DEFINITION, "jobDefinitionName" } } },
      .facts =
          (const access_fact[]){
              { "batch:Image", "containerProperties.image" },
              { "batch:User", "containerProperties.user" },
              { "batch:Privileged", "containerProperties.privileged" },
              { "batch:LogDriver", "containerProperties.logConfiguration.logDriver" },
              { "batch:AWSLogsGroup",
                "containerProperties.logConfiguration.options.awslogs-group" },
              { "batch:AWSLogsStreamPrefix",
                "containerProperties.logConfiguration.options.awslogs-stream-prefix" },
              { 0 } } },
    { API_BATCH, "/v1/describejobdefinitions", "DescribeJobDefinitions",
      op_describe_job_definitions, fields_describe_job_definitions, .audit = AUDIT_NOTHING,
      .heavy = true,
      .access = &(const access_rule){ .shows = { "jobDefinitions", "jobDefinitionArn" } } },
    { API_BATCH, "/v1/deregisterjobdefinition", "DeregisterJobDefinition",
      op_deregister_job_definition, fields_deregister_job_definition,
      .access = &(const access_rule){ .uses = { { ACCESS_DEFINITION, "jobDefinition" } } } },
    { 0 },
};
