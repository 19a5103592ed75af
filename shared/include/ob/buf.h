/* Bytes that grow: messages that are written rather than built, and what arrives in parts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct ob_buf {
    char *at; /* NUL-terminated once something was added */
    size_t len, cap;
} ob_buf;

void ob_buf_done(ob_buf *buf);
/* Empties it; the memory is kept. */
static inline void ob_buf_clear(ob_buf *buf)
{
    buf->len = 0;
}
void ob_buf_add(ob_buf *buf, const char *data, size_t len);
void ob_buf_str(ob_buf *buf, const char *s);
__attribute__((format(printf, 2, 3))) void ob_buf_addf(ob_buf *buf, const char *fmt, ...);
void ob_buf_number(ob_buf *buf, int64_t number);
/* A JSON string with its quotes, from any bytes, made valid text (ob/text.h). NULL gives null. */
void ob_buf_json(ob_buf *buf, const char *s);
