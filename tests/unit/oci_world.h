/* The OCI runtime with real containers: crun (or runc), overlay mounts and control groups. They
 * need root, and a kernel that allows them; the image's only program is oci_job.c. */
#pragma once

#include "unit.h"

#include "runtimes/oci/oci_settings.h"
#include "runtimes/oci/runtime_oci.h"

#define RUNS_MAX 64

typedef struct run_seen {
    char run[OB_RUN_TEXT];
    bool running, ended, started, oom, output_over, removed, found;
    int code;
    char reason[512];
    runtime_end end;  /* its numbers */
    char lines[4096]; /* each with its end, as far as they fit */
    size_t longest, bytes, count;
} run_seen;

typedef struct world {
    char dir[64];
    loop *loop;
    spool *spool;
    oci_settings settings;
    char *images, *home;
    runtime *rt;
    loop_timer limit, step;
    run_seen seen[RUNS_MAX];
    int n;
    bool listed, purged, adopts;
    bool (*is_over)(const struct world *w);
} world;

/* Each test needs root. After it no container, folder or control group is left. */
int setup(void **state);
int teardown(void **state);
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* An executor's process, with all that it knows. */
void begin_process(world *w);
/* After end_process: a new process, which knows nothing, until it has listed what it found. */
void begin_again(world *w);
void end_process(world *w);

/* Runs the loop until it is over; fails after a minute. */
void run_until(world *w, bool (*is_over)(const world *w));
bool all_over(const world *w);
bool all_removed(const world *w);
bool first_speaks(const world *w);
bool is_listed(const world *w);
bool is_purged(const world *w);

/* Writes a file of this text. */
void put(const char *dir, const char *name, const char *text);

/* Of the n-th run; static. */
const char *run_name(int n);
/* members: JSON that is added to the job's properties; NULL: none. */
run_seen *start(world *w, const char *members, const char *const *command);
#define START(w, members, ...)                                                                     \
    start(w, members, (const char *const[]){ "/bin/job", __VA_ARGS__, NULL })
