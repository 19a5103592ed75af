/* Takes a container's end. An exit code comes only from its keeper, which has it from the kernel. A
 * keeper that was killed leaves a state without an end: then all that is left of the container is
 * killed, and after that its run is over. It has not begun if the state does not say that it was
 * about to; otherwise it may have run, and nobody knows its exit code. After a restart of the host
 * the state may lack its last lines, so there the intent in the spool counts, too. Owns nothing.
 * Thread: the loop's. */
#include "oci_look.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/log.h"
#include "ob/message.h"
#include "ob/point.h"
#include "oci_container.h"
#include "oci_folder.h"
#include "oci_follow.h"
#include "oci_unwell.h"
#include "oci_words.h"

#define RETRY_MS 1000
#define REMOVALS_MAX 5
#define REASON_MAX 640
#define NOT_FOUND 127
#define NOT_RUNNABLE 126

/* ---- ends ---- */

/* A shell's exit code for a command that it cannot run; -1: that is not the cause. */
static int command_code(const char *why)
{
    bool is_command = strncmp(why, "executable file `", 17) == 0 || strstr(why, "exec: \"") ||
                      strncmp(why, "open executable", 15) == 0;
    if (!is_command)
        return -1;
    if (strstr(why, "not found") || strstr(why, "no such file or directory"))
        return NOT_FOUND;
    return NOT_RUNNABLE;
}

static void end_refused(oci_container *c, const oci_state *s)
{
    char reason[REASON_MAX];
    int code = command_code(s->why);
    if (s->by_host || code < 0) {
        oci_doubt(c, s->why);
        return;
    }
    (void)snprintf(reason, sizeof(reason), "CannotStartContainerError: %s",
                   strncmp(s->why, "open executable", 15) == 0
                       ? "open executable: permission denied"
                       : s->why);
    oci_tell_end(c, &(runtime_end){ .exit_code = code, .reason = reason });
}

static void end_unknown(oci_container *c, const char *kind, const char *why, const char *more)
{
    char reason[REASON_MAX];
    (void)snprintf(reason, sizeof(reason), "%s: %s%s", kind, why, more);
    oci_tell_end(c, &(runtime_end){ .started = true, .exit_code = -1, .reason = reason });
}

static void end_ran(oci_container *c, const oci_state *s)
{
    bool oom = s->oom && s->code != 0;
    c->is_cut = s->is_cut;
    oci_tell_end(c, &(runtime_end){ .started = true,
                                    .exit_code = s->code,
                                    .oom = oom,
                                    .started_at_ms = s->running_ms,
                                    .stopped_at_ms = s->ended_ms,
                                    .cpu_ms = s->cpu_ms,
                                    .peak_bytes = s->peak_bytes,
                                    .reason = oom ? "OutOfMemoryError: Container killed due to "
                                                    "memory usage"
                                                  : NULL });
}

static void take_result(oci_container *c, const oci_state *s)
{
    switch (s->result) {
    case OCI_RESULT_NONE:
        break;
    case OCI_RESULT_END:
        end_ran(c, s);
        break;
    case OCI_RESULT_LOST:
        end_unknown(c, "CannotStartContainerError", s->why, "; it may have run");
        break;
    case OCI_RESULT_REFUSED:
        end_refused(c, s);
        break;
    case OCI_RESULT_STOPPED:
        oci_end_unstarted(c, NULL);
        break;
    }
}

void oci_look(oci_container *c)
{
    oci_state s;
    bool is_open = c->step == OCI_STEP_BEGIN || c->step == OCI_STEP_RUN;
    if (is_open && oci_folder_state(c->folder, &s)) {
        if (s.running_ms && c->step == OCI_STEP_BEGIN) {
            oci_tell_running(c, s.running_ms);
            oci_set_step(c, OCI_STEP_RUN);
        }
        take_result(c, &s);
    }
    oci_follow(c);
}

/* ---- without a keeper ---- */

static bool may_have_run(const oci_container *c, const oci_state *s, bool is_rebooted)
{
    const json_t *members = spool_get(c->o->base.config.spool, c->run);
    return s->may_have_begun || (is_rebooted && json_object_get(members, "intent"));
}

/* All that was left of it is dead. */
static void conclude(oci_container *c)
{
    oci_state s;
    (void)oci_folder_state(c->folder, &s);
    bool is_rebooted = strcmp(s.boot, c->o->boot) != 0;
    c->is_clean = true;
    if (c->step == OCI_STEP_REMOVE) {
        oci_dirty(c->o);
    } else if (s.result != OCI_RESULT_NONE) {
        take_result(c, &s);
    } else if (!may_have_run(c, &s, is_rebooted)) {
        oci_end_unstarted(c, NULL);
    } else {
        if (s.running_ms)
            oci_tell_running(c, s.running_ms);
        end_unknown(c, "CannotInspectContainerError",
                    is_rebooted ? "the host restarted, and nobody knows the container's exit code"
                                : "the container's keeper was killed, and nobody else knows the "
                                  "container's exit code",
                    "");
    }
    oci_follow(c);
}

static void on_clean(int status, void *arg)
{
    oci_container *c = arg;
    bool is_refused = WIFEXITED(status) && WEXITSTATUS(status) == OCI_EXIT_REFUSED;
    if (is_refused)
        ob_warn("keeper.failed", "{s:s, s:s}", "run", c->run, "error",
                "no executor made its folder, so it stays");
    if (status == 0 || is_refused) {
        conclude(c);
        return;
    }
    oci_wait(c, RETRY_MS); /* something of it cannot be killed yet */
}

static void clean(oci_container *c)
{
    ob_error err = { 0 };
    if (c->cleaner.fd > 0 || ob_boot_ms() < c->not_before_ms)
        return;
    if (access(c->folder, F_OK) < 0) { /* nothing was made */
        conclude(c);
        return;
    }
    c->cleaner.on_exit = on_clean;
    c->cleaner.arg = c;
    const oci_place place = oci_place_of(c->o, c->name);
    if (oci_keeper_clean(&c->cleaner, &place, &err) < 0) {
        ob_warn("keeper.failed", "{s:s, s:s}", "run", c->run, "error", err.text);
        oci_wait(c, RETRY_MS);
    }
}

void oci_orphaned(oci_container *c)
{
    if (c->step != OCI_STEP_ORPHAN)
        oci_set_step(c, OCI_STEP_ORPHAN);
    clean(c);
}

void oci_on_keeper_end(int status, void *arg)
{
    oci_container *c = arg;
    oci_state s;
    oci_look(c); /* its last words */
    c->is_clean = oci_folder_state(c->folder, &s) && s.clean;
    oci_dirty(c->o);
    if (c->step != OCI_STEP_BEGIN && c->step != OCI_STEP_RUN)
        return;
    ob_warn("keeper.lost", "{s:s, s:i}", "run", c->run, "status", status);
    oci_orphaned(c);
}

/* ---- removal ---- */

static void removed(oci_container *c)
{
    char run[OB_RUN_TEXT];
    oci *o = c->o;
    memcpy(run, c->run, sizeof(run));
    oci_free_container(c);
    OCI_ON(o)->removed(run, OCI_ON(o)->arg);
}

void oci_remove_go(oci_container *c)
{
    if (c->keeper.fd > 0 || ob_boot_ms() < c->not_before_ms)
        return;
    if (!c->is_clean) {
        clean(c);
        return;
    }
    if (oci_folder_remove(c->folder)) {
        removed(c);
    } else if (++c->removals < REMOVALS_MAX) {
        c->is_clean = false;
        oci_wait(c, RETRY_MS);
    } else {
        ob_warn("container.abandoned", "{s:s}", "run", c->run);
        removed(c);
    }
}
