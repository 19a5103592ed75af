/* Adopts containers. While somebody holds the lock of a state, there is a keeper, or a process that
 * is just becoming one. Its number is trusted only if the lock is still held after the process with
 * that number was opened. Owns nothing. Thread: the loop's. */
#include "oci_adopt.h"

#include "oci_container.h"
#include "oci_events.h"
#include "oci_folder.h"
#include "oci_look.h"

#define KEEPER_WAIT_MS 20 /* for its first words */

static bool find_keeper(oci_container *c, int pid)
{
    c->keeper.on_exit = oci_on_keeper_end;
    c->keeper.arg = c;
    if (pid <= 0 || !oci_keeper_watch(&c->keeper, pid))
        return false;
    if (oci_folder_is_kept(c->folder))
        return true;
    oci_process_leave(&c->keeper);
    return false;
}

void oci_adopt_go(oci_container *c)
{
    oci_state s;
    if (c->keeper.fd > 0)
        return;
    bool is_kept = oci_folder_is_kept(c->folder);
    (void)oci_folder_state(c->folder, &s);
    if (is_kept && !find_keeper(c, s.keeper)) {
        oci_wait(c, KEEPER_WAIT_MS);
        return;
    }
    c->is_clean = !is_kept && s.clean;
    if (is_kept && c->watch < 0)
        (void)oci_events_watch(c, NULL); /* its end is heard of anyway */
    if (is_kept && c->grace_s >= 0)
        oci_keeper_stop(&c->keeper, c->grace_s);
    if (c->step != OCI_STEP_BEGIN)
        return;
    oci_look(c);
    if (!is_kept && (c->step == OCI_STEP_BEGIN || c->step == OCI_STEP_RUN))
        oci_orphaned(c);
}
