/* Owns the lines while they are sorted by metric: the format wants those of a metric together, and
 * several services have metrics of one name. Reads only where a metric begins; the lines themselves
 * are not looked into. Pure: no I/O. */
#include "metrics_merge.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "ob/mem.h"

typedef struct family {
    char *name;
    ob_buf head, lines; /* HELP and TYPE; the others */
    UT_hash_handle hh;  /* in the order in which they came */
} family;

struct metrics_merge {
    family *all;
};

metrics_merge *metrics_merge_new(void)
{
    return ob_calloc(1, sizeof(metrics_merge));
}

/* "# HELP name ..." or "# TYPE name ...": the name, else NULL. */
static const char *named(const char *line, size_t len, size_t *ret_len)
{
    static const char *const marks[] = { "# HELP ", "# TYPE " };
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        size_t n = strlen(marks[i]);
        if (len <= n || strncmp(line, marks[i], n) != 0)
            continue;
        const char *end = memchr(line + n, ' ', len - n);
        *ret_len = end ? (size_t)(end - line) - n : 0;
        return *ret_len > 0 ? line + n : NULL;
    }
    return NULL;
}

static family *family_of(metrics_merge *m, const char *name, size_t len, bool *ret_new)
{
    family *f = NULL;
    HASH_FIND(hh, m->all, name, len, f);
    *ret_new = !f;
    if (f)
        return f;
    f = ob_calloc(1, sizeof(*f));
    f->name = ob_calloc(len + 1, 1);
    memcpy(f->name, name, len);
    HASH_ADD_KEYPTR(hh, m->all, f->name, len, f);
    return f;
}

void metrics_merge_add(metrics_merge *m, const char *page, size_t len)
{
    family *at = NULL;
    bool first = false; /* this page describes it */
    for (size_t from = 0; from < len;) {
        const char *line = page + from, *end = memchr(line, '\n', len - from);
        size_t n = end ? (size_t)(end - line) + 1 : 0, name_len = 0;
        if (!end)
            break; /* it was cut */
        const char *name = named(line, n - 1, &name_len);
        if (name) {
            bool is_new;
            family *f = family_of(m, name, name_len, &is_new);
            first = is_new || (f == at && first);
            at = f;
            if (first)
                ob_buf_add(&f->head, line, n);
        } else if (at && *line != '#' && n > 1) {
            ob_buf_add(&at->lines, line, n);
        }
        from += n;
    }
}

void metrics_merge_show(const metrics_merge *m, ob_buf *out)
{
    for (const family *f = m->all; f; f = f->hh.next) {
        ob_buf_add(out, f->head.at, f->head.len);
        if (f->lines.len > 0)
            ob_buf_add(out, f->lines.at, f->lines.len);
    }
}

void metrics_merge_free(metrics_merge *m)
{
    family *f, *next;
    if (!m)
        return;
    HASH_ITER(hh, m->all, f, next)
    {
        HASH_DEL(m->all, f);
        ob_buf_done(&f->head);
        ob_buf_done(&f->lines);
        free(f->name);
        free(f);
    }
    free(m);
}
