/* The tables of a pod's states, and the only writers of them. Nothing is decided here: who sets a
 * state has decided. Thread: the loop's. */
#include "k8s_moves.h"

#include "ob/state_moves.h"

#define TO(value) OB_MOVE_TO(value)

/* Any may be removed: its run was confirmed by an executor before, or was never known. */
void k8s_set_step(k8s_run *r, k8s_step step)
{
    static const char *const names[] = {
        [K8S_STEP_INTENT] = "intent", [K8S_STEP_CREATE] = "create", [K8S_STEP_CHECK] = "check",
        [K8S_STEP_LIVE] = "live",     [K8S_STEP_SEEK] = "seek",     [K8S_STEP_FOUND] = "found",
        [K8S_STEP_ENDED] = "ended",   [K8S_STEP_REMOVE] = "remove", [K8S_STEP_GONE] = "gone",
    };
    static const unsigned next[] = {
        [K8S_STEP_INTENT] = TO(K8S_STEP_CREATE) | TO(K8S_STEP_ENDED),
        [K8S_STEP_CREATE] = TO(K8S_STEP_LIVE) | TO(K8S_STEP_CHECK) | TO(K8S_STEP_ENDED),
        [K8S_STEP_CHECK] = TO(K8S_STEP_LIVE) | TO(K8S_STEP_CREATE) | TO(K8S_STEP_ENDED),
        [K8S_STEP_LIVE] = TO(K8S_STEP_ENDED) | TO(K8S_STEP_REMOVE),
        [K8S_STEP_SEEK] = TO(K8S_STEP_FOUND) | TO(K8S_STEP_REMOVE),
        [K8S_STEP_FOUND] = TO(K8S_STEP_LIVE) | TO(K8S_STEP_REMOVE),
        [K8S_STEP_ENDED] = TO(K8S_STEP_REMOVE),
        [K8S_STEP_REMOVE] = TO(K8S_STEP_GONE),
        [K8S_STEP_GONE] = TO(K8S_STEP_REMOVE),
    };
    static const ob_state_moves moves = { "step", names, next };
    ob_state_moves_check(&moves, r->run, (int)r->step, (int)step);
    r->step = step;
    r->k->dirty = true;
}

/* Back to wanted: it failed, or a shorter grace is wanted. Back to none: its reason has gone. */
void k8s_set_stop(k8s_run *r, k8s_stop_state stop)
{
    static const char *const names[] = { "none", "wanted", "sent" };
    static const unsigned next[] = { [K8S_STOP_NONE] = TO(K8S_STOP_WANTED),
                                     [K8S_STOP_WANTED] = TO(K8S_STOP_SENT) | TO(K8S_STOP_NONE),
                                     [K8S_STOP_SENT] = TO(K8S_STOP_WANTED) };
    static const ob_state_moves moves = { "stop", names, next };
    ob_state_moves_check(&moves, r->run, (int)r->stop, (int)stop);
    r->stop = stop;
    r->k->dirty = true;
}

void k8s_set_doubt(k8s_run *r, k8s_doubt doubt)
{
    static const char *const names[] = { "none", "there", "asked" };
    static const unsigned next[] = {
        [K8S_DOUBT_NONE] = TO(K8S_DOUBT_THERE),
        [K8S_DOUBT_THERE] = TO(K8S_DOUBT_ASKED) | TO(K8S_DOUBT_NONE),
        [K8S_DOUBT_ASKED] = TO(K8S_DOUBT_NONE) | TO(K8S_DOUBT_THERE),
    };
    static const ob_state_moves moves = { "doubt", names, next };
    ob_state_moves_check(&moves, r->run, (int)r->doubt, (int)doubt);
    r->doubt = doubt;
    r->k->dirty = true;
}

/* Back to idle: the next container's, or the same goes on. */
void k8s_set_output(k8s_run *r, k8s_output_state state)
{
    static const char *const names[] = { "unwanted", "idle", "followed", "whole", "over" };
    static const unsigned next[] = {
        [K8S_OUTPUT_UNWANTED] = TO(K8S_OUTPUT_IDLE),
        [K8S_OUTPUT_IDLE] = TO(K8S_OUTPUT_FOLLOWED) | TO(K8S_OUTPUT_WHOLE) | TO(K8S_OUTPUT_OVER),
        [K8S_OUTPUT_FOLLOWED] = TO(K8S_OUTPUT_IDLE) | TO(K8S_OUTPUT_OVER),
        [K8S_OUTPUT_WHOLE] = TO(K8S_OUTPUT_IDLE) | TO(K8S_OUTPUT_OVER),
        [K8S_OUTPUT_OVER] = 0,
    };
    static const ob_state_moves moves = { "output", names, next };
    ob_state_moves_check(&moves, r->run, (int)r->out.state, (int)state);
    r->out.state = state;
    r->k->dirty = true;
}
