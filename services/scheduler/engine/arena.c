/* Growing arrays, and memory for strings that live as long as a round's inputs or effects. Blocks
 * are kept when cleared. Pure; the thread of the engine's owner. */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"

#define ARENA_BLOCK ((size_t)32 << 10)

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

struct engine_arena {
    struct block *first, *current; /* blocks behind the current one are empty */
};

void *list_add(void **items, size_t *n, size_t *cap, size_t size)
{
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        *items = ob_realloc(*items, *cap * size);
    }
    void *last = (char *)*items + (*n)++ * size;
    memset(last, 0, size);
    return last;
}

void *arena_take(struct engine_arena **arena, size_t size)
{
    if (!*arena)
        *arena = ob_calloc(1, sizeof(**arena));
    struct engine_arena *t = *arena;
    size = (size + 7) & ~(size_t)7;
    struct block **to = t->current ? &t->current : &t->first;
    while (*to && (*to)->size - (*to)->used < size)
        to = &(*to)->next;
    if (!*to) {
        size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
        *to = ob_calloc(1, sizeof(**to) + room);
        (*to)->size = room;
    }
    t->current = *to;
    void *p = t->current->data + t->current->used;
    t->current->used += size;
    return p;
}

const char *arena_text(struct engine_arena **arena, const char *s)
{
    if (!s)
        return NULL;
    size_t n = strlen(s) + 1;
    return memcpy(arena_take(arena, n), s, n);
}

void arena_clear(struct engine_arena *arena)
{
    if (!arena)
        return;
    for (struct block *b = arena->first; b; b = b->next)
        b->used = 0;
    arena->current = arena->first;
}

void arena_free(struct engine_arena *arena)
{
    for (struct block *b = arena ? arena->first : NULL; b;) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
    free(arena);
}

void set_text(char **to, const char *s)
{
    char *copy = s ? ob_strdup(s) : NULL;
    free(*to);
    *to = copy;
}
