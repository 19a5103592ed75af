/* A growing text, for messages that are written rather than built: job details are spliced into
 * them as they are. */
#pragma once

#include <stddef.h>

typedef struct text {
    char *at; /* NUL-terminated once something was added */
    size_t len, cap;
} text;

void text_done(text *t);
static inline void text_clear(text *t)
{
    t->len = 0;
}
void text_add(text *t, const char *data, size_t len);
void text_str(text *t, const char *s);
__attribute__((format(printf, 2, 3))) void text_addf(text *t, const char *fmt, ...);
/* A JSON string with its quotes; s is UTF-8. NULL gives null. */
void text_json(text *t, const char *s);
