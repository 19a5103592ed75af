/* Members of the operations on job queues. Data only; read-only after the start. They are those of
 * the AWS Batch API reference. */
#include "request/ops_fields.h"

static const api_field environment_order[] = {
    INT("order", REQUIRED),
    STRING("computeEnvironment", REQUIRED),
    END,
};
static const api_field time_limits[] = {
    STRING("reason", REQUIRED),
    STRING("state", .choice = "RUNNABLE", REQUIRED),
    INT("maxTimeSeconds", .min = 600, .max = 86400, REQUIRED),
    STRING("action",
           .choice = "CANCEL",
           .refused_choice = "TERMINATE",
           .why = "TERMINATE is for service jobs",
           REQUIRED),
    END,
};

#define QUEUE_PRIORITY_MAX 1000000
#define COMMON                                                                                     \
    STATE, STRING("schedulingPolicyArn"),                                                          \
        OBJECTS("computeEnvironmentOrder", environment_order, .max = 3),                           \
        REFUSE("serviceEnvironmentOrder", .why = "no service jobs"),                               \
        OBJECTS("jobStateTimeLimitActions", time_limits)

const api_field fields_create_job_queue[] = {
    STRING("jobQueueName", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX, REQUIRED),
    STRING("jobQueueType",
           .choice = "ECS|ECS_FARGATE",
           .refused_choice = "EKS|SAGEMAKER_TRAINING|ECS_MANAGED_INSTANCES",
           .why = "ECS and ECS_FARGATE only"),
    TAGS("tags"),
    COMMON,
    END,
};
const api_field fields_update_job_queue[] = {
    STRING("jobQueue", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX),
    COMMON,
    END,
};
const api_field fields_describe_job_queues[] = { STRINGS("jobQueues", .max = 100), PAGE, END };
const api_field fields_delete_job_queue[] = { STRING("jobQueue", REQUIRED), END };
