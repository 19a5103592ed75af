/* THE tables of an instance's states (instance_state.h): for each state, the states that it may
 * come from. To stay is no move. Owns nothing. Loop thread. */
#include "instance_state.h"

#include <string.h>

#include "ob/log.h"
#include "providers/provider.h"

#define STATES_MAX 8
#define STATE_BIT(state) (1u << (state))

/* One thing that changes by itself. */
typedef struct dimension {
    const char *name;
    const char *states[STATES_MAX];
    unsigned from[STATES_MAX]; /* by state: a bit for each state that may become it */
} dimension;

/* A launch that comes to nothing ends without having been ACTIVE; what was ACTIVE ends DRAINING or
 * LOST. DRAINING again: with an earlier deadline. */
static const dimension life = {
    "state",
    { "LAUNCHING", "ACTIVE", "DRAINING", "LOST", "TERMINATED" },
    { [OB_INSTANCE_ACTIVE] = STATE_BIT(OB_INSTANCE_LAUNCHING),
      [OB_INSTANCE_DRAINING] = STATE_BIT(OB_INSTANCE_ACTIVE) | STATE_BIT(OB_INSTANCE_DRAINING),
      [OB_INSTANCE_LOST] = STATE_BIT(OB_INSTANCE_ACTIVE) | STATE_BIT(OB_INSTANCE_DRAINING),
      [OB_INSTANCE_TERMINATED] = STATE_BIT(OB_INSTANCE_LAUNCHING) |
                                 STATE_BIT(OB_INSTANCE_DRAINING) | STATE_BIT(OB_INSTANCE_LOST) },
};

static const dimension prospect = {
    "prospect",
    { "SURE", "MAY_FAIL", "FOUND" },
    { [PROSPECT_SURE] = STATE_BIT(PROSPECT_MAY_FAIL) | STATE_BIT(PROSPECT_FOUND),
      [PROSPECT_MAY_FAIL] = STATE_BIT(PROSPECT_SURE),
      [PROSPECT_FOUND] = STATE_BIT(PROSPECT_MAY_FAIL) },
};

/* OPEN again: what was said has been acted on. */
static const dimension fate = {
    "fate",
    { "OPEN", "FAILED", "GONE" },
    { [FATE_OPEN] = STATE_BIT(FATE_FAILED) | STATE_BIT(FATE_GONE),
      [FATE_FAILED] = STATE_BIT(FATE_OPEN) | STATE_BIT(FATE_GONE),
      [FATE_GONE] = STATE_BIT(FATE_OPEN) },
};

/* AWAITED again: PostgreSQL did not take the registration; the next heartbeat repeats it. */
static const dimension executor = {
    "executor",
    { "AWAITED", "REGISTERED", "LEFT" },
    { [EXECUTOR_AWAITED] = STATE_BIT(EXECUTOR_REGISTERED),
      [EXECUTOR_REGISTERED] = STATE_BIT(EXECUTOR_AWAITED),
      [EXECUTOR_LEFT] = STATE_BIT(EXECUTOR_AWAITED) | STATE_BIT(EXECUTOR_REGISTERED) },
};

/* An executor may tell of a notice that nobody here has asked for; one that leaves goes sooner than
 * it told first (TAKEN, then TOLD). */
static const dimension notice = {
    "notice",
    { "NONE", "WANTED", "REFUSED", "TOLD", "TAKEN" },
    { [NOTICE_WANTED] = STATE_BIT(NOTICE_NONE),
      [NOTICE_REFUSED] = STATE_BIT(NOTICE_WANTED),
      [NOTICE_TOLD] = STATE_BIT(NOTICE_NONE) | STATE_BIT(NOTICE_WANTED) |
                      STATE_BIT(NOTICE_REFUSED) | STATE_BIT(NOTICE_TAKEN),
      [NOTICE_TAKEN] = STATE_BIT(NOTICE_TOLD) },
};

/* POSSIBLE again: the answer is used up, or is one of an earlier state of the instance. */
static const dimension placements = {
    "placements",
    { "POSSIBLE", "SAID_NONE", "NONE" },
    { [PLACEMENTS_POSSIBLE] = STATE_BIT(PLACEMENTS_SAID_NONE) | STATE_BIT(PLACEMENTS_NONE),
      [PLACEMENTS_SAID_NONE] = STATE_BIT(PLACEMENTS_POSSIBLE),
      [PLACEMENTS_NONE] = STATE_BIT(PLACEMENTS_POSSIBLE) | STATE_BIT(PLACEMENTS_SAID_NONE) },
};

static bool may(const instance *in, const dimension *d, unsigned from, unsigned to)
{
    if (from == to || d->from[to] & STATE_BIT(from))
        return true;
    ob_errlog("state.forbidden", "{s:s, s:s, s:s, s:s}", "instance", in->id, "state", d->name,
              "from", d->states[from], "to", d->states[to]);
    return false;
}

void instance_set_type(instance *in, const char *type)
{
    free(in->type);
    in->type = ob_strdup(type);
    in->origin = !strcmp(type, PROVIDER_JOINED)            ? ORIGIN_JOINED
                 : !strcmp(type, PROVIDER_UNMANAGED_LOCAL) ? ORIGIN_UNMANAGED_LOCAL
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
