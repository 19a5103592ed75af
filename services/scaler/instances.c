/* Instances from their registration to their end: ACTIVE, DRAINING or LOST, TERMINATED. Owns no
 * memory. Invariant: an instance that was ACTIVE ends only DRAINING or LOST, and with nothing
 * placed on it. Loop thread. */
#include "instances.h"

#include <stdio.h>
#include <string.h>

#include "announce.h"
#include "instance_moves.h"
#include "launches.h"
#include "silence.h"

#define RETRY_MS 1000
#define OVERDUE_MS 250
#define FLUSH_MS 60000 /* a drained instance may still be sending logs for so long */

bool instances_outdated(const env *e, const instance *in)
{
    return *in->launch_hash && strcmp(in->launch_hash, e->launch_hash) != 0;
}

static int find_lost(scaler *s, int64_t heard_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    for (instance *in = s->instances; in; in = in->hh.next) {
        if (in->state != OB_INSTANCE_ACTIVE && in->state != OB_INSTANCE_DRAINING)
            continue;
        if (silence_turn(s, in, heard_ms)) {
            in->end_code = "silent";
            id_list_add(&list, in->id);
        }
    }
    char reason[64];
    (void)snprintf(reason, sizeof(reason), "silent for %lld ms",
                   (long long)s->config.lost_after_ms);
    return moves_advance(s, &list, BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING),
                         OB_INSTANCE_LOST, reason, err);
}

int instances_drain(scaler *s,
                    instance *const *which,
                    size_t n,
                    const char *reason,
                    int64_t deadline_ms,
                    ob_error *err)
{
    ob_cleanup(id_list_done) id_list alive = { 0 };
    ob_cleanup(id_list_done) id_list launching = { 0 };
    for (size_t i = 0; i < n; i++)
        id_list_add(which[i]->state == OB_INSTANCE_LAUNCHING ? &launching : &alive, which[i]->id);
    store_move move = { .from = BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING),
                        .to = OB_INSTANCE_DRAINING,
                        .reason = reason,
                        .deadline_ms = deadline_ms };
    int r = moves_commit(s, &alive, &move, err);
    if (r == 0)
        r = moves_advance(s, &launching, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED, reason,
                          err);
    return r;
}

/* An instance past its deadline ends together with its runs. */
static int end_overdue(scaler *s, int64_t now_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    ob_cleanup(id_list_done) id_list late = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *overdue = NULL;
    if (now_ms - s->overdue_at_ms < OVERDUE_MS)
        return 0;
    s->overdue_at_ms = now_ms;
    for (instance *in = s->instances; in; in = in->hh.next)
        if (in->has_deadline && in->state == OB_INSTANCE_DRAINING)
            id_list_add(&list, in->id);
    if (list.n == 0)
        return 0;
    int r = store_overdue(ob_leader_db(s->leader), list.ids, list.n, &overdue, err);
    for (int i = 0; r == 0 && i < PQntuples(overdue); i++) {
        instance *in = scaler_instance(s, PQgetvalue(overdue, i, OVERDUE_ID));
        if (in)
            in->end_code = "overdue";
        id_list_add(&late, PQgetvalue(overdue, i, OVERDUE_ID));
    }
    return r < 0 ? r
                 : moves_advance(s, &late, BIT(OB_INSTANCE_DRAINING), OB_INSTANCE_LOST,
                                 "the time for its running jobs is over", err);
}

/* Has its executor nothing left to send? */
static bool has_sent_all(const instance *in)
{
    return in->held == 0 || in->executor == EXECUTOR_LEFT;
}

/* Tries to end DRAINING and LOST instances: at once when the scheduler reports it, otherwise every
 * second, until they have no placement. */
static void ask_ends(scaler *s, id_list *list, int64_t heard_ms, int64_t now_ms)
{
    ob_cleanup(id_list_done) id_list again = { 0 };
    for (instance *in = s->instances; in; in = in->hh.next) {
        if (in->state != OB_INSTANCE_DRAINING && in->state != OB_INSTANCE_LOST)
            continue;
        bool empty = in->placements == PLACEMENTS_NONE;
        if (empty && heard_ms > 0)
            in->flush_ms += heard_ms;
        bool due = now_ms - in->asked_at_ms >= RETRY_MS;
        if (!due && in->placements != PLACEMENTS_SAID_NONE && !(empty && has_sent_all(in)))
            continue;
        id_list_add(list, in->id);
        if (due && in->asked_at_ms)
            id_list_add(&again, in->id);
        if (due)
            in->asked_at_ms = now_ms;
        if (in->placements == PLACEMENTS_SAID_NONE)
            (void)instance_set_placements(in, PLACEMENTS_POSSIBLE);
    }
    announce_instances(s, again.ids, again.n);
}

/* Of the empty instances, those whose executor has nothing left to send. */
static void choose_ends(scaler *s, const PGresult *empty, id_list *list)
{
    for (int i = 0; i < PQntuples(empty); i++) {
        instance *in = scaler_instance(s, PQgetvalue(empty, i, EMPTY_ID));
        if (!in)
            continue;
        (void)instance_set_placements(in, PLACEMENTS_NONE);
        if (in->state == OB_INSTANCE_LOST || has_sent_all(in) || in->flush_ms > FLUSH_MS)
            id_list_add(list, in->id);
    }
}

static int end_empty(scaler *s, int64_t heard_ms, int64_t now_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list asked = { 0 };
    ob_cleanup(id_list_done) id_list list = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *empty = NULL;
    ask_ends(s, &asked, heard_ms, now_ms);
    if (asked.n == 0)
        return 0;
    int r = store_empty(ob_leader_db(s->leader), asked.ids, asked.n, &empty, err);
    if (r < 0)
        return r;
    choose_ends(s, empty, &list);
    return moves_end_empty(s, &list, now_ms, err);
}

int instances_turn(scaler *s, int64_t heard_ms, int64_t now_ms, ob_error *err)
{
    int r = launches_hear(s, now_ms, err);
    if (r == 0)
        r = find_lost(s, heard_ms, err);
    if (r == 0)
        r = launches_turn(s, now_ms, err);
    if (r == 0)
        r = end_overdue(s, now_ms, err);
    if (r == 0)
        r = end_empty(s, heard_ms, now_ms, err);
    return r;
}
