/* The state table: every move that a job can make. Pure: a move that is not in the table does not
 * happen, and the caller logs and ignores it. Final states have empty rows. */
#include "ob/job.h"

#define TO(s) ((s) + 1) /* an empty cell is 0 = no such move */

static const signed char next_state[OB_JOB_STATE_COUNT][OB_JOB_EVENT_COUNT] = {
    [OB_JOB_SUBMITTED] = {
        [OB_EV_ADMIT] = TO(OB_JOB_RUNNABLE),
        [OB_EV_HOLD] = TO(OB_JOB_PENDING),
        [OB_EV_STOP] = TO(OB_JOB_FAILED),
    },
    /* An array's parent ends from here: its children run, it waits. */
    [OB_JOB_PENDING] = {
        [OB_EV_RELEASE] = TO(OB_JOB_RUNNABLE),
        [OB_EV_EXIT_OK] = TO(OB_JOB_SUCCEEDED),
        [OB_EV_EXIT_FAIL] = TO(OB_JOB_FAILED),
        [OB_EV_STOP] = TO(OB_JOB_FAILED),
    },
    [OB_JOB_RUNNABLE] = {
        [OB_EV_PLACE] = TO(OB_JOB_STARTING),
        [OB_EV_STOP] = TO(OB_JOB_FAILED),
    },
    [OB_JOB_STARTING] = {
        [OB_EV_RUN] = TO(OB_JOB_RUNNING),
        [OB_EV_UNPLACE] = TO(OB_JOB_RUNNABLE),
        [OB_EV_EXIT_OK] = TO(OB_JOB_SUCCEEDED),
        [OB_EV_EXIT_FAIL] = TO(OB_JOB_FAILED),
        [OB_EV_RETRY] = TO(OB_JOB_RUNNABLE),
        [OB_EV_STOP] = TO(OB_JOB_FAILED),
    },
    [OB_JOB_RUNNING] = {
        [OB_EV_EXIT_OK] = TO(OB_JOB_SUCCEEDED),
        [OB_EV_EXIT_FAIL] = TO(OB_JOB_FAILED),
        [OB_EV_RETRY] = TO(OB_JOB_RUNNABLE),
        [OB_EV_STOP] = TO(OB_JOB_FAILED),
    },
};

int ob_job_next(ob_job_state state, ob_job_event event)
{
    if ((unsigned)state >= OB_JOB_STATE_COUNT || (unsigned)event >= OB_JOB_EVENT_COUNT)
        return -1;
    return next_state[state][event] - 1;
}
