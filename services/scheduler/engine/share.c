/* Shares: whose jobs of a queue they are. A share lives while a class of it does. */
#include "internal.h"

_Static_assert(sizeof(struct class_key) == sizeof(ob_resources) + sizeof(int32_t) + sizeof(share *),
               "hashed byte by byte: no padding");

share *eng_share(queue *q, const char *name)
{
    share *s = NULL;
    if (!name)
        name = "";
    HASH_FIND_STR(q->shares, name, s);
    if (!s) {
        s = ob_calloc(1, sizeof(*s));
        s->name = ob_strdup(name);
        s->queue = q;
        HASH_ADD_KEYPTR(hh, q->shares, s->name, strlen(s->name), s);
    }
    return s;
}

void eng_share_free_if_unused(share *s)
{
    if (s->n_classes > 0)
        return;
    HASH_DEL(s->queue->shares, s);
    free(s->name);
    free(s);
}
