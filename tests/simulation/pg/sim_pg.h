/* A simulated PostgreSQL in memory, behind ob/db.h: link these objects before the library, and its
 * db.c, db_conn.c and db_pipe.c are left out. There is one database in a process. Every statement
 * of the product is written in C (st_*.c); tests/simulation/pg/test_pg.c compares them with the
 * real one.
 *
 * Sessions belong to simulated processes. What a session has not committed is forgotten when it
 * ends. Rows that a transaction has changed are locked until it ends: others read the rows as they
 * were before, and wait in order to write them. A pipeline is sent at its synchronisation point,
 * and its statements run there, in one instant of virtual time unless a lock makes them wait.
 *
 * The hooks may not return (the process is killed): nothing is half done when they are called. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/db.h"
#include "ob/rows.h"
#include "pg_rows.h"

/* Where a fault can happen. */
typedef enum sim_pg_moment {
    SIM_PG_CONNECT,
    SIM_PG_SEND,   /* a statement or a pipeline is to be sent */
    SIM_PG_COMMIT, /* the server has run all before the COMMIT, or a statement outside of a
                      transaction */
    SIM_PG_ANSWER, /* the server is done; the answer has not been read yet */
} sim_pg_moment;

typedef enum sim_pg_fault {
    SIM_PG_FINE,
    SIM_PG_BROKEN,   /* the connection breaks; CONNECT: refused */
    SIM_PG_TIMEOUT,  /* no answer before the caller's limit, if it has one; else as BROKEN */
    SIM_PG_DEADLOCK, /* SEND, COMMIT: 40P01; nothing is committed */
    SIM_PG_CONFLICT, /* SEND, COMMIT: 40001 */
    SIM_PG_FULL,     /* SEND, COMMIT: 53100, the disk is full */
    SIM_PG_ENDED,    /* an administrator ends the session: 57P01, FATAL */
} sim_pg_fault;

/* What is to be sent, or was. */
typedef struct sim_pg_call {
    sim_pg_moment moment;
    const char *application;
    int process;
    uint64_t session;
    const char *stmt; /* its name, or SQL; of a pipeline the last one before COMMIT */
    size_t n;         /* statements of the pipeline, 1 outside */
    bool commits;     /* outside of a transaction, or a pipeline with COMMIT */
} sim_pg_call;

/* A row that a transaction has changed. Rows stay valid until sim_pg_close. */
typedef struct sim_pg_change {
    pg_table table;
    const void *before, *after; /* NULL: it was not there, it is not there any more */
} sim_pg_change;

typedef struct sim_pg_commit {
    int64_t at_us;    /* of now_us */
    uint64_t number;  /* counts commits */
    uint64_t session; /* 0: a client of sim_pg_submit and the like */
    int process;
    const char *application;
    const char *role; /* whose fence it passed; NULL: none */
    int64_t epoch, round;
    const sim_pg_change *changes;
    size_t n;
} sim_pg_commit;

typedef struct sim_pg_hooks {
    /* The server's clock: now(), idle times. Microseconds since the epoch. */
    int64_t (*now_us)(void *arg);
    /* The process that runs now; its sessions belong to it. */
    int (*process)(void *arg);
    /* Lets time pass: half a round trip, or until a lock is looked at again. */
    void (*wait)(int64_t us, void *arg);
    sim_pg_fault (*at)(const sim_pg_call *call, void *arg); /* NULL: no faults */
    /* After each commit that changed rows, in its instant. May be NULL. */
    void (*committed)(const sim_pg_commit *commit, void *arg);
    void *arg;
    int64_t latency_us; /* half a round trip */
} sim_pg_hooks;

/* An empty database after all migrations. */
void sim_pg_open(const sim_pg_hooks *hooks);
/* Forgets everything, connections too. */
void sim_pg_close(void);

/* ---- Servers and processes ---- */

/* The process was killed: its sessions end, and its connections are freed (nobody may use them). A
 * frozen process keeps its sessions. */
void sim_pg_end_process(int process);
/* The server is killed and stays away: sessions end, nobody can connect. false: it is back. */
void sim_pg_away(bool away);
/* As if a process of an earlier version, which counts nothing, had led for a moment and made a
 * round: the leader's next one is refused. */
void sim_pg_raise_epoch(const char *role);

/* ---- Clients ----
 * Each call is a transaction of its own: what the api's statement of that name does. The hook is
 * asked at COMMIT, when the rows are written and nobody else sees them yet (it may let time pass),
 * and at ANSWER. Texts are copied. Errors: -EIO: the server is away, or the hook answered with a
 * fault; at ANSWER everything is committed nevertheless. */

/* Jobs, and their rows of the inbox. once (may be NULL, as each of its elements): names the call;
 * one that was there before makes no job. Jobs whose queue is not ENABLED are left out. *ret_made
 * (may be NULL): how many were made. */
int sim_pg_submit(const pg_job *jobs,
                  const pg_submit_once *const *once,
                  size_t n,
                  size_t *ret_made);
/* CancelJob, TerminateJob, ListDependents (OB_INBOX_CANCEL, OB_INBOX_TERMINATE,
 * OB_INBOX_DEPENDENTS), if it has not ended. */
int sim_pg_stop(ob_inbox_kind kind, const ob_uuid *job, int64_t index, const char *reason);
/* As the statement's. */
typedef struct pg_stop_limits {
    int64_t open_max, queue_open_max, kept_max, forget_ms;
} pg_stop_limits;
/* StopJobs: all of a queue that match. The row's id is given here. Returns it; 0: too many are not
 * finished. */
int64_t sim_pg_stop_matching(const pg_stop_request *row, const pg_stop_limits *limits);
/* Makes a row (its id is 0), or changes all but account, region, name and uuid, which must be the
 * same. Versions are counted here. Returns the id; 0: the name is taken. */
int64_t sim_pg_put_queue(const pg_job_queue *row);
int64_t sim_pg_put_environment(const pg_compute_environment *row);
int64_t sim_pg_put_policy(const pg_scheduling_policy *row);
/* Requests that the scaler interrupts the instance, if it is an ACTIVE Spot one. */
int sim_pg_interrupt(const char *instance_id);
int sim_pg_join_token(int64_t ce_id, const char *hash);

/* ---- What is committed ---- */

size_t sim_pg_count(pg_table table);
/* Rows in the order of the key; *at begins with 0. NULL: there are no more. */
const void *sim_pg_next(pg_table table, size_t *at);
/* key: a row with the members of the key. NULL: there is none. */
const void *sim_pg_find(pg_table table, const void *key);
/* A number for all rows: the same content gives the same number. */
uint64_t sim_pg_digest(void);
/* Which process holds the lock of a role; -1: none. Sessions that have been idle for too long end
 * first. */
int sim_pg_leader(ob_role role);
