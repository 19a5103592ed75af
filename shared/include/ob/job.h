/* The job model: states, events, resources. Contains no JSON, SQL or Kafka. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/rows.h"

typedef enum ob_job_event {
    OB_EV_ADMIT,     /* taken from the inbox, nothing to wait for */
    OB_EV_HOLD,      /* taken from the inbox, must wait (dependencies; an array's parent) */
    OB_EV_RELEASE,   /* its dependencies are met */
    OB_EV_PLACE,     /* an instance was chosen */
    OB_EV_UNPLACE,   /* the run was refused or lost before it started: placed again */
    OB_EV_RUN,       /* the container runs */
    OB_EV_EXIT_OK,   /* ended with exit code 0 */
    OB_EV_EXIT_FAIL, /* ended otherwise, and no attempt is left */
    OB_EV_RETRY,     /* ended otherwise, and another attempt follows */
    OB_EV_STOP,      /* cancelled or terminated */
} ob_job_event;
#define OB_JOB_EVENT_COUNT 10

/* The state after 'event' in 'state', or -1 if the table has no such transition. */
int ob_job_next(ob_job_state state, ob_job_event event);
bool ob_job_is_final(ob_job_state state);
/* "RUNNABLE"; wire spelling, also used in logs. */
const char *ob_job_state_name(ob_job_state state);
/* Returns the state or -1. Exact match. */
int ob_job_state_parse(const char *name);

/* The request of a job, or the size of an instance: thousandths of a vCPU, MiB, whole GPUs. */
typedef struct ob_resources {
    int32_t mcpu;
    int32_t mem_mib;
    int32_t gpus;
} ob_resources;

bool ob_resources_fit(const ob_resources *need, const ob_resources *room);
void ob_resources_add(ob_resources *to, const ob_resources *what);
void ob_resources_sub(ob_resources *from, const ob_resources *what);

const char *ob_instance_state_name(ob_instance_state state);
