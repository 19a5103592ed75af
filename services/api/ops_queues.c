/* Members of the operations on job queues. Data only; read-only after the start. They are those of
 * the AWS Batch API reference. */
#include "ops_fields.h"

static const api_field environment_order[] = {
    INT("order", REQUIRED),
    STRING("computeEnvironment", REQUIRED),
    END,
};
#define QUEUE_PRIORITY_MAX 1000000
const api_field fields_create_job_queue[] = {
    STRING("jobQueueName", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX, REQUIRED),
    STATE,
    REFUSE("schedulingPolicyArn"),
    OBJECTS("computeEnvironmentOrder", environment_order, .max = 3),
    REFUSE("serviceEnvironmentOrder"),
    STRING("jobQueueType",
           .choice = "ECS",
           .refused_choice = "EKS|ECS_FARGATE|SAGEMAKER_TRAINING|ECS_MANAGED_INSTANCES"),
    TAGS("tags"),
    REFUSE("jobStateTimeLimitActions"),
    END,
};
const api_field fields_update_job_queue[] = {
    STRING("jobQueue", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX),
    STATE,
    REFUSE("schedulingPolicyArn"),
    OBJECTS("computeEnvironmentOrder", environment_order, .max = 3),
    REFUSE("serviceEnvironmentOrder"),
    REFUSE("jobStateTimeLimitActions"),
    END,
};
const api_field fields_describe_job_queues[] = { STRINGS("jobQueues", .max = 100), PAGE, END };
const api_field fields_delete_job_queue[] = { STRING("jobQueue", REQUIRED), END };
