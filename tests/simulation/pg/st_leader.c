/* The statements of leading: the lock, the epoch, the fence (shared/sql/queries/leader.sql). */
#include <string.h>

#include "pg_internal.h"

#define STALLED_US 1000000

static uint32_t lock_bit(const pg_run *run)
{
    return UINT32_C(1) << pg_int(run, 0);
}

static void put_done(pg_run *run, bool done)
{
    pg_out_row(run);
    pg_put_bool(run, done);
}

static void leader_lock(pg_run *run)
{
    for (const pg_session *s = pg_sessions(); s; s = s->next)
        if (s != run->s && !s->ended && (s->locks & lock_bit(run))) {
            put_done(run, false);
            return;
        }
    run->s->locks |= lock_bit(run);
    put_done(run, true);
}

/* Ends the holder if it has waited for its client for more than a second. */
static void leader_end_stalled(pg_run *run)
{
    for (pg_session *s = pg_sessions(); s; s = s->next) {
        if (s == run->s || s->ended || s->running || !(s->locks & lock_bit(run)) ||
            s->changed_us >= pg_now_us() - STALLED_US)
            continue;
        pg_session_end(s, "57P01");
        put_done(run, true);
    }
}

static void leader_epoch(pg_run *run)
{
    pg_rec *rec = pg_find(run->s, PG_LEADER, &(pg_leader){ .role = pg_text(run, 0) });
    pg_leader *l = rec ? pg_update(run, rec) : NULL;
    if (!l)
        return;
    l->epoch++;
    l->holder = pg_text(run, 1);
    if (l->counted_round != l->round)
        l->counted_since = l->epoch;
    pg_out_row(run);
    pg_put_int(run, l->epoch);
    pg_put_int(run, l->round);
    pg_put_bool(run, l->counted_round == l->round);
}

static void leader_plans(pg_run *run)
{
    pg_out_row(run);
    for (int i = 0; i < 5; i++)
        pg_put_text(run, "off");
}

static void leader_fence(pg_run *run)
{
    const char *role = pg_text(run, 0);
    int64_t epoch = pg_int(run, 1), round = pg_int(run, 2);
    pg_rec *rec = pg_find(run->s, PG_LEADER, &(pg_leader){ .role = role });
    const pg_leader *is = rec ? pg_see(run->s, rec) : NULL;
    if (!is || is->epoch != epoch || is->round != round - 1) {
        pg_fail(run, "OB001", "deposed: epoch %lld round %lld of %s is not the next",
                (long long)epoch, (long long)round, role);
        return;
    }
    pg_leader *l = pg_update(run, rec);
    if (!l)
        return;
    l->round = l->counted_round = round;
    run->s->role = role;
    run->s->epoch = epoch;
    run->s->round = round;
    pg_out_row(run);
    pg_put_text(run, "");
}

static void leader_standby(pg_run *run)
{
    bool connected = false;
    for (const pg_session *s = pg_sessions(); s; s = s->next)
        connected |= s != run->s && !s->ended && strcmp(s->application, pg_text(run, 0)) == 0;
    put_done(run, connected);
}

#define S "shared"
const pg_statement pg_leader_statements[] = {
    { S, "leader_lock", "i", "done", leader_lock },
    { S, "leader_end_stalled", "i", "done", leader_end_stalled },
    { S, "leader_epoch", "tt", "epoch,round,counted", leader_epoch },
    { S, "leader_plans", "", "set_config,set_config,set_config,set_config,set_config",
      leader_plans },
    { S, "leader_fence", "tii", "ob_fence_counted", leader_fence },
    { S, "leader_standby", "t", "connected", leader_standby },
    { 0 },
};
