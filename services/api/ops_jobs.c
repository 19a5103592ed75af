/* Members of the operations on jobs. Data only; read-only after the start. They are those of the
 * AWS Batch API reference. */
#include "ops_fields.h"

#include "container_check.h"

#define FAIR_SHARE_ONLY(n)                                                                         \
    {                                                                                              \
        .name = n, .support = REFUSED,                                                             \
        .text =                                                                                    \
            "Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue "    \
            "with fair share scheduling policy."                                                   \
    } /* the missing blank is AWS's */
static const api_field array_properties[] = { INT("size", .min = 2, .max = 10000), END };
static const api_field container_overrides[] = {
    INT("vcpus", .min = 1, .max = INT32_MAX / 1000),
    INT("memory", .min = 4, .max = INT32_MAX),
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
    FAIR_SHARE_ONLY("shareIdentifier"),
    FAIR_SHARE_ONLY("schedulingPriorityOverride"),
    OBJECT("arrayProperties", array_properties),
    REFUSE("dependsOn"),
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
const api_field fields_list_jobs[] = {
    STRING("jobQueue"),
    STRING("arrayJobId"),
    STRING("multiNodeJobId"),
    STRING("jobStatus"),
    REFUSE("filters"),
    PAGE,
    END,
};
const api_field fields_stop_job[] = {
    STRING("jobId", REQUIRED),
    STRING("reason", .max = 1024, REQUIRED),
    END,
};
