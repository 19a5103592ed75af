/* What transactions do to rows: changes, row locks, undo, commit. Owns the list of what each
 * transaction has changed. Invariants: a row has at most one owner, and nobody else has a lock on
 * it then; a statement that stops leaves the row that stopped it as it was. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"

void pg_fail(pg_run *run, const char *sqlstate, const char *format, ...)
{
    if (run->stop.set)
        return;
    va_list args;
    va_start(args, format);
    run->stop.set = true;
    run->stop.sqlstate = sqlstate;
    (void)vsnprintf(run->stop.text, sizeof(run->stop.text), format, args);
    va_end(args);
}

static bool wait_for(pg_run *run, pg_session *other)
{
    if (!run->stop.set)
        run->stop = (pg_stop){ .set = true, .waits_for = other };
    return false;
}

/* ---- Locks ---- */

/* May the session change the row (share: lock it FOR SHARE), or must it wait? */
static bool is_free(pg_run *run, const pg_rec *rec, bool share)
{
    if (run->stop.set)
        return false;
    if (rec->owner && rec->owner != run->s)
        return wait_for(run, rec->owner);
    for (const pg_lock *lock = rec->locks; lock; lock = lock->next)
        if (lock->holder != run->s && !(share && lock->share))
            return wait_for(run, lock->holder);
    return true;
}

bool pg_lock_row(pg_run *run, pg_rec *rec, bool share)
{
    if (!is_free(run, rec, share))
        return false;
    pg_txn *txn = &run->s->txn;
    if (txn->n_locks == txn->locks_room) {
        txn->locks_room = txn->locks_room ? 2 * txn->locks_room : 16;
        txn->locks = ob_realloc(txn->locks, txn->locks_room * sizeof(pg_lock *));
    }
    pg_lock *lock = pg_alloc(sizeof(*lock));
    *lock = (pg_lock){ .next = rec->locks, .rec = rec, .holder = run->s, .share = share };
    rec->locks = lock;
    txn->locks[txn->n_locks++] = lock;
    return true;
}

static void unlock_all(pg_session *s)
{
    for (size_t i = 0; i < s->txn.n_locks; i++) {
        pg_lock **at = &s->txn.locks[i]->rec->locks;
        while (*at != s->txn.locks[i])
            at = &(*at)->next;
        *at = (*at)->next;
    }
    s->txn.n_locks = 0;
}

/* ---- Changes ---- */

static void change(pg_run *run, pg_rec *rec, void *row)
{
    pg_txn *txn = &run->s->txn;
    if (txn->n == txn->room) {
        txn->room = txn->room ? 2 * txn->room : 64;
        txn->undo = ob_realloc(txn->undo, txn->room * sizeof(*txn->undo));
    }
    bool first = !rec->owner;
    txn->undo[txn->n++] = (pg_undo){ rec, rec->now, first };
    if (first)
        rec->committed = rec->now;
    rec->owner = run->s;
    rec->now = row;
    rec->run = run->number;
    run->changed++;
}

bool pg_check(pg_run *run, pg_table table, const void *row)
{
    const pg_table_info *info = &pg_table_infos[table];
    for (size_t i = 0; i < info->n_columns && !run->stop.set; i++)
        if (info->columns[i].rule != PG_RULE_MAY && pg_column_null(row, &info->columns[i]))
            pg_fail(run, "23502", "null value in column \"%s\" of relation \"%s\"",
                    info->columns[i].name, info->name);
    return !run->stop.set;
}

bool pg_insert_new(pg_run *run, pg_table table, void *row)
{
    if (run->stop.set || !pg_check(run, table, row))
        return false;
    pg_rec *rec = pg_rec_at(table, row);
    if (rec && rec->owner && rec->owner != run->s) /* nobody knows yet whether the key is taken */
        return wait_for(run, rec->owner);
    if (rec && rec->now)
        return false;
    change(run, rec ? rec : pg_rec_add(table, row), row);
    return true;
}

bool pg_insert(pg_run *run, pg_table table, void *row)
{
    if (pg_insert_new(run, table, row))
        return true;
    pg_fail(run, "23505", "duplicate key value violates unique constraint \"%s_pkey\"",
            pg_table_infos[table].name);
    return false;
}

void *pg_update(pg_run *run, pg_rec *rec)
{
    if (!is_free(run, rec, false))
        return NULL;
    size_t size = pg_table_infos[rec->table].row_size;
    void *row = memcpy(pg_alloc(size), rec->now, size);
    change(run, rec, row);
    return row;
}

void pg_upsert(pg_run *run, pg_table table, void *row)
{
    if (pg_insert_new(run, table, row) || run->stop.set)
        return;
    pg_rec *rec = pg_rec_at(table, row);
    if (rec->run == run->number) {
        pg_fail(run, "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time");
        return;
    }
    void *next = pg_update(run, rec);
    if (next)
        memcpy(next, row, pg_table_infos[table].row_size);
}

bool pg_delete(pg_run *run, pg_rec *rec)
{
    if (!is_free(run, rec, false))
        return false;
    change(run, rec, NULL);
    return true;
}

/* ---- The end ---- */

void pg_undo_to(pg_session *s, size_t mark)
{
    while (s->txn.n > mark) {
        const pg_undo *u = &s->txn.undo[--s->txn.n];
        u->rec->now = u->before;
        if (!u->first)
            continue;
        u->rec->owner = NULL;
        u->rec->committed = NULL;
        if (!u->before)
            pg_rec_remove(u->rec);
    }
}

void pg_txn_rollback(pg_session *s)
{
    pg_undo_to(s, 0);
    unlock_all(s);
}

size_t pg_txn_commit(pg_session *s, const sim_pg_change **ret)
{
    size_t n = 0;
    sim_pg_change *changes = pg_alloc((s->txn.n + 1) * sizeof(*changes));
    for (size_t i = 0; i < s->txn.n; i++) {
        pg_rec *rec = s->txn.undo[i].rec;
        if (!s->txn.undo[i].first)
            continue;
        if (rec->committed || rec->now) /* not made and deleted again */
            changes[n++] = (sim_pg_change){ rec->table, rec->committed, rec->now };
        rec->owner = NULL;
        rec->committed = NULL;
        if (!rec->now)
            pg_rec_remove(rec);
    }
    s->txn.n = 0;
    unlock_all(s);
    *ret = changes;
    return n;
}
