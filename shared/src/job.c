/* The job model's names and resource vectors. Knows no JSON, SQL or Kafka; owns nothing. Any
 * thread. */
#include "ob/job.h"

#include <stddef.h>
#include <string.h>

#include "ob/mem.h"

static const char *const state_names[OB_JOB_STATE_COUNT] = {
    [OB_JOB_SUBMITTED] = "SUBMITTED", [OB_JOB_PENDING] = "PENDING",
    [OB_JOB_RUNNABLE] = "RUNNABLE",   [OB_JOB_STARTING] = "STARTING",
    [OB_JOB_RUNNING] = "RUNNING",     [OB_JOB_SUCCEEDED] = "SUCCEEDED",
    [OB_JOB_FAILED] = "FAILED",
};

static const char *const instance_state_names[] = {
    [OB_INSTANCE_LAUNCHING] = "LAUNCHING",   [OB_INSTANCE_ACTIVE] = "ACTIVE",
    [OB_INSTANCE_DRAINING] = "DRAINING",     [OB_INSTANCE_LOST] = "LOST",
    [OB_INSTANCE_TERMINATED] = "TERMINATED",
};

const char *ob_job_state_name(ob_job_state state)
{
    return (unsigned)state < OB_JOB_STATE_COUNT ? state_names[state] : "UNKNOWN";
}

int ob_job_state_parse(const char *name)
{
    for (int i = 0; name && i < OB_JOB_STATE_COUNT; i++)
        if (strcmp(name, state_names[i]) == 0)
            return i;
    return -1;
}

bool ob_job_is_final(ob_job_state state)
{
    return state == OB_JOB_SUCCEEDED || state == OB_JOB_FAILED;
}

const char *ob_instance_state_name(ob_instance_state state)
{
    size_t n = ARRAY_SIZE(instance_state_names);
    return (unsigned)state < n ? instance_state_names[state] : "UNKNOWN";
}

bool ob_resources_fit(const ob_resources *need, const ob_resources *room)
{
    return need->mcpu <= room->mcpu && need->mem_mib <= room->mem_mib && need->gpus <= room->gpus;
}

void ob_resources_add(ob_resources *to, const ob_resources *what)
{
    to->mcpu += what->mcpu;
    to->mem_mib += what->mem_mib;
    to->gpus += what->gpus;
}

void ob_resources_sub(ob_resources *from, const ob_resources *what)
{
    from->mcpu -= what->mcpu;
    from->mem_mib -= what->mem_mib;
    from->gpus -= what->gpus;
}
