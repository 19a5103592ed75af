/* Growing arrays, and memory for strings that live as long as a round's inputs or effects. */
#pragma once

#include <stddef.h>

#include "engine.h"

/* Appends a zeroed element. */
void *list_add(void **items, size_t *n, size_t *cap, size_t size);
#define LIST_ADD(of, name)                                                                         \
    ((__typeof__((of)->name))list_add((void **)&(of)->name, &(of)->n_##name, &(of)->cap_##name,    \
                                      sizeof(*(of)->name)))

/* All of it is freed at once; *arena is created if it is NULL. */
void *arena_take(struct engine_arena **arena, size_t size);
const char *arena_text(struct engine_arena **arena, const char *s); /* a copy; NULL stays NULL */
void arena_clear(struct engine_arena *arena);                       /* keeps its blocks */
void arena_free(struct engine_arena *arena);

void set_text(char **to, const char *s); /* replaces the text by a copy */
