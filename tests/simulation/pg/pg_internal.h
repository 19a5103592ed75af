/* The inside of the simulated PostgreSQL, from below: store (tables and memory), transactions,
 * values (parameters and results), statements, sessions. Memory is taken from one arena until the
 * store is closed, so rows and texts stay valid.
 *
 * A statement runs in one instant. If it meets a row that another transaction has locked, or an
 * error, it stops (pg_run.stop): its changes are undone, and in the first case the session runs it
 * again later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sim_pg.h"

/* ---- Tables (pg_store.c) ---- */

typedef enum pg_type {
    PG_TYPE_INT,
    PG_TYPE_BOOL,
    PG_TYPE_TIME,
    PG_TYPE_TEXT,
    PG_TYPE_UUID,
} pg_type;

typedef enum pg_rule { PG_RULE_KEY, PG_RULE_NEED, PG_RULE_MAY } pg_rule;

typedef struct pg_column {
    const char *name;
    pg_type type;
    pg_rule rule;
    size_t offset;
} pg_column;

typedef struct pg_table_info {
    const char *name;
    size_t row_size;
    const pg_column *columns;
    size_t n_columns, n_key; /* the key's columns are the first */
} pg_table_info;
extern pg_table_info pg_table_infos[PG_TABLE_COUNT];

typedef struct pg_session pg_session;

/* A row with its versions. */
typedef struct pg_rec {
    pg_table table;
    const void *key;   /* a row with the key's columns */
    void *now;         /* the latest version; NULL: deleted */
    void *committed;   /* while a transaction has changed it: what others see, or NULL */
    pg_session *owner; /* whose open transaction has changed it */
    uint64_t run;      /* the statement that changed it last */
    struct pg_lock *locks;
} pg_rec;

/* A row lock without a change: FOR SHARE or FOR UPDATE. */
typedef struct pg_lock {
    struct pg_lock *next; /* of the same row */
    pg_rec *rec;
    pg_session *holder;
    bool share;
} pg_lock;

typedef struct pg_index {
    pg_rec **at;
    size_t n, room;
} pg_index;
extern pg_index pg_indexes[PG_TABLE_COUNT];

void pg_store_open(void);
void pg_store_close(void);
void *pg_alloc(size_t size); /* zeroed */
const char *pg_keep(const char *text, size_t len);
const char *pg_textf(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool pg_uuid_null(const ob_uuid *id);
bool pg_column_null(const void *row, const pg_column *c);
void *pg_row_new(pg_table table);                                         /* all columns NULL */
int pg_cmp(pg_table table, const void *a, const void *b, size_t columns); /* the key's first ones */

/* Reading. s: who reads (NULL: only what is committed). */

/* What the session sees of it; NULL: nothing. */
const void *pg_see(const pg_session *s, const pg_rec *rec);
pg_rec *pg_find(const pg_session *s, pg_table table, const void *key);    /* NULL: it sees none */
const void *pg_get(const pg_session *s, pg_table table, const void *key); /* the row itself */
/* The place of the first row whose key's first columns are not below these. */
size_t pg_from(pg_table table, const void *key, size_t columns);
/* The next row that the session sees, from place *at on; NULL: the end. *at moves behind it. */
pg_rec *pg_next(const pg_session *s, pg_table table, size_t *at);
/* The same; another value of the key's first columns is the end, too. */
pg_rec *
pg_next_of(const pg_session *s, pg_table table, const void *key, size_t columns, size_t *at);

/* The array, for transactions. */
pg_rec *pg_rec_at(pg_table table, const void *key); /* whoever sees it */
pg_rec *pg_rec_add(pg_table table, void *row);
void pg_rec_remove(const pg_rec *rec);

/* ---- Transactions (pg_txn.c) ---- */

typedef struct pg_undo {
    pg_rec *rec;
    void *before; /* its 'now' before the change */
    bool first;   /* the transaction's first change of the row */
} pg_undo;

typedef struct pg_txn {
    pg_undo *undo;
    size_t n, room;
    pg_lock **locks;
    size_t n_locks, locks_room;
} pg_txn;

/* Why a statement stopped. */
typedef struct pg_stop {
    bool set;
    const char *sqlstate; /* NULL: it waits */
    char text[160];
    pg_session *waits_for; /* whose transaction must end first */
} pg_stop;

/* One run of a statement. */
typedef struct pg_run {
    pg_session *s;
    const struct pg_args *args;
    struct pg_out *out;
    uint64_t number; /* counts runs */
    int64_t now_us;  /* now(): of the transaction */
    pg_stop stop;
    long changed; /* rows, for an INSERT, UPDATE or DELETE */
} pg_run;

void pg_fail(pg_run *run, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* These return false or NULL when the statement has stopped. */
bool pg_insert(pg_run *run, pg_table table, void *row);
/* ON CONFLICT: false also if a row has the key, without stopping. */
bool pg_insert_new(pg_run *run, pg_table table, void *row);
/* INSERT … ON CONFLICT DO UPDATE of all columns. */
void pg_upsert(pg_run *run, pg_table table, void *row);
void *pg_update(pg_run *run, pg_rec *rec); /* a new version, to be changed; see pg_check */
bool pg_check(pg_run *run, pg_table table, const void *row); /* NOT NULL */
bool pg_delete(pg_run *run, pg_rec *rec);
bool pg_lock_row(pg_run *run, pg_rec *rec, bool share);

void pg_undo_to(pg_session *s, size_t mark);
/* What was changed, in the order of the first changes. */
size_t pg_txn_commit(pg_session *s, const sim_pg_change **ret);
void pg_txn_rollback(pg_session *s);

/* ---- Values (pg_args.c, pg_out.c) ---- */

/* A parameter: a scalar has n == 1. Texts and ids are in the arena. */
typedef struct pg_arg {
    size_t n;
    bool is_null, is_array;
    int64_t *ints;
    const char **texts;
    ob_uuid *uuids;
} pg_arg;

typedef struct pg_args {
    size_t n;
    pg_arg at[OB_PARAMS_MAX];
} pg_args;

/* types: a letter for each parameter, as in pg_statement. */
void pg_args_read(pg_args *args, const char *types, const ob_params *p);
size_t pg_arg_rows(const pg_run *run); /* the longest array's length: rows of unnest() */
int64_t pg_int(const pg_run *run, size_t param);
const char *pg_text(const pg_run *run, size_t param);
const ob_uuid *pg_uuid(const pg_run *run, size_t param);
/* Elements; beyond the end they are NULL. */
int64_t pg_int_at(const pg_run *run, size_t param, size_t i);
/* = value: a truth value, or NULL. */
int64_t pg_equal_at(const pg_run *run, size_t param, size_t i, int64_t value);
const char *pg_text_at(const pg_run *run, size_t param, size_t i);
const ob_uuid *pg_uuid_at(const pg_run *run, size_t param, size_t i);
bool pg_has_int(const pg_run *run, size_t param, int64_t value); /* = ANY (:param) */
bool pg_has_text(const pg_run *run, size_t param, const char *value);
ob_uuid *pg_uuids_sorted(const pg_arg *ids); /* a copy */

typedef struct pg_out {
    PGresult *result;
    int row, column;
} pg_out;

void pg_out_begin(pg_out *out, const char *columns); /* "id,state"; NULL: no rows */
void pg_out_row(pg_run *run);
void pg_put_int(pg_run *run, int64_t value);
void pg_put_bool(pg_run *run, int64_t value);
void pg_put_text(pg_run *run, const char *text);
void pg_put_uuid(pg_run *run, const ob_uuid *id);

/* ---- Statements (st_*.c, pg_statements.c) ---- */

typedef struct pg_statement {
    const char *service; /* "shared": of every connection */
    const char *name;
    /* A letter for each parameter: i a number or truth value, t text, u an id, b bytes; capitals:
     * arrays. */
    const char *types;
    const char *columns; /* NULL: it returns no rows */
    void (*run)(pg_run *run);
} pg_statement;

/* The last has no name. */
extern const pg_statement pg_leader_statements[], pg_round_statements[], pg_queue_statements[],
    pg_inbox_statements[], pg_ended_statements[], pg_topology_statements[],
    pg_environment_statements[], pg_instance_statements[], pg_retention_statements[],
    pg_log_statements[], pg_stop_statements[], pg_trace_statements[];

/* left(text, chars) */
const char *pg_left(const char *text, size_t chars);
/* The attempts of the jobs (parameter 0) and indexes (1), in order. */
void pg_attempts_of(pg_run *run, void (*put)(pg_run *run, const pg_attempt *a));
bool pg_has_placement(const pg_run *run, const char *instance_id);
/* By the application's service; NULL: there is none. */
const pg_statement *pg_statement_find(const char *application, const char *name);
/* All of them, for tests; NULL: the end. */
const pg_statement *pg_statement_at(size_t i);

/* ---- Sessions (pg_session.c) ---- */

struct pg_session {
    pg_session *next;
    uint64_t id;
    int process;
    char application[64];
    bool in_transaction, failed; /* BEGIN was there; a statement of it has failed */
    bool running;                /* a statement: it does not wait for its client */
    const char *ended;           /* SQLSTATE of what ended it; NULL: it lives */
    int64_t changed_us;          /* pg_stat_activity.state_change */
    int64_t idle_session_ms, idle_transaction_ms, lock_ms; /* settings; 0: none */
    uint32_t locks;                                        /* advisory, a bit for each ob_role */
    int64_t began_us;                                      /* the transaction: its now() */
    const char *role; /* whose fence the transaction has passed; NULL: none */
    int64_t epoch, round;
    pg_session *waits_for;
    pg_txn txn;
};

int64_t pg_next_number(pg_table table); /* of its identity column; never given back */
int64_t pg_now_us(void);                /* clock_timestamp() */
pg_session *pg_sessions(void);          /* the first one */
void pg_session_end(pg_session *s, const char *sqlstate);
