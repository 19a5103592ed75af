/* The inside of the oracle: what it has seen (oracle.c), of output too (oracle_output.c), of
 * answers (oracle_answers.c), and how it judges that at the end (oracle_end.c). */
#pragma once

#include <uthash.h>

#include "ob/error.h"
#include "oracle.h"

typedef struct run {
    char name[OB_RUN_TEXT];
    char instance[OB_INSTANCE_TEXT]; /* where it was placed */
    bool started, ended, removed;
    int code;            /* of its container; -1: nobody knows */
    bool closed;         /* its placement is gone */
    bool given_back;     /* without an attempt: it is recorded as never started */
    bool recorded;       /* as an attempt */
    int written, stored; /* lines of output */
    int64_t stream;      /* where they are; 0: none is */
    UT_hash_handle hh;
} run;

typedef struct leaf_key {
    ob_uuid id;
    int64_t index;
} leaf_key;

/* A job that has runs: a single one, or a child of an array. */
typedef struct leaf {
    leaf_key key;
    run *placed; /* its current run */
    int64_t last_run;
    int attempts, successes;
    UT_hash_handle hh;
} leaf;

typedef struct dependency {
    ob_uuid id;
    int64_t index;
    ob_dep_type type;
} dependency;

typedef struct job {
    ob_uuid id;
    pg_job row;
    job_plan plan;
    bool stop_asked;
    dependency deps[20];
    size_t n_deps;
    UT_hash_handle hh;
} job;

typedef struct box {
    char id[OB_INSTANCE_TEXT];
    int64_t mcpu, mem_mib, used_mcpu, used_mem_mib;
    int64_t state;
    size_t placements;
    bool changed;
    int64_t
        unwell_us; /* since when its executor says that its engine starts nothing; 0: it does not */
    UT_hash_handle hh;
} box;

/* A stream of output. */
typedef struct output {
    int64_t id; /* the key */
    run *of;
    int64_t lines, at_ms; /* stored; the last one's time */
    int next;             /* the next line of the run */
    bool gap, gaps;       /* the last line that is stored says that some were lost; one of them */
    UT_hash_handle hh;
} output;

extern struct seen {
    job *jobs, **list;
    size_t n_jobs, cap_jobs;
    leaf *leaves;
    run *runs;
    box *boxes;
    output *outputs;
    bool excused, output_lost, output_late;
    int64_t trouble_us; /* until then */
    struct {
        int64_t queue_id, created_at_ms;
    } stops[16]; /* requests to stop all of a queue; the last ones */
    size_t n_stops;
} seen;

/* NULL: there is none. */
job *seen_job(const ob_uuid *id);
run *seen_run(const char *name);
/* Made if there is none. */
leaf *seen_leaf(const ob_uuid *id, int64_t index);
void seen_ref(const ob_uuid *id, int64_t index, char out[OB_RUN_TEXT]);
/* By what is committed: OB_JOB_SUCCEEDED, OB_JOB_FAILED; -1: it has not ended. */
int64_t seen_end(const ob_uuid *id, int64_t index);
bool seen_dependency_failed(const job *j, int64_t index);

/* ---- oracle_answers.c ---- */
void judge_answer(const sim_pg_commit *commit, const pg_answer *answer);

/* ---- oracle_output.c ---- */
/* A line is stored. */
void seen_line(const pg_log_event *row);
void judge_output(void);
