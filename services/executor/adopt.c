/* Adopts runs of an earlier executor process. Owns nothing: it fills the table of attempts.c. The
 * first of these that exists decides: an end in the spool; the container; otherwise the run is
 * over, without a start unless the spool says that it ran or was to be started. A container that
 * was created but not yet due to start is started now; a run without a container is given back
 * instead of being started late. Thread: the loop's. */
#include "adopt.h"

#include <string.h>

#include "ob/log.h"
#include "ob/message.h"
#include "ob/pod.h"

static bool has_log(const json_t *members)
{
    return json_is_object(json_object_get(members, "log")) && !json_object_get(members, "logged");
}

static void load_end(attempt *at, const json_t *end)
{
    attempt_set_outcome(at, attempt_outcome_of(ob_json_bool(end, "started", true),
                                               ob_json_bool(end, "oom", false)));
    at->exit_code = (int)ob_json_int(end, "exitCode", -1);
    at->timed_out = ob_json_bool(end, "timedOut", false);
    at->started_at_ms = ob_json_int(end, "startedAt", 0);
    at->stopped_at_ms = ob_json_int(end, "stoppedAt", 0);
    at->pulled_at_ms = ob_json_int(end, "pulledAt", 0);
    at->created_at_ms = ob_json_int(end, "createdAt", 0);
    at->cpu_ms = ob_json_int(end, "cpuMs", 0);
    at->peak_bytes = ob_json_int(end, "peakBytes", 0);
    const char *reason = ob_json_str(end, "reason", NULL);
    at->reason = reason ? ob_strdup(reason) : NULL;
}

/* What it is, besides its state; its time limit kept running. */
static void load_terms(attempt *at, const json_t *members)
{
    const char *note = ob_json_str(members, "note", NULL);
    at->note = note ? ob_strdup(note) : NULL;
    at->pod = ob_pod_bounded(json_object_get(members, "pod"));
    at->limit_s = ob_json_int(members, "limit", 0);
    at->began_boot_ms = ob_json_int(members, "began", 0);
    at->timed_out = ob_json_bool(members, "timedOut", false);
    at->host_ended = ob_json_bool(members, "hostEnded", false);
    if (at->timed_out)
        at->stop_grace_s = TIMEOUT_GRACE_S;
    else if (at->state == ATTEMPT_RUNNING && at->began_boot_ms)
        attempt_watch_limit(at);
}

static void load_run(attempts *a, const char *run, const json_t *members)
{
    const json_t *end = json_object_get(members, "end");
    int64_t running_ms = ob_json_int(members, "running", 0);
    attempt *at = attempts_add(a, run,
                               end          ? ATTEMPT_EXITED
                               : running_ms ? ATTEMPT_RUNNING
                                            : ATTEMPT_STARTING);
    at->adopting = true;
    at->started_at_ms = running_ms;
    load_terms(at, members);
    if (end)
        load_end(at, end);
    if (!has_log(members) || at->outcome == OUTCOME_UNRUN)
        attempt_set_rest(at, REST_CONTAINER);
    else
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
        /* Only "begins": its executor ended before it had accepted the run. */
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

/* A container whose end was confirmed: first its output, if that is not delivered yet. A container
 * that has not run is never adopted, because it would be started. */
static void found_buried(attempts *a, const char *run)
{
    const json_t *members = spool_get(a->spool, run);
    bool has_run = ob_json_bool(json_object_get(members, "end"), "started", true);
    attempt *at = attempts_add(a, run, ATTEMPT_CONFIRMED);
    if (!has_run || !has_log(members)) {
        attempt_set_rest(at, REST_CONTAINER);
        attempt_set_rest(at, REST_REMOVING);
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
        ob_warn("run.found", "{s:s}", "run", run);
        at = attempts_add(a, run, ATTEMPT_STARTING);
        attempt_set_rest(at, REST_CONTAINER); /* the place for its output is not known */
    }
    at->adopting = false;
    bool has_output = at->rest == REST_OUTPUT;
    if (at->state != ATTEMPT_EXITED || has_output)
        a->runtime->ops->adopt(a->runtime, run, has_output, 0);
    if (at->stop_grace_s >= 0 && at->state != ATTEMPT_EXITED)
        a->runtime->ops->stop(a->runtime, run, at->stop_grace_s);
}

/* Did it run, or was it to be started, so that it may have? Its container is gone: the host was
 * switched off before "running" was on its disk, or the engine has lost it. */
static bool may_have_run(const attempts *a, const attempt *at)
{
    return at->state == ATTEMPT_RUNNING ||
           (at->state == ATTEMPT_STARTING &&
            json_object_get(spool_get(a->spool, at->run), "intent"));
}

static void end_missing(attempts *a, attempt *at)
{
    at->adopting = false;
    if (may_have_run(a, at))
        attempt_end(at,
                    &(runtime_end){ .started = true,
                                    .exit_code = -1,
                                    .reason = "CannotInspectContainerError: No such container" },
                    true);
    else if (at->state == ATTEMPT_STARTING)
        attempt_end(at, &(runtime_end){ .exit_code = -1 }, true);
    if (at->rest != REST_OUTPUT)
        return;
    if (attempt_has_run(at)) {
        logs_end(a->logs, at->run);
    } else {
        logs_drop(a->logs, at->run);
        attempt_set_rest(at, REST_CONTAINER);
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
