/* Reads filter patterns and matches text with them. Owns the terms. Any thread; a filter does not
 * change after it is made. */
#include "log_filter.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

typedef struct term {
    char kind; /* '+' must match, one of '?' must match, '-' must not match */
    char *text;
    size_t len;
} term;

struct log_filter {
    term *terms;
    size_t n;
    bool any_must; /* then '?' means nothing */
};

void log_filter_free(log_filter *filter)
{
    if (!filter)
        return;
    for (size_t i = 0; i < filter->n; i++)
        free(filter->terms[i].text);
    free(filter->terms);
    free(filter);
}

void log_filter_freep(log_filter **filter)
{
    log_filter_free(*filter);
}

/* Reads a phrase that starts after its quotation mark into 'out'; returns the rest, or NULL */
static const char *read_phrase(const char *at, char *out, size_t *ret_len)
{
    size_t n = 0;
    for (; *at && *at != '"'; at++) {
        if (at[0] == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        out[n++] = *at;
    }
    *ret_len = n;
    return *at ? at + 1 : NULL;
}

static int add_term(log_filter *filter, const char **at, ob_error *err)
{
    term t = { .kind = '+' };
    if (**at == '?' || **at == '-')
        t.kind = *(*at)++;
    t.text = ob_calloc(strlen(*at) + 1, 1);
    if (**at == '"') {
        *at = read_phrase(*at + 1, t.text, &t.len);
    } else {
        t.len = strcspn(*at, BLANKS);
        memcpy(t.text, *at, t.len);
        *at += t.len;
    }
    filter->terms = ob_realloc(filter->terms, (filter->n + 1) * sizeof(t));
    filter->terms[filter->n++] = t;
    filter->any_must |= t.kind == '+';
    if (!*at)
        return ob_fail(err, EINVAL, "Invalid filter pattern: a quotation mark is not closed");
    if (t.len == 0)
        return ob_fail(err, EINVAL, "Invalid filter pattern: a term is empty");
    return 0;
}

static int refuse_structured(const char *at, ob_error *err)
{
    if (*at == '{')
        return ob_fail(err, EINVAL,
                       "Invalid filter pattern: JSON patterns are not supported by OpenBatch");
    if (*at == '[')
        return ob_fail(
            err, EINVAL,
            "Invalid filter pattern: space-delimited patterns are not supported by OpenBatch");
    if (*at == '%')
        return ob_fail(
            err, EINVAL,
            "Invalid filter pattern: regular expressions are not supported by OpenBatch");
    return 0;
}

int log_filter_new(const char *pattern, log_filter **ret, ob_error *err)
{
    ob_cleanup(log_filter_freep) log_filter *filter = ob_calloc(1, sizeof(*filter));
    const char *at = pattern + strspn(pattern, BLANKS);
    int r = refuse_structured(at, err);
    while (r == 0 && *at) {
        r = add_term(filter, &at, err);
        if (r == 0)
            at += strspn(at, BLANKS);
    }
    if (r < 0)
        return r;
    *ret = ob_take(filter);
    return 0;
}

bool log_filter_is_empty(const log_filter *filter)
{
    return filter->n == 0;
}

bool log_filter_takes(const log_filter *filter, const void *text, size_t len)
{
    bool wants_one = false, has_one = false;
    for (size_t i = 0; i < filter->n; i++) {
        const term *t = &filter->terms[i];
        bool there = memmem(text, len, t->text, t->len) != NULL;
        if (t->kind == '?') {
            wants_one |= !filter->any_must;
            has_one |= there;
        } else if (there != (t->kind == '+')) {
            return false;
        }
    }
    return !wants_one || has_one;
}
