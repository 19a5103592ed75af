/* The canonical form of a request, whose hash is signed ("Create a canonical request" in the IAM
 * user guide). Knows no key and decides nothing. Pure: any thread. */
#include "sigv4_canonical.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ob/buf.h"
#include "ob/digest.h"
#include "ob/hex.h"

void sigv4_sha256(const char *data, size_t len, char out[65])
{
    uint8_t hash[OB_SHA256_BYTES];
    ob_sha256(data, len, hash);
    ob_hex(hash, sizeof hash, out);
}

static bool is_unreserved(unsigned char c)
{
    return isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

static void text_encoded(ob_buf *t, const char *data, size_t len, bool keep_slash)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if ((c < 0x80 && is_unreserved(c)) || (keep_slash && c == '/')) {
            ob_buf_add(t, data + i, 1);
        } else {
            char hex[4];
            (void)snprintf(hex, sizeof hex, "%%%02X", c);
            ob_buf_add(t, hex, 3);
        }
    }
}

/* The path is encoded once more than it came (every service but S3), after dot segments and doubled
 * slashes are gone. */
static void text_path(ob_buf *t, const char *path)
{
    ob_buf clean = { 0 };
    ob_buf_str(&clean, "");
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            while (clean.len > 0 && clean.at[--clean.len] != '/')
                ;
            clean.at[clean.len] = '\0';
        } else if (len > 0 && !(len == 1 && at[0] == '.')) {
            ob_buf_str(&clean, "/");
            ob_buf_add(&clean, at, len);
        }
        at += len;
    }
    size_t path_len = strlen(path);
    if (clean.len == 0 || path[path_len - 1] == '/')
        ob_buf_str(&clean, "/");
    text_encoded(t, clean.at, clean.len, true);
    free(clean.at);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Undoes %XX, in place of a copy; '+' stays what it is. */
static void text_decoded(ob_buf *t, const char *data, size_t len)
{
    ob_buf_add(t, "", 0);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '%' && i + 2 < len && isxdigit((unsigned char)data[i + 1]) &&
            isxdigit((unsigned char)data[i + 2])) {
            char hex[3] = { data[i + 1], data[i + 2], '\0' };
            char c = (char)strtol(hex, NULL, 16);
            ob_buf_add(t, &c, 1);
            i += 2;
        } else {
            ob_buf_add(t, data + i, 1);
        }
    }
}

static void text_query(ob_buf *t, const char *query)
{
    if (!query || !*query)
        return;
    size_t max = 1;
    for (const char *at = query; *at; at++)
        max += *at == '&';
    char **pairs = ob_calloc(max, sizeof *pairs);
    size_t n = 0;
    for (const char *at = query;;) {
        size_t len = strcspn(at, "&");
        size_t name_len = strcspn(at, "=&");
        if (len > 0) {
            ob_buf raw = { 0 }, pair = { 0 };
            text_decoded(&raw, at, name_len);
            text_encoded(&pair, raw.at, raw.len, false);
            raw.len = 0;
            /* \1 sorts before every character of an encoded name, as an end does; it becomes '='
             * below. */
            ob_buf_str(&pair, "\1");
            if (name_len < len)
                text_decoded(&raw, at + name_len + 1, len - name_len - 1);
            text_encoded(&pair, raw.at, raw.len, false);
            free(raw.at);
            pairs[n++] = pair.at;
        }
        if (!at[len])
            break;
        at += len + 1;
    }
    qsort(pairs, n, sizeof *pairs, by_text);
    for (size_t i = 0; i < n; i++) {
        pairs[i][strcspn(pairs[i], "\1")] = '=';
        if (i)
            ob_buf_str(t, "&");
        ob_buf_str(t, pairs[i]);
        free(pairs[i]);
    }
    free(pairs);
}

/* The value without blanks around it; runs of blanks become one. */
static void text_header_value(ob_buf *t, const char *value)
{
    bool blank = false, any = false;
    for (const char *at = value; *at; at++) {
        if (*at == ' ' || *at == '\t') {
            blank = any;
            continue;
        }
        if (blank)
            ob_buf_str(t, " ");
        blank = false;
        any = true;
        ob_buf_add(t, at, 1);
    }
}

char *sigv4_canonical_request(const sigv4_request *req, const sigv4_auth *auth)
{
    ob_buf t = { 0 };
    ob_buf_str(&t, req->method);
    ob_buf_str(&t, "\n");
    text_path(&t, req->path);
    ob_buf_str(&t, "\n");
    text_query(&t, req->query);
    ob_buf_str(&t, "\n");
    const char *at = auth->signed_headers, *end = at + auth->signed_headers_len;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        ob_buf_add(&t, at, len);
        ob_buf_str(&t, ":");
        bool first = true;
        for (size_t i = 0; i < req->n_headers; i++) {
            if (strncasecmp(req->headers[i].name, at, len) != 0 ||
                req->headers[i].name[len] != '\0')
                continue;
            if (!first)
                ob_buf_str(&t, ",");
            first = false;
            text_header_value(&t, req->headers[i].value);
        }
        ob_buf_str(&t, "\n");
        at += len + 1;
    }
    ob_buf_str(&t, "\n");
    ob_buf_add(&t, auth->signed_headers, auth->signed_headers_len);
    ob_buf_str(&t, "\n");
    char hash[65];
    sigv4_sha256(req->body ? req->body : "", req->body_len, hash);
    ob_buf_str(&t, hash);
    return t.at;
}

char *sigv4_string_to_sign(const sigv4_auth *auth, const char *canonical_request)
{
    char hash[65];
    sigv4_sha256(canonical_request, strlen(canonical_request), hash);
    return ob_strf("AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", auth->time, auth->date,
                   auth->region, auth->service, hash);
}
