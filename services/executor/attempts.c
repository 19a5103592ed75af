/* The life of a run: placed, starting, running, exited, confirmed, removed. Owns the table of runs
 * and their entries in the spool; never calls the engine or the bus.
 *
 * Invariants: a run is started at most once; an end never changes; a run is forgotten only after
 * the scheduler has confirmed its end, its output is with the broker, and its container is gone;
 * its tombstone stays. A run's time is counted here, on the boot clock from its start, so a limit
 * depends on no other process.
 *
 * In the spool each run has: "begins" (how often it was accepted), "intent" (the runtime's: the
 * boot in which it was to be started), "log" (where its output goes), "limit" (seconds) and "note"
 * if it has them, "running" (when), "began" (boot clock), "pod" (what is shown of it), "timedOut",
 * "hostEnded", "end", "logged" and, after the confirmation, "gone" = [epoch, seq]. Thread: the
 * loop's. */
#include "attempts.h"

#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/pod.h"
#include "ob/state_moves.h"
#include "ob/text.h"
#include "output_text.h"

#define REASON_MAX 255 /* of a container's reason in AWS's answers */
#define BEGINS_MAX 2   /* a run that has ended its executor this often is not accepted again */

static const char *const state_names[] = { "starting", "running", "exited", "confirmed" };

/* ---- states ---- */

static void set_state(attempt *at, attempt_state state)
{
    static const unsigned next[] = {
        [ATTEMPT_STARTING] = OB_MOVE_TO(ATTEMPT_RUNNING) | OB_MOVE_TO(ATTEMPT_EXITED),
        [ATTEMPT_RUNNING] = OB_MOVE_TO(ATTEMPT_EXITED),
        [ATTEMPT_EXITED] = OB_MOVE_TO(ATTEMPT_CONFIRMED),
        [ATTEMPT_CONFIRMED] = 0,
    };
    static const ob_state_moves moves = { "attempt", state_names, next };
    ob_state_moves_check(&moves, at->run, (int)at->state, (int)state);
    int64_t run_ms = at->started_at_ms && at->stopped_at_ms > at->started_at_ms
                         ? at->stopped_at_ms - at->started_at_ms
                         : 0;
    /* There are thousands of successes a second, and each is in the database. */
    bool is_failure =
        state == ATTEMPT_EXITED && (at->exit_code != 0 || at->reason || at->timed_out);
    ob_log(is_failure ? OB_LOG_INFO : OB_LOG_DEBUG, "run.changed",
           "{s:s, s:s, s:s, s:i, s:s, s:I, s:I}", "run", at->run, "from", state_names[at->state],
           "to", state_names[state], "exitCode", at->exit_code, "reason",
           at->reason ? at->reason : "", "startMs", (json_int_t)at->start_ms, "runMs",
           (json_int_t)run_ms);
    at->state = state;
    at->all->changed = true;
}

void attempt_set_outcome(attempt *at, attempt_outcome outcome)
{
    static const char *const names[] = { "none", "unrun", "ran", "oom" };
    static const unsigned next[] = {
        [OUTCOME_NONE] =
            OB_MOVE_TO(OUTCOME_UNRUN) | OB_MOVE_TO(OUTCOME_RAN) | OB_MOVE_TO(OUTCOME_OOM),
        [OUTCOME_OOM] = 0,
    };
    static const ob_state_moves moves = { "outcome", names, next };
    ob_state_moves_check(&moves, at->run, (int)at->outcome, (int)outcome);
    at->outcome = outcome;
}

void attempt_set_rest(attempt *at, attempt_rest rest)
{
    static const char *const names[] = { "output", "container", "removing" };
    static const unsigned next[] = { [REST_OUTPUT] = OB_MOVE_TO(REST_CONTAINER),
                                     [REST_CONTAINER] = OB_MOVE_TO(REST_REMOVING),
                                     [REST_REMOVING] = 0 };
    static const ob_state_moves moves = { "rest", names, next };
    ob_state_moves_check(&moves, at->run, (int)at->rest, (int)rest);
    at->rest = rest;
}

attempt_outcome attempt_outcome_of(bool started, bool oom)
{
    return !started ? OUTCOME_UNRUN : oom ? OUTCOME_OOM : OUTCOME_RAN;
}

/* ---- the table ---- */

attempt *attempts_find(const attempts *a, const char *run)
{
    attempt *at = NULL;
    HASH_FIND_STR(a->table, run, at);
    return at;
}

bool attempt_is_held(const attempt *at)
{
    return at->state != ATTEMPT_CONFIRMED;
}

bool attempt_has_run(const attempt *at)
{
    return at->state == ATTEMPT_RUNNING || at->outcome >= OUTCOME_RAN;
}

void attempt_touch(attempt *at)
{
    at->dirty = true;
    at->all->dirty = true;
}

static void stop(attempt *at, int grace_s)
{
    if (at->stop_grace_s < 0 || grace_s < at->stop_grace_s)
        at->stop_grace_s = grace_s;
    at->all->runtime->ops->stop(at->all->runtime, at->run, grace_s);
}

static void on_limit(void *arg)
{
    attempt *at = arg;
    if (at->state != ATTEMPT_RUNNING)
        return;
    ob_info("run.timed_out", "{s:s, s:I}", "run", at->run, "limit", (json_int_t)at->limit_s);
    at->timed_out = true;
    spool_set(at->all->spool, at->run, "timedOut", json_true(), true);
    stop(at, TIMEOUT_GRACE_S);
}

void attempt_watch_limit(attempt *at)
{
    if (at->limit_s <= 0 || at->timed_out || at->limit_timer.armed)
        return;
    int64_t left_ms = at->began_boot_ms + at->limit_s * 1000 - ob_boot_ms();
    loop_timer_set(at->all->loop, &at->limit_timer, left_ms > 0 ? left_ms : 0);
}

attempt *attempts_add(attempts *a, const char *run, attempt_state state)
{
    attempt *at = ob_calloc(1, sizeof(*at));
    at->all = a;
    at->state = state;
    at->exit_code = -1;
    at->stop_grace_s = -1;
    at->limit_timer = (loop_timer){ .fn = on_limit, .arg = at };
    (void)snprintf(at->run, sizeof(at->run), "%s", run);
    HASH_ADD_STR(a->table, run, at);
    a->changed = true;
    return at;
}

static void attempt_free(attempt *at)
{
    HASH_DEL(at->all->table, at);
    at->all->changed = true;
    loop_timer_stop(at->all->loop, &at->limit_timer);
    free(at->reason);
    free(at->note);
    json_decref(at->pod);
    free(at);
}

void attempts_done(attempts *a)
{
    attempt *at, *next;
    HASH_ITER(hh, a->table, at, next)
    attempt_free(at);
}

static void remember_end(attempt *at, bool durable)
{
    json_t *end = json_pack(
        "{s:b, s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o*}", "started",
        at->outcome >= OUTCOME_RAN, "exitCode", at->exit_code, "oom", at->outcome == OUTCOME_OOM,
        "timedOut", at->timed_out, "pulledAt", (json_int_t)at->pulled_at_ms, "createdAt",
        (json_int_t)at->created_at_ms, "startedAt", (json_int_t)at->started_at_ms, "stoppedAt",
        (json_int_t)at->stopped_at_ms, "cpuMs", (json_int_t)at->cpu_ms, "peakBytes",
        (json_int_t)at->peak_bytes, "reason", at->reason ? ob_json_text(at->reason) : NULL);
    spool_set(at->all->spool, at->run, "end", end, durable);
}

/* New, or NULL. For runs that ran it includes what the container ran without; cut to the length
 * that clients expect. */
static char *make_reason(const runtime_end *end, const char *note)
{
    const char *said = end->started ? note : NULL;
    if (!end->reason && !said)
        return NULL;
    ob_cleanup(ob_freep) char *text = ob_strf("%s%s%s", end->reason ? end->reason : "",
                                              end->reason && said ? "; " : "", said ? said : "");
    return ob_text_dup(text, REASON_MAX);
}

void attempt_end(attempt *at, const runtime_end *end, bool durable)
{
    attempt_set_outcome(at, attempt_outcome_of(end->started, end->oom));
    at->exit_code = end->exit_code;
    /* A time that was reported stays: shown times never go back. */
    if (!at->started_at_ms || (!at->reported_at_ms && end->started_at_ms))
        at->started_at_ms = end->started_at_ms;
    at->stopped_at_ms = end->stopped_at_ms;
    at->pulled_at_ms = end->pulled_at_ms;
    at->created_at_ms = end->created_at_ms;
    at->cpu_ms = end->cpu_ms;
    at->peak_bytes = end->peak_bytes;
    if (at->stopped_at_ms && at->stopped_at_ms < at->started_at_ms)
        at->stopped_at_ms = at->started_at_ms;
    /* A run that ended while it could not be reported may have ended in time. */
    if (at->stopped_at_ms && at->stopped_at_ms - at->started_at_ms < at->limit_s * 1000)
        at->timed_out = false;
    loop_timer_stop(at->all->loop, &at->limit_timer);
    if (end->host_ended && !at->host_ended) {
        at->host_ended = true;
        spool_set(at->all->spool, at->run, "hostEnded", json_true(), durable);
    }
    free(at->reason);
    at->reason = make_reason(end, at->note);
    remember_end(at, durable);
    set_state(at, ATTEMPT_EXITED);
    attempt_touch(at);
}

static void refuse(attempts *a, const char *run, const char *reason)
{
    attempt *at = attempts_add(a, run, ATTEMPT_STARTING);
    attempt_set_rest(at, REST_CONTAINER);
    attempt_end(at, &(runtime_end){ .exit_code = -1, .reason = reason }, true);
}

/* The spec as this instance may run it; *ret_note says what it runs without. */
static json_t *permitted(const attempts *a, const json_t *spec, char **ret_note)
{
    *ret_note = ob_permits_note(&a->permits, json_object_get(spec, "container"));
    if (!*ret_note)
        return json_incref((json_t *)spec);
    json_t *less = json_deep_copy(spec);
    ob_permits_drop(&a->permits, json_object_get(less, "container"));
    return less;
}

/* A pod runs whole or not at all. */
static int check_permits(const attempts *a, const json_t *spec, ob_error *err)
{
    const json_t *eks = json_object_get(spec, "eks");
    json_auto_t *host = eks ? ob_pod_host_container(eks) : NULL;
    return eks ? ob_permits_check_whole(&a->permits, host, err)
               : ob_permits_check(&a->permits, json_object_get(spec, "container"), err);
}

static void
begin(attempts *a, const ob_run_ref *ref, const char *run, int attempt_no, const json_t *spec)
{
    ob_error err = { 0 };
    if (a->closing) {
        refuse(a, run, NULL);
        return;
    }
    if (check_permits(a, spec, &err) < 0) {
        ob_error_context(&err, "CannotCreateContainerError");
        refuse(a, run, err.text);
        return;
    }
    ob_cleanup(ob_freep) char *note = NULL;
    json_auto_t *less = permitted(a, spec, &note);
    json_auto_t *target = log_target(spec, ref);
    int r = a->runtime->ops->start(a->runtime, ref, attempt_no, less, target != NULL, &err);
    if (r < 0) {
        refuse(a, run, r == -EBUSY ? NULL : err.text);
        return;
    }
    attempt *at = attempts_add(a, run, ATTEMPT_STARTING);
    at->ordered_ms = ob_mono_ms();
    if (!target)
        attempt_set_rest(at, REST_CONTAINER);
    at->limit_s = ob_json_int(spec, "timeout", 0);
    at->note = ob_take(note);
    spool_set(a->spool, run, "log", target ? json_incref(target) : json_null(), true);
    if (at->limit_s > 0)
        spool_set(a->spool, run, "limit", json_integer(at->limit_s), true);
    if (at->note)
        spool_set(a->spool, run, "note", ob_json_text(at->note), true);
    if (target)
        logs_open(a->logs, run, target);
}

/* Written before anything is done with the run, so that a crash in the middle is counted. A run
 * that was accepted has more members and is never started here again. Returns whether it may be
 * tried. */
static bool count_begin(attempts *a, const char *run)
{
    int64_t begins = ob_json_int(spool_get(a->spool, run), "begins", 0);
    if (begins >= BEGINS_MAX)
        return false;
    spool_set(a->spool, run, "begins", json_integer(begins + 1), false);
    (void)spool_write(a->spool, NULL); /* the disk is full: the loop reports it */
    return true;
}

void attempts_run(attempts *a, const char *run, int attempt_no, const json_t *spec)
{
    ob_run_ref ref;
    attempt *at = attempts_find(a, run);
    if (at) { /* the scheduler does not know yet */
        if (attempt_is_held(at))
            attempt_touch(at);
        return;
    }
    if (placement_is_buried(a->placement, run) || !ob_run_ref_parse(run, &ref) || !spec) {
        ob_warn("run.refused", "{s:s, s:b}", "run", run, "spec", spec != NULL);
        return;
    }
    if (count_begin(a, run))
        begin(a, &ref, run, attempt_no, spec);
    else
        refuse(
            a, run,
            "CannotCreateContainerError: the executor ended twice while it was accepting this job");
}

void attempts_stop(attempts *a, const char *run, int grace_s)
{
    attempt *at = attempts_find(a, run);
    ob_run_ref ref;
    if (!at) {
        if (!placement_is_buried(a->placement, run) && ob_run_ref_parse(run, &ref))
            refuse(a, run, NULL); /* stays, so a late RUN finds that it has ended */
        return;
    }
    ob_info("run.stop_ordered", "{s:s, s:s, s:i}", "run", run, "state", state_names[at->state],
            "grace", grace_s);
    if (at->state == ATTEMPT_EXITED)
        attempt_touch(at);
    else if (at->state != ATTEMPT_CONFIRMED)
        stop(at, grace_s);
}

void attempts_close(attempts *a, int grace_s)
{
    attempt *at, *next;
    a->closing = true;
    HASH_ITER(hh, a->table, at, next)
    {
        if (at->state >= ATTEMPT_EXITED)
            continue;
        at->host_ended = true;
        spool_set(a->spool, at->run, "hostEnded", json_true(), true);
        stop(at, grace_s);
    }
}

/* Removes the rest of a run when nothing of it is needed any more. */
static void let_go(attempt *at)
{
    if (at->state != ATTEMPT_CONFIRMED || at->rest != REST_CONTAINER)
        return;
    attempt_set_rest(at, REST_REMOVING);
    at->all->runtime->ops->remove(at->all->runtime, at->run);
}

static void forget(const char *run, void *arg)
{
    attempts *a = arg;
    attempt *at = attempts_find(a, run);
    if (!at)
        spool_drop(a->spool, run);
}

void attempts_confirm(attempts *a, const char *run)
{
    attempt *at = attempts_find(a, run);
    if (!at || at->state == ATTEMPT_CONFIRMED)
        return;
    if (at->state != ATTEMPT_EXITED) {
        ob_warn("confirm.ignored", "{s:s, s:s}", "run", run, "state", state_names[at->state]);
        return;
    }
    placement_position last = placement_last(a->placement);
    spool_set(a->spool, run, "gone",
              json_pack("[I, I]", (json_int_t)last.epoch, (json_int_t)last.seq), true);
    placement_bury(a->placement, run, last, forget, a);
    set_state(at, ATTEMPT_CONFIRMED);
    let_go(at);
}

static void note_start(attempt *at)
{
    if (!at->ordered_ms)
        return;
    int64_t ms = ob_mono_ms() - at->ordered_ms;
    at->start_ms = ms > 0 ? ms : 1; /* 0: unknown */
    at->all->sums.starts++;
    at->all->sums.start_ms += ms;
}

void attempts_pulled(attempts *a, bool ok, int64_t took_ms)
{
    a->sums.pulls += ok;
    a->sums.failed_pulls += !ok;
    a->sums.pull_ms += took_ms;
}

void attempts_running(attempts *a, const char *run, int64_t started_at_ms)
{
    attempt *at = attempts_find(a, run);
    if (!at || at->state >= ATTEMPT_EXITED)
        return;
    bool is_news = at->state != ATTEMPT_RUNNING;
    if (!at->started_at_ms)
        at->started_at_ms = started_at_ms;
    spool_set(a->spool, run, "running", json_integer(at->started_at_ms), false);
    if (!at->began_boot_ms) { /* it may have started while no executor was running */
        int64_t ago_ms = ob_wall_ms() - at->started_at_ms;
        at->began_boot_ms = ob_boot_ms() - (ago_ms > 0 ? ago_ms : 0);
        spool_set(a->spool, run, "began", json_integer(at->began_boot_ms), false);
    }
    attempt_watch_limit(at);
    if (!is_news)
        return;
    note_start(at);
    set_state(at, ATTEMPT_RUNNING);
    attempt_touch(at);
}

void attempts_exited(attempts *a, const char *run, const runtime_end *end)
{
    attempt *at = attempts_find(a, run);
    if (!at || at->state >= ATTEMPT_EXITED)
        return;
    runtime_end all = *end;
    /* What was said to run is never given back, whatever its engine says: it would run again. */
    all.started = end->started || at->state == ATTEMPT_RUNNING;
    if (!all.started) {
        attempt_set_rest(at, REST_CONTAINER); /* no output: it has no stream */
        logs_drop(a->logs, run);
    }
    /* A container that has run is the record of its end. */
    attempt_end(at, &all, !all.started);
}

void attempts_pod(attempts *a, const char *run, const json_t *pod)
{
    attempt *at = attempts_find(a, run);
    json_auto_t *bounded = ob_pod_bounded(pod);
    if (!at || !bounded || at->state >= ATTEMPT_EXITED || json_equal(bounded, at->pod))
        return;
    json_decref(at->pod);
    at->pod = json_incref(bounded);
    spool_set(a->spool, run, "pod", json_incref(bounded), false);
    attempt_touch(at);
}

void attempts_log_out(attempts *a, const char *run)
{
    attempt *at = attempts_find(a, run);
    if (!at || at->rest != REST_OUTPUT)
        return;
    attempt_set_rest(at, REST_CONTAINER);
    spool_set(a->spool, run, "logged", json_true(), false);
    let_go(at);
}

void attempts_removed(attempts *a, const char *run)
{
    attempt *at = attempts_find(a, run);
    if (at)
        attempt_free(at);
    /* Of a removed run the spool keeps only the tombstone. */
    json_auto_t *gone = json_incref(json_object_get(spool_get(a->spool, run), "gone"));
    spool_drop(a->spool, run);
    if (gone && placement_is_buried(a->placement, run))
        spool_set(a->spool, run, "gone", json_incref(gone), false);
}
