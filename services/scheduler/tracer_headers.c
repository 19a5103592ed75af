/* Reads OTEL_EXPORTER_OTLP_HEADERS. Its values may be secrets: they are never in an error's text.
 * Any thread. */
#include "tracer_headers.h"

#include <string.h>

#include "ob/hex.h"

#define NAME_CHARACTERS                                                                            \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
#define SPACES " \t"

typedef struct span {
    const char *at;
    size_t len;
} span;

static span trim(const char *at, size_t len)
{
    size_t spaces = strspn(at, SPACES);
    spaces = spaces < len ? spaces : len;
    at += spaces;
    len -= spaces;
    while (len > 0 && strchr(SPACES, at[len - 1]))
        len--;
    return (span){ at, len };
}

/* Decodes it to 'out'. Returns false if that is not one line of text. */
static bool decode(span value, char *out)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if (c == '%') {
            int high = i + 2 < value.len ? ob_hex_value(value.at[i + 1]) : -1;
            int low = high >= 0 ? ob_hex_value(value.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (unsigned char)(high << 4 | low);
            i += 2;
        }
        if (c < ' ' || c == 127)
            return false;
        *out++ = (char)c;
    }
    *out = '\0';
    return true;
}

static char *line_of(span name, span value)
{
    char *line = ob_calloc(name.len + value.len + 3, 1);
    memcpy(line, name.at, name.len);
    memcpy(line + name.len, ": ", 2);
    if (name.len > 0 && strspn(name.at, NAME_CHARACTERS) >= name.len &&
        decode(value, line + name.len + 2))
        return line;
    free(line);
    return NULL;
}

int tracer_headers_read(const char *text, char ***ret, ob_error *err)
{
    char **lines = ob_calloc(strlen(text) + 1, sizeof(*lines)); /* there cannot be more */
    size_t n = 0;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ",");
        span entry = trim(at, len);
        const char *equals = memchr(entry.at, '=', entry.len);
        at += len + (at[len] ? 1 : 0);
        if (entry.len == 0)
            continue;
        size_t before = equals ? (size_t)(equals - entry.at) : 0;
        if (equals)
            lines[n] = line_of(trim(entry.at, before), trim(equals + 1, entry.len - before - 1));
        if (!lines[n++]) {
            tracer_headers_free(lines);
            return ob_fail(err, EINVAL,
                           "OTEL_EXPORTER_OTLP_HEADERS: entry %zu is not of the form name=value",
                           n);
        }
    }
    *ret = lines;
    return 0;
}

void tracer_headers_free(char **lines)
{
    for (char **line = lines; line && *line; line++) {
        explicit_bzero(*line, strlen(*line));
        free(*line);
    }
    free(lines);
}
