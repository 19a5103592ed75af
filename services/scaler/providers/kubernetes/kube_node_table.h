/* The nodes that an environment has seen: those of a watch, and those that were asked for by name.
 * One owner thread. */
#pragma once

#include <uthash.h>

#include "node_decide.h"
#include "node_load.h"

typedef struct kube_node_row {
    node_seen seen;
    bool selected;       /* in the watch's selection */
    bool wanted;         /* an instance is this node */
    bool known;          /* it is selected, or was asked for: what 'seen' says is true */
    bool asking;         /* a call about it is under way */
    int64_t asked_at_ms; /* when the last one was begun; 0: never */
    size_t at;           /* in the view, if it is known */
    UT_hash_handle hh;   /* by seen.facts.uid */
} kube_node_row;

typedef struct kube_node_table {
    kube_node_row *rows;
    const node_seen **view; /* of the last turn */
    size_t n_view;
} kube_node_table;

/* NULL: there is none. */
kube_node_row *kube_node_table_find(const kube_node_table *t, const char *uid);
/* The row of that uid; a new one if there is none. */
kube_node_row *kube_node_table_get(kube_node_table *t, const char *name, const char *uid);
/* Where it is in the view; n_view: it is not. */
size_t kube_node_table_at(const kube_node_table *t, const char *uid);
/* Adds the time that has passed to the nodes that are not Ready; takes what pods request there
 * (NULL: not known); forgets those that are neither selected nor wanted nor asked for; and makes
 * the view. Wanted ones are to be wanted again. */
void kube_node_table_turn(kube_node_table *t, int64_t passed_ms, const node_load *load);
void kube_node_table_done(kube_node_table *t);
