/* Frees the owned members of a submission. */
#include "submission.h"

#include <stdlib.h>

void submission_done(submission *job)
{
    free(job->detail);
    free(job->on_exit);
    free(job->task_tags);
}
