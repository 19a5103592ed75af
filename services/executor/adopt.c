/* Taking runs over from an executor that was here before. Owns nothing: it fills attempts.c's
 * table. What counts, in this order: an end in the spool; the container; else the run is over:
 * without a start, unless the spool says that it ran. A container that was created and was not to
 * be started yet goes on (it is started); a run without a container is given back instead of being
 * begun late. Thread: the loop's. */
#include "adopt.h"

#include <string.h>

#include "ob/log.h"
#include "ob/message.h"

static bool has_log(const json_t *members)
{
    return json_is_object(json_object_get(members, "log")) && !json_object_get(members, "logged");
}

static void load_end(attempt *at, const json_t *end)
{
    at->state = ATTEMPT_EXITED;
    at->started = ob_json_bool(end, "started", true);
    at->exit_code = (int)ob_json_int(end, "exitCode", -1);
    at->oom = ob_json_bool(end, "oom", false);
    at->timed_out = ob_json_bool(end, "timedOut", false);
    at->started_at_ms = ob_json_int(end, "startedAt", 0);
    at->stopped_at_ms = ob_json_int(end, "stoppedAt", 0);
    const char *reason = ob_json_str(end, "reason", NULL);
    at->reason = reason ? ob_strdup(reason) : NULL;
}

/* Its time has gone on. */
static void load_limit(attempt *at, const json_t *members)
{
    const char *note = ob_json_str(members, "note", NULL);
    at->note = note ? ob_strdup(note) : NULL;
    at->limit_s = ob_json_int(members, "limit", 0);
    at->began_boot_ms = ob_json_int(members, "began", 0);
    at->timed_out = ob_json_bool(members, "timedOut", false);
    at->host_ended = ob_json_bool(members, "hostEnded", false);
    if (at->timed_out) {
        at->stop_wanted = true;
        at->stop_grace_s = TIMEOUT_GRACE_S;
    } else if (at->state == ATTEMPT_RUNNING && at->began_boot_ms) {
        attempt_watch_limit(at);
    }
}

static void load_run(attempts *a, const char *run, const json_t *members)
{
    const json_t *end = json_object_get(members, "end");
    attempt *at = attempts_add(a, run, ATTEMPT_STARTING);
    at->adopting = true;
    at->started_at_ms = ob_json_int(members, "running", 0);
    if (at->started_at_ms) {
        at->state = ATTEMPT_RUNNING;
        at->started = true;
    }
    load_limit(at, members);
    if (end)
        load_end(at, end);
    at->log_out = !has_log(members) || (end && !at->started);
    if (!at->log_out)
        logs_open(a->logs, run, json_object_get(members, "log"));
}

void adopt_load(attempts *a)
{
    json_auto_t *all = json_copy((json_t *)spool_all(a->spool));
    const char *run;
    const json_t *members;
    json_object_foreach(all, run, members)
    {
        const json_t *gone = json_object_get(members, "gone");
        ob_run_ref ref;
        if (!ob_run_ref_parse(run, &ref))
            continue; /* "last" */
        /* Nothing but "begins": its executor ended before it had taken it on. */
        bool is_taken = json_object_size(members) > (json_object_get(members, "begins") ? 1 : 0);
        if (!gone) {
            if (is_taken)
                load_run(a, run, members);
            continue;
        }
        placement_position at = { .epoch = json_integer_value(json_array_get(gone, 0)),
                                  .seq = json_integer_value(json_array_get(gone, 1)) };
        placement_bury(a->placement, run, at, NULL, NULL);
    }
}

/* A container whose end was confirmed: its output first, if that is not out yet. */
static void found_buried(attempts *a, const char *run)
{
    const json_t *members = spool_get(a->spool, run);
    attempt *at = attempts_add(a, run, ATTEMPT_CONFIRMED);
    at->log_out = !has_log(members);
    if (at->log_out) {
        at->removing = true;
        a->runtime->ops->remove(a->runtime, run);
        return;
    }
    logs_open(a->logs, run, json_object_get(members, "log"));
    a->runtime->ops->adopt(a->runtime, run, true, 0);
}

void adopt_found(attempts *a, const char *run)
{
    attempt *at = attempts_find(a, run);
    if (at && !at->adopting)
        return; /* under way */
    if (!at && placement_is_buried(a->placement, run)) {
        found_buried(a, run);
        return;
    }
    if (!at) {
        ob_warn("run.unknown", "{s:s}", "run", run);
        at = attempts_add(a, run, ATTEMPT_STARTING);
        at->log_out = true; /* nobody knows where to */
    }
    at->adopting = false;
    if (at->state != ATTEMPT_EXITED || !at->log_out)
        a->runtime->ops->adopt(a->runtime, run, !at->log_out, 0);
    if (at->stop_wanted && at->state != ATTEMPT_EXITED)
        a->runtime->ops->stop(a->runtime, run, at->stop_grace_s);
}

static void end_missing(attempts *a, attempt *at)
{
    at->adopting = false;
    if (at->state == ATTEMPT_RUNNING)
        attempt_end(at,
                    &(runtime_end){ .started = true,
                                    .exit_code = -1,
                                    .reason = "CannotInspectContainerError: No such container" },
                    true);
    else if (at->state == ATTEMPT_STARTING)
        attempt_end(at, &(runtime_end){ .exit_code = -1 }, true);
    if (!at->log_out && at->started)
        logs_end(a->logs, at->run);
    else if (!at->log_out) {
        logs_drop(a->logs, at->run);
        at->log_out = true;
    }
}

void adopt_listed(attempts *a)
{
    attempt *at, *next;
    HASH_ITER(hh, a->table, at, next)
    if (at->adopting)
        end_missing(a, at);
    a->listed = true;
}
