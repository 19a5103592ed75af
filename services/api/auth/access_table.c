/* What each operation touches, after the "Service Authorization Reference" of AWS Batch and of
 * CloudWatch Logs; docs/access.md says where and why it differs. Data only; read-only after the
 * start. Invariant: every operation of operation.c has its row, or only the root key may call it.
 */
#include "access_table.h"

#include <string.h>

#define ORDER "computeEnvironmentOrder[].computeEnvironment"
#define POLICY "schedulingPolicyArn"

const access_rule access_rules[] = {
    { "CreateComputeEnvironment", { { ACCESS_ENVIRONMENT, "computeEnvironmentName" } } },
    { "UpdateComputeEnvironment", { { ACCESS_ENVIRONMENT, "computeEnvironment" } } },
    { "DeleteComputeEnvironment", { { ACCESS_ENVIRONMENT, "computeEnvironment" } } },
    { "DescribeComputeEnvironments", .shows = { "computeEnvironments", "computeEnvironmentArn" } },

    { "CreateJobQueue",
      { { ACCESS_QUEUE, "jobQueueName" }, { ACCESS_ENVIRONMENT, ORDER }, { ACCESS_ARN, POLICY } } },
    { "UpdateJobQueue",
      { { ACCESS_QUEUE, "jobQueue" }, { ACCESS_ENVIRONMENT, ORDER }, { ACCESS_ARN, POLICY } } },
    { "DeleteJobQueue", { { ACCESS_QUEUE, "jobQueue" } } },
    { "DescribeJobQueues", .shows = { "jobQueues", "jobQueueArn" } },
    { "GetJobQueueSnapshot", { { ACCESS_QUEUE, "jobQueue" } } },

    { "RegisterJobDefinition", { { ACCESS_NEW_DEFINITION, "jobDefinitionName" } } },
    { "DeregisterJobDefinition", { { ACCESS_DEFINITION, "jobDefinition" } } },
    { "DescribeJobDefinitions", .shows = { "jobDefinitions", "jobDefinitionArn" } },

    { "CreateSchedulingPolicy", { { ACCESS_NEW_SCHEDULING_POLICY, "name" } } },
    { "UpdateSchedulingPolicy", { { ACCESS_ARN, "arn" } } },
    { "DeleteSchedulingPolicy", { { ACCESS_ARN, "arn" } } },
    { "DescribeSchedulingPolicies", .shows = { "schedulingPolicies", "arn" } },
    { "ListSchedulingPolicies", .shows = { "schedulingPolicies", "arn" } },

    { "SubmitJob", { { ACCESS_QUEUE, "jobQueue" }, { ACCESS_DEFINITION, "jobDefinition" } } },
    { "CancelJob", { { ACCESS_JOB, "jobId" } } },
    { "TerminateJob", { { ACCESS_JOB, "jobId" } } },
    { "CancelJobs", .action = "CancelJob", .one_by_one = true },
    { "TerminateJobs", .action = "TerminateJob", .one_by_one = true },
    { "DescribeJobs", .shows = { "jobs", "jobArn", "jobQueue" } },
    { "ListJobs",
      { { ACCESS_QUEUE, "jobQueue" },
        { ACCESS_JOB, "arrayJobId" },
        { ACCESS_JOB, "multiNodeJobId" } } },

    { "TagResource", { { ACCESS_ARN, "resourceArn" } } },
    { "UntagResource", { { ACCESS_ARN, "resourceArn" } } },
    { "ListTagsForResource", { { ACCESS_ARN, "resourceArn" } } },

    { "GetLogEvents", { { ACCESS_LOG_STREAM, "logStreamName" } }, .of_stream = true },
    { "FilterLogEvents",
      { { ACCESS_LOG_STREAM, "logStreamNames[]" },
        { ACCESS_LOG_GROUP, ACCESS_GROUP, .unless = "logStreamNames" },
        { ACCESS_LOG_GROUP_ID, ACCESS_GROUP_ID, .unless = "logStreamNames" } },
      .in_streams = "events" },
    { "DescribeLogStreams",
      { { ACCESS_LOG_GROUP, ACCESS_GROUP }, { ACCESS_LOG_GROUP_ID, ACCESS_GROUP_ID } },
      .in_streams = "logStreams" },
    { "DescribeLogGroups", .shows = { "logGroups", "arn" } },

    { "CreateKey" },
    { "ListKeys" },
    { "RevokeKey", { { ACCESS_KEY, "accessKeyId" } } },
    { "PutKeyPolicy", { { ACCESS_KEY, "accessKeyId" } } },
    { "InterruptInstance", { { ACCESS_INSTANCE, "instanceId" } } },
    { "CreateJoinToken", { { ACCESS_ENVIRONMENT, "computeEnvironment" } } },
    { 0 },
};

const access_fact access_facts[] = {
    { "SubmitJob", "batch:ShareIdentifier", "shareIdentifier" },
    { "RegisterJobDefinition", "batch:Image", "containerProperties.image" },
    { "RegisterJobDefinition", "batch:User", "containerProperties.user" },
    { "RegisterJobDefinition", "batch:Privileged", "containerProperties.privileged" },
    { "RegisterJobDefinition", "batch:LogDriver",
      "containerProperties.logConfiguration.logDriver" },
    { "RegisterJobDefinition", "batch:AWSLogsGroup",
      "containerProperties.logConfiguration.options.awslogs-group" },
    { "RegisterJobDefinition", "batch:AWSLogsStreamPrefix",
      "containerProperties.logConfiguration.options.awslogs-stream-prefix" },
    { 0 },
};

const access_rule *access_rule_find(const char *operation)
{
    for (const access_rule *rule = access_rules; rule->operation; rule++)
        if (strcmp(rule->operation, operation) == 0)
            return rule;
    return NULL;
}
