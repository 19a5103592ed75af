/* The operations on job queues: members, access rules, handlers. Data only; read-only after the
 * start. The members are those of the AWS Batch API reference; CountJobs and
 * GetJobQueueUsage are our own (docs/access.md). */
#include "queue_operations.h"
#include "request/field_tables.h"
#include "request/usage_range.h"

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
        REFUSE("serviceEnvironmentOrder", .why = "there are no service jobs"),                     \
        OBJECTS("jobStateTimeLimitActions", time_limits)

static const api_field fields_create_job_queue[] = {
    STRING("jobQueueName", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX, REQUIRED),
    STRING("jobQueueType",
           .choice = "ECS|ECS_FARGATE|EKS",
           .refused_choice = "SAGEMAKER_TRAINING|ECS_MANAGED_INSTANCES",
           .why = "ECS, ECS_FARGATE and EKS only"),
    TAGS("tags"),
    COMMON,
    END,
};
static const api_field fields_update_job_queue[] = {
    STRING("jobQueue", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX),
    COMMON,
    END,
};
static const api_field fields_describe_job_queues[] = { STRINGS("jobQueues", .max = 100), PAGE,
                                                        END };
static const api_field fields_delete_job_queue[] = { STRING("jobQueue", REQUIRED), END };
static const api_field fields_count_jobs[] = { STRINGS("jobQueues", .max = 100), PAGE, END };
static const api_field fields_get_job_queue_usage[] = { STRING("jobQueue", REQUIRED), USAGE_RANGE,
                                                        END };
static const api_field fields_get_job_queue_snapshot[] = { STRING("jobQueue", REQUIRED), END };

const api_operation queue_operations[] = {
    { API_BATCH, "/v1/createjobqueue", "CreateJobQueue", op_create_job_queue,
      fields_create_job_queue,
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueueName" },
                                                { ACCESS_ENVIRONMENT,
                                                  "computeEnvironmentOrder[].computeEnvironment" },
                                                { ACCESS_ARN, "schedulingPolicyArn" } } } },
    { API_BATCH, "/v1/updatejobqueue", "UpdateJobQueue", op_update_job_queue,
      fields_update_job_queue,
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" },
                                                { ACCESS_ENVIRONMENT,
                                                  "computeEnvironmentOrder[].computeEnvironment" },
                                                { ACCESS_ARN, "schedulingPolicyArn" } } } },
    { API_BATCH, "/v1/describejobqueues", "DescribeJobQueues", op_describe_job_queues,
      fields_describe_job_queues, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .shows = { "jobQueues", "jobQueueArn" } } },
    { API_BATCH, "/v1/deletejobqueue", "DeleteJobQueue", op_delete_job_queue,
      fields_delete_job_queue,
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" } } } },
    { API_BATCH, "/v1/getjobqueuesnapshot", "GetJobQueueSnapshot", op_get_job_queue_snapshot,
      fields_get_job_queue_snapshot, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" } } } },
    { API_ADMIN, "/openbatch/v1/countjobs", "CountJobs", op_count_jobs, fields_count_jobs,
      .plain = true, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .shows = { "jobQueues", "jobQueueArn" } } },
    { API_ADMIN, "/openbatch/v1/getjobqueueusage", "GetJobQueueUsage", op_get_job_queue_usage,
      fields_get_job_queue_usage, .audit = AUDIT_NOTHING, .heavy = true, .plain = true,
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" } } } },
    { 0 },
};
