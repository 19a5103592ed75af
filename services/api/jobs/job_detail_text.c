/* How the stored text of a job begins. Pure: any thread. */
#include "job_detail_text.h"

#include <stdio.h>

void job_detail_prefix(char out[JOB_DETAIL_PREFIX_MAX],
                       const char *region,
                       const char *account,
                       const char *ref)
{
    snprintf(out, JOB_DETAIL_PREFIX_MAX,
             "{\"jobArn\":\"arn:aws:batch:%s:%s:job/%s\",\"jobId\":\"%s\",", region, account, ref,
             ref);
}
