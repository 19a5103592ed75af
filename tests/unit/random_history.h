/* A random history for test_engine_random.c: events of the engine, its executors and its database;
 * and the rules that must hold after each round. */
#pragma once

#include "engine_world.h"

#include "engine_executor.h"

#define CES 3
#define QUEUES 4
#define INSTANCES 12
#define JOBS 64
#define INPUTS 64

typedef struct place { /* an instance and its executor */
    model_executor x;
    ob_instance_state state;
    bool used, known; /* known: put and not dropped */
    int64_t ce;
    ob_resources size;
    int64_t held_until_ms; /* it refused a run: nothing is placed there before */
    bool unwell;           /* nor there */
} place;

typedef struct pending { /* an inbox row, fed again when its round was not committed */
    enum { ROW_SUBMIT, ROW_STOP } kind;
    engine_submission submission;
    engine_dependency deps[3];
    ob_job_ref job;
    bool terminate;
} pending;

typedef struct history {
    world w;
    uint64_t random;
    engine_ce ces[CES];
    ob_resources shapes[CES][2];
    engine_queue queues[QUEUES];
    bool queue_known[QUEUES];
    place places[INSTANCES + 1]; /* the last one heals */
    size_t n_places;
    ob_uuid jobs[JOBS];
    int32_t sizes[JOBS];
    bool limited[JOBS]; /* has a timeout */
    size_t n_jobs;
    pending rows[INPUTS];
    size_t n_rows;
    unsigned loss;
    size_t n_refusals, n_withdrawn, n_waits, n_dependents_failed, n_retries, n_timed_out;
    bool jumps; /* its clock is set back now and then */
    bool healed;
} history;

/* By the history's own dice; arg is the history. */
unsigned history_below(void *arg, unsigned n);
bool history_chance(history *h, unsigned percent);

void history_change_ce(history *h, int i);
void history_change_queue(history *h, int i);
place *history_add_place(history *h, int64_t ce, ob_resources size);
void history_put_place(history *h, const place *p);
void history_set_unwell(history *h, place *p, bool unwell);

void history_happen(history *h);    /* submissions, stops, changes of capacity, a new leader */
void history_deliver(history *h);   /* what executors have sent, but for what gets lost */
void history_one_round(history *h); /* one round, and its checks */
void history_executors(history *h); /* each makes a step */
void history_load(history *h, engine *e);
void history_new_leader(history *h);

/* random_compare.c: two engines, one that has lived through it all and one that was loaded, decide
 * the same. */
void history_compare_with_loaded(history *h);
