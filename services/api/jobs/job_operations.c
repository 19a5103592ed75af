/* The operations on jobs: members, access rules, handlers. Data only; read-only after the start.
 * The members are those of the AWS Batch API reference; DescribeArray,
 * DescribeAttempts, ListDependents, StopJobs and DescribeStop are our own (docs/access.md). */
#include "job_operations.h"
#include "definitions/definition_fields.h"
#include "request/field_tables.h"

#include "definitions/container_check.h"
#include "job_check.h"

#define ATTEMPTS_MAX 100 /* jobs of a DescribeAttempts call, as of DescribeJobs */
#define BULK_MAX 50      /* AWS quota: jobs of a CancelJobs or TerminateJobs call */

static const api_field array_properties[] = { INT("size", .min = 2, .max = 10000), END };
static const api_field depends_on[] = {
    STRING("jobId"),
    STRING("type",
           .choice = "N_TO_N|SEQUENTIAL",
           .why = "SEQUENTIAL with a jobId waits for that job like an entry without type"),
    END,
};
static const api_field container_overrides[] = {
    INT("vcpus",
        .min = 1,
        .max = INT32_MAX / 1000,
        .why = "no effect, as on AWS, if the definition has resourceRequirements of that type"),
    INT("memory",
        .min = 4,
        .max = INT32_MAX,
        .why = "no effect, as on AWS, if the definition has resourceRequirements of that type"),
    STRINGS("command"),
    REFUSE("instanceType"),
    OBJECTS("environment", fields_environment, .check = check_environment_names),
    OBJECTS("resourceRequirements", fields_requirements, .check = check_requirements),
    END,
};
static const api_field fields_submit_job[] = {
    STRING("jobName", REQUIRED),
    STRING("jobQueue", REQUIRED),
    STRING("jobDefinition", REQUIRED),
    STRING("shareIdentifier", .max = 255, .check = check_share_identifier),
    INT("schedulingPriorityOverride", .min = 0, .max = 9999),
    OBJECT("arrayProperties", array_properties),
    OBJECTS("dependsOn", depends_on),
    MAP("parameters"),
    OBJECT("containerOverrides", container_overrides),
    REFUSE("nodeOverrides"),
    REFUSE("ecsPropertiesOverride"),
    OBJECT("eksPropertiesOverride", fields_eks_override),
    OBJECT("retryStrategy", fields_retry_strategy),
    OBJECT("timeout", fields_timeout),
    BOOL("propagateTags"),
    TAGS("tags"),
    REFUSE("consumableResourcePropertiesOverride"),
    END,
};
static const api_field fields_describe_jobs[] = { STRINGS("jobs", REQUIRED), END };
static const api_field fields_describe_attempts[] = {
    STRINGS("jobs", .max = ATTEMPTS_MAX, REQUIRED),
    END,
};

static const api_field fields_list_dependents[] = { STRING("jobId", REQUIRED), END };

static const api_field filters[] = {
    STRING("name",
           .choice = "JOB_NAME|JOB_DEFINITION|BEFORE_CREATED_AT|AFTER_CREATED_AT|SHARE_IDENTIFIER",
           REQUIRED),
    STRINGS("values", REQUIRED),
    END,
};
static const api_field fields_list_jobs[] = {
    STRING("jobQueue"),
    STRING("arrayJobId"),
    STRING("multiNodeJobId", .why = "finds nothing, because there are no multi-node parallel jobs"),
    STRING("jobStatus", .choice = "SUBMITTED|PENDING|RUNNABLE|STARTING|RUNNING|SUCCEEDED|FAILED"),
    OBJECTS("filters", filters),
    PAGE,
    END,
};
static const api_field fields_describe_array[] = {
    STRING("jobId", .min = 1, .max = 128, REQUIRED),
    STRING("etag", .max = 64),
    END,
};
static const api_field fields_describe_array_times[] = {
    STRING("jobId", .min = 1, .max = 128, REQUIRED),
    INT("maxBars", .min = 1, .max = ARRAY_BARS_MAX),
    END,
};
static const api_field fields_stop_job[] = {
    STRING("jobId", REQUIRED),
    STRING("reason", .max = 1024, REQUIRED),
    END,
};
static const api_field fields_stop_matching[] = {
    STRING("jobQueue", REQUIRED),
    STRINGS("states", .max = 5),
    STRING("jobNamePrefix", .min = 1, .max = 128),
    STRING("jobDefinition", .min = 1),
    STRING("shareIdentifier", .min = 1, .max = 255),
    STRING("action", .choice = "CANCEL|TERMINATE", REQUIRED),
    STRING("reason", .max = 1024, REQUIRED),
    END,
};
static const api_field fields_describe_stop[] = {
    STRING("jobQueue", REQUIRED),
    STRING("stopId", .min = 1, .max = 20, REQUIRED),
    END,
};
static const api_field fields_stop_jobs[] = {
    STRINGS("jobs", .max = BULK_MAX, REQUIRED),
    STRING("reason", .max = 1024, REQUIRED),
    END,
};

const api_operation job_operations[] = {
    { API_BATCH, "/v1/submitjob", "SubmitJob", op_submit_job, fields_submit_job,
      .audit = AUDIT_COUNT, .body_max = 30 * 1024, .body_name = "Job",
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" },
                                                { ACCESS_DEFINITION, "jobDefinition" } } },
      .facts = (const access_fact[]){ { "batch:ShareIdentifier", "shareIdentifier" }, { 0 } } },
    { API_BATCH, "/v1/describejobs", "DescribeJobs", op_describe_jobs, fields_describe_jobs,
      .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .shows = { "jobs", "jobArn", "jobQueue" } } },
    { API_ADMIN, "/openbatch/v1/describeattempts", "DescribeAttempts", op_describe_attempts,
      fields_describe_attempts, .audit = AUDIT_NOTHING, .heavy = true, .plain = true,
      .access = &(const access_rule){ .shows = { "jobs", "jobArn", "jobQueue" } } },
    { API_ADMIN, "/openbatch/v1/listdependents", "ListDependents", op_list_dependents,
      fields_list_dependents, .audit = AUDIT_NOTHING, .heavy = true, .plain = true,
      .access = &(const access_rule){ .uses = { { ACCESS_JOB, "jobId" } },
                                      .shows = { "dependents", "jobArn", "jobQueue" } } },
    { API_BATCH, "/v1/listjobs", "ListJobs", op_list_jobs, fields_list_jobs, .audit = AUDIT_NOTHING,
      .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" },
                                                { ACCESS_JOB, "arrayJobId" },
                                                { ACCESS_JOB, "multiNodeJobId" } } } },
    { API_ADMIN, "/openbatch/v1/describearray", "DescribeArray", op_describe_array,
      fields_describe_array, .plain = true, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_JOB, "jobId" } } } },
    { API_ADMIN, "/openbatch/v1/describearraytimes", "DescribeArrayTimes", op_describe_array_times,
      fields_describe_array_times, .plain = true, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_JOB, "jobId" } } } },
    { API_BATCH, "/v1/canceljob", "CancelJob", op_cancel_job, fields_stop_job,
      .access = &(const access_rule){ .uses = { { ACCESS_JOB, "jobId" } } } },
    { API_BATCH, "/v1/terminatejob", "TerminateJob", op_terminate_job, fields_stop_job,
      .access = &(const access_rule){ .uses = { { ACCESS_JOB, "jobId" } } } },
    { API_BATCH, "/v1/canceljobs", "CancelJobs", op_cancel_jobs, fields_stop_jobs,
      .access = &(const access_rule){ .action = "CancelJob", .one_by_one = true } },
    { API_BATCH, "/v1/terminatejobs", "TerminateJobs", op_terminate_jobs, fields_stop_jobs,
      .access = &(const access_rule){ .action = "TerminateJob", .one_by_one = true } },
    { API_ADMIN, "/openbatch/v1/stopjobs", "StopJobs", op_stop_jobs, fields_stop_matching,
      .plain = true, .made = "stopId",
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" } } } },
    { API_ADMIN, "/openbatch/v1/describestop", "DescribeStop", op_describe_stop,
      fields_describe_stop, .plain = true, .audit = AUDIT_NOTHING,
      .access = &(const access_rule){ .uses = { { ACCESS_QUEUE, "jobQueue" } } } },
    { 0 },
};
