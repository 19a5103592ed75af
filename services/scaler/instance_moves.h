/* Moves of instances from one state to another: rows are committed first, then memory follows, the
 * scheduler is told and the provider is asked. */
#pragma once

#include "scaler.h"
#include "scaler_store.h"

#define BIT(state) (1u << (state))

typedef struct id_list {
    const char **ids; /* borrowed */
    size_t n;
} id_list;
void id_list_done(id_list *list);
void id_list_add(id_list *list, const char *id);

/* Changes the state of those of the list that may change, and informs the scheduler. Ended
 * instances are passed to the provider and dropped. */
int moves_commit(scaler *s, const id_list *list, const store_move *move, ob_error *err);
/* The same without a deadline. from: a bit for each state. */
int moves_advance(scaler *s,
                  const id_list *list,
                  unsigned from,
                  ob_instance_state to,
                  const char *reason,
                  ob_error *err);
/* Ends those of the list, DRAINING or LOST, on which nothing is placed. */
int moves_end_empty(scaler *s, const id_list *list, int64_t now_ms, ob_error *err);
