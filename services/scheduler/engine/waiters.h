/* Who waits for whom: the tables of waiters and targets, and the list of ends that have not been
 * processed */
#pragma once

#include "model.h"

typedef struct edge edge;
typedef struct target target;
typedef struct waiter waiter;

struct edge {   /* one dependency of a waiter */
    target *to; /* NULL: over, or no edge at all (SEQUENTIAL) */
    waiter *from;
    bool n_to_n;
    edge *eprev, *enext; /* target->plain or ->n_to_n */
};

struct target_key {
    ob_uuid id;
    int32_t index;
};

struct target {
    struct target_key key; /* a job, an array, or one child of it */
    edge *plain;           /* of those who wait for its end */
    edge *n_to_n;          /* of arrays whose children wait for its children */
    UT_hash_handle hh;     /* engine.targets */
};

struct waiter {
    job *job;            /* key */
    uint32_t mask;       /* open dependencies, by their number */
    uint32_t plain;      /* of these, those for which it waits as a whole */
    uint32_t sequential; /* of these, child i waits for child i - 1 */
    size_t n;
    UT_hash_handle hh; /* engine.waiters */
    edge edges[];
};

target *target_find(const engine *e, const ob_uuid *id, int32_t index); /* NULL: nobody waits */
waiter *waiter_find(const engine *e, const job *j);                     /* NULL: it does not wait */
waiter *waiter_add(engine *e, job *j, size_t n);
void waiter_add_edge(engine *e, waiter *w, size_t n, const engine_dependency *d, bool n_to_n);
void waiter_drop(engine *e, waiter *w); /* with its edges */
void edge_remove(engine *e, edge *x);   /* that dependency is over; may free its target */
int32_t waiter_mask(const engine *e, const job *j);
void waiters_note_end(engine *e, job *j); /* of every end, before the record is forgotten */
void waiters_note_bulk_end(engine *e, array *a);
void waiters_free(engine *e);
