/* Who signed a request and when, according to the request: the Authorization header and the date
 * ("Create a signed AWS API request" in the IAM user guide). Owns the texts for missing parts.
 * Pure: any thread. */
#include "sigv4_read.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SIGNED_HEADERS_MAX 64
#define LAST_S INT64_C(253402300799) /* a year has four digits */

int sigv4_refuse(sigv4_refusal *refusal, const char *code, const char *fmt, ...)
{
    refusal->code = code;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(refusal->message, sizeof refusal->message, fmt, args);
    va_end(args);
    return -EACCES;
}

const char *sigv4_header_value(const sigv4_request *req, const char *name)
{
    for (size_t i = 0; i < req->n_headers; i++)
        if (strcasecmp(req->headers[i].name, name) == 0)
            return req->headers[i].value;
    return NULL;
}

/* Finds 'name=' among the comma-separated parts of Authorization. */
static const char *auth_part(const char *auth, const char *name, size_t *ret_len)
{
    size_t name_len = strlen(name);
    const char *at = auth;
    while (*at) {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ",");
        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            size_t value_len = len - name_len - 1;
            const char *value = at + name_len + 1;
            while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
                value_len--;
            *ret_len = value_len;
            return value_len ? value : NULL;
        }
        at += len;
    }
    return NULL;
}

static bool parse_iso(const char *s, int64_t *ret)
{
    struct tm tm = { 0 };
    if (strlen(s) != 16)
        return false;
    for (int i = 0; i < 16; i++)
        if (i == 8 ? s[i] != 'T' : i == 15 ? s[i] != 'Z' : !isdigit((unsigned char)s[i]))
            return false;
    if (sscanf(s, "%4d%2d%2dT%2d%2d%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec) != 6)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret = timegm(&tm);
    return true;
}

void sigv4_time_text(int64_t t, char out[17])
{
    struct tm tm;
    time_t when = (time_t)t;
    (void)gmtime_r(&when, &tm);
    (void)strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm);
}

static bool read_time(const sigv4_request *req, sigv4_auth *ret)
{
    const char *value = sigv4_header_value(req, "x-amz-date");
    if (!value)
        value = sigv4_header_value(req, "date");
    if (!value)
        return false;
    if (parse_iso(value, &ret->time_s)) {
        memcpy(ret->time, value, sizeof ret->time);
        return true;
    }
    struct tm tm = { 0 };
    const char *end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end)
        return false;
    ret->time_s = timegm(&tm);
    if (ret->time_s < 0 || ret->time_s > LAST_S)
        return false;
    sigv4_time_text(ret->time_s, ret->time);
    return true;
}

/* Splits <key id>/<date>/<region>/<service>/aws4_request. */
static bool read_credential(const char *value, size_t len, sigv4_auth *ret)
{
    char text_[512];
    if (len >= sizeof text_)
        return false;
    memcpy(text_, value, len);
    text_[len] = '\0';
    char *parts[5];
    char *at = text_;
    for (int i = 0; i < 5; i++) {
        parts[i] = at;
        char *slash = strchr(at, '/');
        if ((slash == NULL) != (i == 4))
            return false;
        if (slash) {
            *slash = '\0';
            at = slash + 1;
        }
    }
    if (strcmp(parts[4], "aws4_request") != 0)
        return false;
    const struct {
        char *out;
        size_t size;
    } to[4] = { { ret->key_id, sizeof ret->key_id },
                { ret->date, sizeof ret->date },
                { ret->region, sizeof ret->region },
                { ret->service, sizeof ret->service } };
    for (int i = 0; i < 4; i++) {
        size_t n = strlen(parts[i]);
        if (n == 0 || n >= to[i].size)
            return false;
        /* The region becomes part of ARNs and keys, so only plain characters are allowed. */
        for (size_t k = 0; k < n; k++)
            if (!isalnum((unsigned char)parts[i][k]) && parts[i][k] != '-' && parts[i][k] != '_')
                return false;
        memcpy(to[i].out, parts[i], n + 1);
    }
    return strlen(ret->date) == 8;
}

/* Clients without a key can send this: a header that is named many times would be written as
 * often. */
static bool are_few_and_once(const sigv4_auth *auth)
{
    struct {
        const char *at;
        size_t len;
    } names[SIGNED_HEADERS_MAX];
    size_t n = 0;
    const char *at = auth->signed_headers, *end = at + auth->signed_headers_len;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (n == SIGNED_HEADERS_MAX)
            return false;
        for (size_t i = 0; i < n; i++)
            if (names[i].len == len && strncasecmp(names[i].at, at, len) == 0)
                return false;
        names[n].at = at;
        names[n++].len = len;
        at += len + 1;
    }
    return true;
}

int sigv4_read(const sigv4_request *req, sigv4_auth *ret, sigv4_refusal *refusal)
{
    static const char incomplete[] = "IncompleteSignatureException";
    memset(ret, 0, sizeof *ret);
    const char *auth = sigv4_header_value(req, "authorization");
    if (!auth || !*auth)
        return sigv4_refuse(refusal, "MissingAuthenticationTokenException",
                            "Missing Authentication Token");

    static const char algorithm[] = "AWS4-HMAC-SHA256";
    size_t n = strcspn(auth, " \t");
    if (n != sizeof algorithm - 1 || memcmp(auth, algorithm, n) != 0)
        return sigv4_refuse(refusal, incomplete, "Unsupported AWS 'algorithm': '%.*s'.",
                            (int)(n > 64 ? 64 : n), auth);
    auth += n;

    size_t credential_len = 0, signature_len = 0;
    const char *credential = auth_part(auth, "Credential", &credential_len);
    const char *signature = auth_part(auth, "Signature", &signature_len);
    ret->signed_headers = auth_part(auth, "SignedHeaders", &ret->signed_headers_len);
    bool dated = read_time(req, ret);
    if (!credential || !signature || !ret->signed_headers || !dated)
        return sigv4_refuse(
            refusal, incomplete, "%s%s%s%s",
            credential ? "" : "Authorization header requires 'Credential' parameter. ",
            signature ? "" : "Authorization header requires 'Signature' parameter. ",
            ret->signed_headers ? "" : "Authorization header requires 'SignedHeaders' parameter. ",
            dated ? ""
                  : "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
                    "header. ");
    if (!read_credential(credential, credential_len, ret))
        return sigv4_refuse(refusal, incomplete,
                            "Credential must have exactly 5 slash-delimited elements, e.g. "
                            "keyid/date/region/service/term.");
    if (signature_len != 64)
        return sigv4_refuse(refusal, "InvalidSignatureException",
                            "The signature must be 64 hexadecimal digits.");
    if (!are_few_and_once(ret))
        return sigv4_refuse(refusal, incomplete,
                            "'SignedHeaders' must name each header once, and at most %d of them.",
                            SIGNED_HEADERS_MAX);
    memcpy(ret->signature, signature, 64);
    ret->signature[64] = '\0';
    return 0;
}
