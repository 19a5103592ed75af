/* Members of the operations on jobs. Data only; read-only after the start. They are those of the
 * AWS Batch API reference. */
#include "request/ops_fields.h"

#include "definitions/container_check.h"
#include "job_check.h"

#define BULK_MAX 50 /* AWS quota: jobs of a CancelJobs or TerminateJobs call */

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
        .why = "no effect, as on AWS, where the definition has resourceRequirements of that type"),
    INT("memory",
        .min = 4,
        .max = INT32_MAX,
        .why = "no effect, as on AWS, where the definition has resourceRequirements of that type"),
    STRINGS("command"),
    REFUSE("instanceType"),
    OBJECTS("environment", fields_environment, .check = check_environment_names),
    OBJECTS("resourceRequirements", fields_requirements, .check = check_requirements),
    END,
};
const api_field fields_submit_job[] = {
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
    REFUSE("eksPropertiesOverride"),
    OBJECT("retryStrategy", fields_retry_strategy),
    OBJECT("timeout", fields_timeout),
    BOOL("propagateTags"),
    TAGS("tags"),
    REFUSE("consumableResourcePropertiesOverride"),
    END,
};
const api_field fields_describe_jobs[] = { STRINGS("jobs", REQUIRED), END };

static const api_field filters[] = {
    STRING("name",
           .choice = "JOB_NAME|JOB_DEFINITION|BEFORE_CREATED_AT|AFTER_CREATED_AT|SHARE_IDENTIFIER",
           REQUIRED),
    STRINGS("values", REQUIRED),
    END,
};
const api_field fields_list_jobs[] = {
    STRING("jobQueue"),
    STRING("arrayJobId"),
    STRING("multiNodeJobId", .why = "finds nothing: there are no multi-node parallel jobs"),
    STRING("jobStatus", .choice = "SUBMITTED|PENDING|RUNNABLE|STARTING|RUNNING|SUCCEEDED|FAILED"),
    OBJECTS("filters", filters),
    PAGE,
    END,
};
const api_field fields_stop_job[] = {
    STRING("jobId", REQUIRED),
    STRING("reason", .max = 1024, REQUIRED),
    END,
};
const api_field fields_stop_jobs[] = {
    STRINGS("jobs", .max = BULK_MAX, REQUIRED),
    STRING("reason", .max = 1024, REQUIRED),
    END,
};
const api_field fields_get_job_queue_snapshot[] = { STRING("jobQueue", REQUIRED), END };
