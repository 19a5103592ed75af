/* The tables of a container's states, and the only writers of them. Nothing is decided here: who
 * sets a state has decided. Owns the count of slots. Thread: the loop's. */
#include "docker_moves.h"

#include "ob/state_moves.h"

#define TO(value) OB_MOVE_TO(value)

static const char *const step_names[] = {
    [STEP_FOUND] = "found",     [STEP_QUEUED] = "queued",     [STEP_CREATE] = "create",
    [STEP_PULL] = "pull",       [STEP_DOUBT] = "doubt",       [STEP_START] = "start",
    [STEP_INTENT] = "intent",   [STEP_STARTING] = "starting", [STEP_RUN] = "run",
    [STEP_INSPECT] = "inspect", [STEP_ENDED] = "ended",       [STEP_REMOVE] = "remove",
};

/* What runs, or was adopted, may be removed before its end is known: when its run was confirmed by
 * an executor before and all of its output that is wanted has been read. */
static const unsigned next_step[] = {
    [STEP_FOUND] = TO(STEP_INSPECT) | TO(STEP_REMOVE),
    [STEP_QUEUED] = TO(STEP_CREATE) | TO(STEP_ENDED),
    [STEP_CREATE] =
        TO(STEP_START) | TO(STEP_PULL) | TO(STEP_DOUBT) | TO(STEP_INSPECT) | TO(STEP_ENDED),
    [STEP_PULL] = TO(STEP_QUEUED) | TO(STEP_ENDED),
    [STEP_DOUBT] = TO(STEP_ENDED),
    [STEP_START] = TO(STEP_INTENT) | TO(STEP_ENDED),
    [STEP_INTENT] = TO(STEP_STARTING) | TO(STEP_ENDED),
    [STEP_STARTING] = TO(STEP_RUN) | TO(STEP_INTENT) | TO(STEP_INSPECT) | TO(STEP_ENDED),
    [STEP_RUN] = TO(STEP_INSPECT) | TO(STEP_REMOVE),
    [STEP_INSPECT] = TO(STEP_START) | TO(STEP_RUN) | TO(STEP_ENDED) | TO(STEP_REMOVE),
    [STEP_ENDED] = TO(STEP_REMOVE),
    [STEP_REMOVE] = 0,
};

static void take_slot(container *c)
{
    c->has_slot = true;
    c->d->slots_used++;
}

void container_release_slot(container *c)
{
    if (c->has_slot)
        c->d->slots_used--;
    c->has_slot = false;
}

void container_set_step(container *c, container_step step)
{
    static const ob_state_moves moves = { "step", step_names, next_step };
    ob_state_moves_check(&moves, c->run, (int)c->step, (int)step);
    c->step = step;
    if (step == STEP_CREATE)
        take_slot(c);
    else if (step == STEP_PULL || step == STEP_RUN || step == STEP_ENDED)
        container_release_slot(c);
}

void container_set_origin(container *c, container_origin origin)
{
    static const char *const names[] = { "own", "adopted", "rebooted" };
    static const unsigned next[] = {
        [ORIGIN_OWN] = TO(ORIGIN_ADOPTED) | TO(ORIGIN_REBOOTED), [ORIGIN_REBOOTED] = 0
    };
    static const ob_state_moves moves = { "origin", names, next };
    ob_state_moves_check(&moves, c->run, (int)c->origin, (int)origin);
    c->origin = origin;
}

void container_set_start(container *c, container_start start)
{
    static const char *const names[] = { "none", "intended", "unknown" };
    static const unsigned next[] = {
        [START_NONE] = TO(START_INTENDED) | TO(START_UNKNOWN), [START_UNKNOWN] = 0
    };
    static const ob_state_moves moves = { "start", names, next };
    ob_state_moves_check(&moves, c->run, (int)c->start, (int)start);
    c->start = start;
}

void container_set_second_look(container *c, container_second_look look)
{
    static const char *const names[] = { "none", "start", "end" };
    static const unsigned next[] = {
        [SECOND_LOOK_NONE] = TO(SECOND_LOOK_START) | TO(SECOND_LOOK_END),
        [SECOND_LOOK_START] = TO(SECOND_LOOK_END),
        [SECOND_LOOK_END] = 0,
    };
    static const ob_state_moves moves = { "second_look", names, next };
    ob_state_moves_check(&moves, c->run, (int)c->second_look, (int)look);
    c->second_look = look;
}

/* Back to STOP_WANTED: it failed, or a shorter grace is wanted. */
void container_set_stop(container *c, container_stop stop)
{
    static const char *const names[] = { "none", "wanted", "sent" };
    static const unsigned next[] = {
        [STOP_NONE] = TO(STOP_WANTED), [STOP_WANTED] = TO(STOP_SENT), [STOP_SENT] = TO(STOP_WANTED)
    };
    static const ob_state_moves moves = { "stop", names, next };
    ob_state_moves_check(&moves, c->run, (int)c->stop, (int)stop);
    c->stop = stop;
}

/* Back to OUTPUT_IDLE: all is read again. */
void container_set_output(container *c, output_state state)
{
    static const char *const names[] = {
        [OUTPUT_UNWANTED] = "unwanted", [OUTPUT_IDLE] = "idle",     [OUTPUT_FOLLOWED] = "followed",
        [OUTPUT_WHOLE] = "whole",       [OUTPUT_UNSURE] = "unsure", [OUTPUT_CHECKED] = "checked",
        [OUTPUT_OVER] = "over",
    };
    static const unsigned next[] = {
        [OUTPUT_UNWANTED] = TO(OUTPUT_IDLE),
        [OUTPUT_IDLE] = TO(OUTPUT_FOLLOWED) | TO(OUTPUT_WHOLE) | TO(OUTPUT_OVER),
        [OUTPUT_FOLLOWED] = TO(OUTPUT_IDLE) | TO(OUTPUT_UNSURE) | TO(OUTPUT_OVER),
        [OUTPUT_WHOLE] = TO(OUTPUT_IDLE) | TO(OUTPUT_OVER),
        [OUTPUT_UNSURE] = TO(OUTPUT_FOLLOWED) | TO(OUTPUT_CHECKED) | TO(OUTPUT_OVER),
        [OUTPUT_CHECKED] = TO(OUTPUT_IDLE) | TO(OUTPUT_UNSURE) | TO(OUTPUT_OVER),
        [OUTPUT_OVER] = 0,
    };
    static const ob_state_moves moves = { "output", names, next };
    ob_state_moves_check(&moves, c->run, (int)c->out.state, (int)state);
    c->out.state = state;
}
