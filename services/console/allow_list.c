/* Data only. What the console's screens do not use is not here, however harmless: a page that was
 * taken over can then do no more than the screens. Rights are the api's business. */
#include "allow_list.h"

#include <stddef.h>
#include <string.h>

#include "ob/mem.h"

#define READ(name, path)                                                                           \
    {                                                                                              \
        name, "batch", path, NULL, false                                                           \
    }
#define CHANGE(name, path)                                                                         \
    {                                                                                              \
        name, "batch", path, NULL, true                                                            \
    }
#define OWN(name, path, changes)                                                                   \
    {                                                                                              \
        name, "openbatch", path, NULL, changes                                                     \
    }
#define LOGS(name)                                                                                 \
    {                                                                                              \
        name, "logs", "/", "Logs_20140328." name, false                                            \
    }

static const allowed_operation operations[] = {
    READ("DescribeComputeEnvironments", "/v1/describecomputeenvironments"),
    READ("DescribeJobDefinitions", "/v1/describejobdefinitions"),
    READ("DescribeJobQueues", "/v1/describejobqueues"),
    READ("DescribeJobs", "/v1/describejobs"),
    READ("DescribeSchedulingPolicies", "/v1/describeschedulingpolicies"),
    READ("GetJobQueueSnapshot", "/v1/getjobqueuesnapshot"),
    READ("ListJobs", "/v1/listjobs"),
    OWN("CheckAccess", "/openbatch/v1/checkaccess", false),
    OWN("CountJobs", "/openbatch/v1/countjobs", false),
    OWN("DescribeArray", "/openbatch/v1/describearray", false),
    OWN("DescribeArrayTimes", "/openbatch/v1/describearraytimes", false),
    OWN("DescribeAttempts", "/openbatch/v1/describeattempts", false),
    OWN("DescribeInstance", "/openbatch/v1/describeinstance", false),
    OWN("DescribeStop", "/openbatch/v1/describestop", false),
    OWN("DescribeSystem", "/openbatch/v1/describesystem", false),
    OWN("GetComputeEnvironmentUsage", "/openbatch/v1/getcomputeenvironmentusage", false),
    OWN("GetJobQueueUsage", "/openbatch/v1/getjobqueueusage", false),
    OWN("ListDependents", "/openbatch/v1/listdependents", false),
    OWN("ListInstances", "/openbatch/v1/listinstances", false),
    OWN("ListKeys", "/openbatch/v1/listkeys", false),
    LOGS("FilterLogEvents"),
    LOGS("GetLogEvents"),
    CHANGE("CancelJob", "/v1/canceljob"),
    CHANGE("SubmitJob", "/v1/submitjob"),
    CHANGE("TerminateJob", "/v1/terminatejob"),
    CHANGE("TerminateJobs", "/v1/terminatejobs"),
    OWN("StopJobs", "/openbatch/v1/stopjobs", true),
};

const allowed_operation allow_list_create_session = { "CreateSession", "openbatch",
                                                      "/openbatch/v1/createsession", NULL, false };

const allowed_operation *allow_list_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}
