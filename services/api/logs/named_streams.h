/* Log streams that DescribeJobs has shown: from then on they exist. */
#pragma once

#include "ob/db.h"
#include "ob/id.h"

/* The streams that one answer names. Zero-initialise; named_streams_done frees. */
typedef struct named_stream {
    char *region, *group, *name;
    ob_job_ref job;
} named_stream;
typedef struct named_streams {
    named_stream *at;
    size_t n, cap;
} named_streams;
void named_streams_done(named_streams *list);

/* Records a stream unless this process knows that it exists. */
void named_streams_add(
    named_streams *list, const char *region, const char *group, const char *name, ob_job_ref job);
/* Creates the missing ones, empty. Errors: as ob_db_exec. */
int named_streams_make(ob_db *db, const char *account, const named_streams *list, ob_error *err);
