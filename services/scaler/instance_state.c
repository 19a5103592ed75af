/* THE tables of an instance's states (instance_state.h): for each state, the states that
 * may follow it. Owns nothing. Loop thread. */
#include "instance_state.h"

#include <string.h>

#include "ob/state_moves.h"
#include "providers/provider.h"

#define TO(state) OB_MOVE_TO(state)

/* A launch that comes to nothing ends without having been ACTIVE; what was ACTIVE ends DRAINING or
 * LOST. DRAINING again: with an earlier deadline. */
static const ob_state_moves life = {
    "state",
    (const char *const[]){ "LAUNCHING", "ACTIVE", "DRAINING", "LOST", "TERMINATED" },
    (const unsigned[]){
        [OB_INSTANCE_LAUNCHING] = TO(OB_INSTANCE_ACTIVE) | TO(OB_INSTANCE_TERMINATED),
        [OB_INSTANCE_ACTIVE] = TO(OB_INSTANCE_DRAINING) | TO(OB_INSTANCE_LOST),
        [OB_INSTANCE_DRAINING] =
            TO(OB_INSTANCE_DRAINING) | TO(OB_INSTANCE_LOST) | TO(OB_INSTANCE_TERMINATED),
        [OB_INSTANCE_LOST] = TO(OB_INSTANCE_TERMINATED),
        [OB_INSTANCE_TERMINATED] = 0,
    },
};

static const ob_state_moves prospect = {
    "prospect",
    (const char *const[]){ "SURE", "MAY_FAIL", "FOUND" },
    (const unsigned[]){
        [PROSPECT_SURE] = TO(PROSPECT_MAY_FAIL),
        [PROSPECT_MAY_FAIL] = TO(PROSPECT_SURE) | TO(PROSPECT_FOUND),
        [PROSPECT_FOUND] = TO(PROSPECT_SURE),
    },
};

/* OPEN again: what was said has been acted on. */
static const ob_state_moves fate = {
    "fate",
    (const char *const[]){ "OPEN", "FAILED", "GONE" },
    (const unsigned[]){
        [FATE_OPEN] = TO(FATE_FAILED) | TO(FATE_GONE),
        [FATE_FAILED] = TO(FATE_OPEN),
        [FATE_GONE] = TO(FATE_OPEN) | TO(FATE_FAILED),
    },
};

/* AWAITED again: PostgreSQL did not take the registration; the next heartbeat repeats it. */
static const ob_state_moves executor = {
    "executor",
    (const char *const[]){ "AWAITED", "REGISTERED", "LEFT" },
    (const unsigned[]){
        [EXECUTOR_AWAITED] = TO(EXECUTOR_REGISTERED) | TO(EXECUTOR_LEFT),
        [EXECUTOR_REGISTERED] = TO(EXECUTOR_AWAITED) | TO(EXECUTOR_LEFT),
        [EXECUTOR_LEFT] = 0,
    },
};

/* An executor may tell of a notice that nobody here has asked for; one that leaves goes sooner than
 * it told first (TAKEN, then TOLD). */
static const ob_state_moves notice = {
    "notice",
    (const char *const[]){ "NONE", "WANTED", "REFUSED", "TOLD", "TAKEN" },
    (const unsigned[]){
        [NOTICE_NONE] = TO(NOTICE_WANTED) | TO(NOTICE_TOLD),
        [NOTICE_WANTED] = TO(NOTICE_REFUSED) | TO(NOTICE_TOLD),
        [NOTICE_REFUSED] = TO(NOTICE_TOLD),
        [NOTICE_TOLD] = TO(NOTICE_TAKEN),
        [NOTICE_TAKEN] = TO(NOTICE_TOLD),
    },
};

/* POSSIBLE again: the answer is used up, or is one of an earlier state of the instance. */
static const ob_state_moves placements = {
    "placements",
    (const char *const[]){ "POSSIBLE", "SAID_NONE", "NONE" },
    (const unsigned[]){
        [PLACEMENTS_POSSIBLE] = TO(PLACEMENTS_SAID_NONE) | TO(PLACEMENTS_NONE),
        [PLACEMENTS_SAID_NONE] = TO(PLACEMENTS_POSSIBLE) | TO(PLACEMENTS_NONE),
        [PLACEMENTS_NONE] = TO(PLACEMENTS_POSSIBLE),
    },
};

static bool may(const instance *in, const ob_state_moves *moves, unsigned from, unsigned to)
{
    return ob_state_moves_allow(moves, in->id, (int)from, (int)to);
}

void instance_set_type(instance *in, const char *type)
{
    free(in->type);
    in->type = ob_strdup(type);
    in->origin = !strcmp(type, PROVIDER_JOINED)            ? ORIGIN_JOINED
                 : !strcmp(type, PROVIDER_UNMANAGED_LOCAL) ? ORIGIN_UNMANAGED_LOCAL
                 : !strcmp(type, PROVIDER_KUBERNETES)      ? ORIGIN_NODE
                 : !strcmp(type, PROVIDER_FARGATE)         ? ORIGIN_FARGATE
                                                           : ORIGIN_CATALOGUE;
}

void instance_set_state(instance *in, ob_instance_state to, int64_t now_ms)
{
    (void)may(in, &life, in->state, to);
    in->state = to;
    in->since_ms = now_ms;
    in->asked_at_ms = in->flush_ms = 0;
    if (in->placements == PLACEMENTS_NONE)
        (void)instance_set_placements(in, PLACEMENTS_POSSIBLE);
}

bool instance_set_prospect(instance *in, instance_prospect to)
{
    if (may(in, &prospect, in->prospect, to))
        in->prospect = to;
    return in->prospect == to;
}

bool instance_set_fate(instance *in, instance_fate to, int error, const char *text)
{
    if (!may(in, &fate, in->fate, to))
        return false;
    free(in->fate_text);
    in->fate = to;
    in->fate_error = error;
    in->fate_text = text ? ob_strdup(text) : NULL;
    return true;
}

bool instance_set_executor(instance *in, instance_executor to)
{
    if (may(in, &executor, in->executor, to))
        in->executor = to;
    return in->executor == to;
}

bool instance_set_notice(instance *in, instance_notice to)
{
    if (may(in, &notice, in->notice, to))
        in->notice = to;
    return in->notice == to;
}

bool instance_set_placements(instance *in, instance_placements to)
{
    if (may(in, &placements, in->placements, to))
        in->placements = to;
    return in->placements == to;
}
