/* Everything but the container is real: a run takes the time that its command says. Owns the runs'
 * timers and, in the spool, their starts ({"boot", "began", "at", "ms", "code", "attempt"}) and
 * ends; both are on the disk before they are reported, because spool_sync precedes all reports. A
 * start is on the disk before the run says it (null_word.h), too. A restarted executor continues
 * its runs on the boot clock. Used only if chosen by name. Thread: the loop's. */
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "null_plan.h"
#include "null_word.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "runtimes/runtime.h"

#define EXIT_SIGTERM 143

typedef struct null_run {
    struct null *n;
    char run[OB_RUN_TEXT];
    int64_t started_at_ms;
    int64_t began_boot_ms;
    int64_t ends_boot_ms;
    int attempt;
    int exit_code;
    const char *reason; /* a constant, or NULL */
    bool fresh;         /* 'running' is to be told */
    bool follow;
    bool ended; /* exited is to be told, or was */
    bool told;
    bool remove;
    loop_timer timer;
    UT_hash_handle hh;
} null_run;

typedef struct null {
    runtime base;
    const char *word; /* borrowed: null_settings.word */
    char boot[OB_BOOT_ID_TEXT];
    bool opened, purging;
    bool dirty;
    null_run *runs;
} null;

#define ON(n) (&(n)->base.config.on)

extern const runtime_ops runtime_null;

static double parse_number(const char *text)
{
    double value = text ? strtod(text, NULL) : 0;
    return value > 0 ? value : 0;
}

static null_plan plan_of_words(const char *verb, const char *argument)
{
    null_plan plan = { 0 };
    if (verb && strcmp(verb, "sleep") == 0)
        plan.duration_ms = (int64_t)(parse_number(argument) * 1000);
    else if (verb && strcmp(verb, "exit") == 0)
        plan.exit_code = (int)parse_number(argument) & 0xff;
    else if (verb && strcmp(verb, "fail") == 0)
        plan.failures = (int)parse_number(argument) & 0xff;
    return plan;
}

null_plan null_plan_of(const json_t *spec)
{
    const json_t *command = json_object_get(json_object_get(spec, "container"), "command");
    const char *first = json_string_value(json_array_get(command, 0));
    const char *second = json_string_value(json_array_get(command, 1));
    const char *third = json_string_value(json_array_get(command, 2));
    if (third && second && strcmp(second, "-c") == 0) {
        char verb[16], argument[32];
        if (sscanf(third, " %15s %31s", verb, argument) == 2)
            return plan_of_words(verb, argument);
    }
    return plan_of_words(first, second);
}

static null_run *find(null *n, const char *run)
{
    null_run *r = NULL;
    HASH_FIND_STR(n->runs, run, r);
    return r;
}

static void end_run(null_run *r)
{
    r->ended = true;
    r->n->dirty = true;
}

static void on_time(void *arg)
{
    end_run(arg);
}

static null_run *add(null *n, const char *run)
{
    null_run *r = ob_calloc(1, sizeof(*r));
    r->n = n;
    r->timer = (loop_timer){ .fn = on_time, .arg = r };
    (void)snprintf(r->run, sizeof(r->run), "%s", run);
    HASH_ADD_STR(n->runs, run, r);
    n->dirty = true;
    return r;
}

static void run_free(null_run *r)
{
    loop_timer_stop(r->n->base.config.loop, &r->timer);
    HASH_DEL(r->n->runs, r);
    free(r);
}

static int null_make(const runtime_config *config, const void *own, runtime **ret, ob_error *err)
{
    null *n = ob_calloc(1, sizeof(*n));
    n->base = (runtime){ .ops = &runtime_null, .config = *config };
    n->word = ((const null_settings *)own)->word;
    ob_boot_id(n->boot);
    *ret = &n->base;
    return 0;
}

static void null_free(runtime *rt)
{
    null *n = (null *)rt;
    if (!n)
        return;
    null_run *r, *next;
    HASH_ITER(hh, n->runs, r, next)
    run_free(r);
    free(n);
}

static void null_open(runtime *rt)
{
    ((null *)rt)->opened = true;
    ((null *)rt)->dirty = true;
}

static int null_start(
    runtime *rt, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    null *n = (null *)rt;
    char run[OB_RUN_TEXT];
    ob_run_ref_format(ref, run);
    null_plan plan = null_plan_of(spec);
    null_run *r = add(n, run);
    r->fresh = true;
    r->follow = follow;
    r->attempt = attempt;
    r->exit_code = attempt <= plan.failures ? 1 : plan.exit_code;
    r->started_at_ms = ob_wall_ms();
    r->began_boot_ms = ob_boot_ms();
    r->ends_boot_ms = r->began_boot_ms + plan.duration_ms;
    json_t *record =
        json_pack("{s:o, s:I, s:I, s:I, s:i, s:i}", "boot", ob_json_text(n->boot), "at",
                  (json_int_t)r->started_at_ms, "began", (json_int_t)r->began_boot_ms, "ms",
                  (json_int_t)plan.duration_ms, "code", r->exit_code, "attempt", attempt);
    spool_set(rt->config.spool, run, "null", record, true);
    if (plan.duration_ms > 0)
        loop_timer_set(rt->config.loop, &r->timer, plan.duration_ms);
    else
        end_run(r);
    return 0;
}

/* A host that has rebooted has lost its runs, as a container engine would have. */
static void null_adopt(runtime *rt, const char *run, bool follow, int64_t since_ns)
{
    null *n = (null *)rt;
    null_run *r = find(n, run);
    const json_t *record = json_object_get(spool_get(rt->config.spool, run), "null");
    if (!r)
        r = add(n, run);
    bool same_boot = strcmp(ob_json_str(record, "boot", ""), n->boot) == 0;
    r->fresh = true;
    r->follow = follow;
    r->started_at_ms = ob_json_int(record, "at", 0);
    r->exit_code = same_boot ? (int)ob_json_int(record, "code", 0) : -1;
    r->reason = same_boot ? NULL : "CannotInspectContainerError: the host restarted";
    r->attempt = (int)ob_json_int(record, "attempt", 0);
    r->began_boot_ms = ob_json_int(record, "began", 0);
    r->ends_boot_ms = r->began_boot_ms + ob_json_int(record, "ms", 0);
    int64_t left = r->ends_boot_ms - ob_boot_ms();
    if (same_boot && left > 0)
        loop_timer_set(rt->config.loop, &r->timer, left);
    else
        end_run(r);
}

static void null_stop(runtime *rt, const char *run, int grace_s)
{
    null_run *r = find((null *)rt, run);
    if (!r || r->ended)
        return;
    r->exit_code = EXIT_SIGTERM;
    r->ends_boot_ms = ob_boot_ms();
    loop_timer_stop(rt->config.loop, &r->timer);
    end_run(r);
}

static void null_resume(runtime *rt, const char *run)
{
}

static void null_remove(runtime *rt, const char *run)
{
    null *n = (null *)rt;
    null_run *r = find(n, run);
    if (!r)
        r = add(n, run);
    r->remove = true;
    n->dirty = true;
}

static void null_purge(runtime *rt)
{
    ((null *)rt)->purging = true;
    ((null *)rt)->dirty = true;
}

/* Reports what adopt or remove will decide about. */
static void tell_found(null *n)
{
    json_auto_t *all = json_copy((json_t *)spool_all(n->base.config.spool));
    const char *run;
    json_t *members;
    json_object_foreach(all, run, members) if (json_object_get(members, "null") && !find(n, run))
        ON(n)
            ->found(run, ON(n)->arg);
    ON(n)->engine(true, "null", ON(n)->arg);
    ON(n)->listed(ON(n)->arg);
}

static void tell_end(null_run *r)
{
    null *n = r->n;
    /* Shown times: the boot clock's length from the shown start. */
    int64_t late_ms = ob_boot_ms() - r->ends_boot_ms;
    int64_t stopped_at_ms = ob_wall_ms() - (late_ms > 0 ? late_ms : 0);
    if (stopped_at_ms < r->started_at_ms)
        stopped_at_ms = r->started_at_ms;
    r->told = true;
    if (!r->reason)
        null_word_say(n->word, r->run, r->attempt, r->ends_boot_ms, r->began_boot_ms, r->exit_code);
    ON(n)->exited(r->run,
                  &(runtime_end){ .started = true,
                                  .exit_code = r->exit_code,
                                  .reason = r->reason,
                                  .started_at_ms = r->started_at_ms,
                                  .stopped_at_ms = stopped_at_ms },
                  ON(n)->arg);
    if (!r->follow)
        return;
    ON(n)->output_begin(r->run, ON(n)->arg);
    ON(n)->output_end(r->run, ON(n)->arg);
}

static void null_run_go(null_run *r)
{
    null *n = r->n;
    if (r->remove) {
        char run[OB_RUN_TEXT];
        memcpy(run, r->run, sizeof(run));
        run_free(r);
        ON(n)->removed(run, ON(n)->arg);
        return;
    }
    if (r->fresh) {
        if (!r->reason)
            null_word_say(n->word, r->run, r->attempt, r->began_boot_ms, r->began_boot_ms, -1);
        ON(n)->running(r->run, r->started_at_ms, ON(n)->arg);
    }
    r->fresh = false;
    if (r->ended && !r->told)
        tell_end(r);
}

static void null_flush(runtime *rt)
{
    null *n = (null *)rt;
    while (n->dirty) {
        n->dirty = false;
        if (n->purging) {
            ON(n)->purged(ON(n)->arg);
            return;
        }
        if (n->opened)
            tell_found(n);
        n->opened = false;
        null_run *r, *next;
        HASH_ITER(hh, n->runs, r, next)
        null_run_go(r);
    }
}

const runtime_ops runtime_null = {
    .name = "null",
    .help = "null: runs without containers, for tests of everything else",
    .fields = null_fields,
    .settings_size = sizeof(null_settings),
    .make = null_make,
    .free = null_free,
    .open = null_open,
    .start = null_start,
    .adopt = null_adopt,
    .stop = null_stop,
    .resume = null_resume,
    .remove = null_remove,
    .purge = null_purge,
    .flush = null_flush,
};
