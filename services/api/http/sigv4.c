/* AWS Signature Version 4: reads the Authorization header and checks a request against a secret
 * ("Create a signed AWS API request" in the IAM user guide). Owns the canonical form; never looks a
 * key up, never logs. A sigv4_ctx belongs to one thread. */
#include "sigv4.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MAX_SKEW_S 300
#define KEY_SLOTS 64
#define SIGNED_HEADERS_MAX 64

typedef struct signing_key {
    char scope[300]; /* key id, date, region, service */
    char secret[129];
    uint8_t key[32];
} signing_key;

struct sigv4_ctx {
    EVP_MAC *mac;
    EVP_MAC_CTX *mac_ctx;
    signing_key slots[KEY_SLOTS]; /* direct-mapped */
};

sigv4_ctx *sigv4_new(void)
{
    sigv4_ctx *ctx = ob_calloc(1, sizeof *ctx);
    ctx->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ctx->mac_ctx = EVP_MAC_CTX_new(ctx->mac);
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA256", 0),
                            OSSL_PARAM_construct_end() };
    if (!ctx->mac_ctx || !EVP_MAC_CTX_set_params(ctx->mac_ctx, params))
        abort(); /* no SHA-256 in this OpenSSL */
    return ctx;
}

void sigv4_free(sigv4_ctx *ctx)
{
    if (!ctx)
        return;
    EVP_MAC_CTX_free(ctx->mac_ctx);
    EVP_MAC_free(ctx->mac);
    OPENSSL_cleanse(ctx->slots, sizeof ctx->slots);
    free(ctx);
}

__attribute__((format(printf, 3, 4))) static int
refuse(sigv4_refusal *refusal, const char *code, const char *fmt, ...)
{
    refusal->code = code;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(refusal->message, sizeof refusal->message, fmt, args);
    va_end(args);
    return -EACCES;
}

/* Text that grows. */
typedef struct text {
    char *data;
    size_t len, size;
} text;

static void text_add(text *t, const char *data, size_t len)
{
    if (t->len + len + 1 > t->size) {
        t->size = (t->len + len + 1) * 2 + 256;
        t->data = ob_realloc(t->data, t->size);
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

static void text_str(text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

static void to_hex(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

static void sha256_hex(const char *data, size_t len, char out[65])
{
    /* Fetched once: EVP_sha256() would be fetched at each use. */
    static EVP_MD *sha256;
    EVP_MD *md = __atomic_load_n(&sha256, __ATOMIC_ACQUIRE);
    if (!md) {
        EVP_MD *fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
        EVP_MD *none = NULL;
        if (!__atomic_compare_exchange_n(&sha256, &none, fetched, 0, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
            EVP_MD_free(fetched);
        md = __atomic_load_n(&sha256, __ATOMIC_ACQUIRE);
    }
    uint8_t hash[32];
    if (!EVP_Digest(data, len, hash, NULL, md, NULL))
        abort();
    to_hex(hash, sizeof hash, out);
}

static void hmac(sigv4_ctx *ctx,
                 const uint8_t *key,
                 size_t key_len,
                 const char *data,
                 size_t len,
                 uint8_t out[32])
{
    size_t out_len = 32;
    if (!EVP_MAC_init(ctx->mac_ctx, key, key_len, NULL) ||
        !EVP_MAC_update(ctx->mac_ctx, (const uint8_t *)data, len) ||
        !EVP_MAC_final(ctx->mac_ctx, out, &out_len, 32))
        abort();
}

static const char *header(const sigv4_request *req, const char *name)
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

static void format_iso(int64_t t, char out[17])
{
    struct tm tm;
    time_t when = (time_t)t;
    (void)gmtime_r(&when, &tm);
    (void)strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm);
}

static bool read_time(const sigv4_request *req, sigv4_auth *ret)
{
    const char *value = header(req, "x-amz-date");
    if (!value)
        value = header(req, "date");
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
    format_iso(ret->time_s, ret->time);
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
        /* The region becomes a part of ARNs and keys: keep it plain. */
        for (size_t k = 0; k < n; k++)
            if (!isalnum((unsigned char)parts[i][k]) && parts[i][k] != '-' && parts[i][k] != '_')
                return false;
        memcpy(to[i].out, parts[i], n + 1);
    }
    return strlen(ret->date) == 8;
}

/* Whoever has no key may send this: a header named many times would be written as often. */
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
    const char *auth = header(req, "authorization");
    if (!auth || !*auth)
        return refuse(refusal, "MissingAuthenticationTokenException",
                      "Missing Authentication Token");

    static const char algorithm[] = "AWS4-HMAC-SHA256";
    size_t n = strcspn(auth, " \t");
    if (n != sizeof algorithm - 1 || memcmp(auth, algorithm, n) != 0)
        return refuse(refusal, incomplete, "Unsupported AWS 'algorithm': '%.*s'.",
                      (int)(n > 64 ? 64 : n), auth);
    auth += n;

    size_t credential_len = 0, signature_len = 0;
    const char *credential = auth_part(auth, "Credential", &credential_len);
    const char *signature = auth_part(auth, "Signature", &signature_len);
    ret->signed_headers = auth_part(auth, "SignedHeaders", &ret->signed_headers_len);
    bool dated = read_time(req, ret);
    if (!credential || !signature || !ret->signed_headers || !dated)
        return refuse(
            refusal, incomplete, "%s%s%s%s",
            credential ? "" : "Authorization header requires 'Credential' parameter. ",
            signature ? "" : "Authorization header requires 'Signature' parameter. ",
            ret->signed_headers ? "" : "Authorization header requires 'SignedHeaders' parameter. ",
            dated ? ""
                  : "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
                    "header. ");
    if (!read_credential(credential, credential_len, ret))
        return refuse(refusal, incomplete,
                      "Credential must have exactly 5 slash-delimited elements, e.g. "
                      "keyid/date/region/service/term.");
    if (signature_len != 64)
        return refuse(refusal, "InvalidSignatureException",
                      "The signature must be 64 hexadecimal digits.");
    if (!are_few_and_once(ret))
        return refuse(refusal, incomplete,
                      "'SignedHeaders' must name each header once, and at most %d of them.",
                      SIGNED_HEADERS_MAX);
    memcpy(ret->signature, signature, 64);
    ret->signature[64] = '\0';
    return 0;
}

static bool is_unreserved(unsigned char c)
{
    return isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

static void text_encoded(text *t, const char *data, size_t len, bool keep_slash)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if ((c < 0x80 && is_unreserved(c)) || (keep_slash && c == '/')) {
            text_add(t, data + i, 1);
        } else {
            char hex[4];
            (void)snprintf(hex, sizeof hex, "%%%02X", c);
            text_add(t, hex, 3);
        }
    }
}

/* The path is encoded once more than it came (every service but S3), after dot segments and doubled
 * slashes are gone. */
static void text_path(text *t, const char *path)
{
    text clean = { 0 };
    text_str(&clean, "");
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            while (clean.len > 0 && clean.data[--clean.len] != '/')
                ;
            clean.data[clean.len] = '\0';
        } else if (len > 0 && !(len == 1 && at[0] == '.')) {
            text_str(&clean, "/");
            text_add(&clean, at, len);
        }
        at += len;
    }
    size_t path_len = strlen(path);
    if (clean.len == 0 || path[path_len - 1] == '/')
        text_str(&clean, "/");
    text_encoded(t, clean.data, clean.len, true);
    free(clean.data);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Undoes %XX, in place of a copy; '+' stays what it is. */
static void text_decoded(text *t, const char *data, size_t len)
{
    text_add(t, "", 0);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '%' && i + 2 < len && isxdigit((unsigned char)data[i + 1]) &&
            isxdigit((unsigned char)data[i + 2])) {
            char hex[3] = { data[i + 1], data[i + 2], '\0' };
            char c = (char)strtol(hex, NULL, 16);
            text_add(t, &c, 1);
            i += 2;
        } else {
            text_add(t, data + i, 1);
        }
    }
}

static void text_query(text *t, const char *query)
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
            text raw = { 0 }, pair = { 0 };
            text_decoded(&raw, at, name_len);
            text_encoded(&pair, raw.data, raw.len, false);
            raw.len = 0;
            /* \1 sorts before every character of an encoded name, as an end does; it becomes '='
             * below. */
            text_str(&pair, "\1");
            if (name_len < len)
                text_decoded(&raw, at + name_len + 1, len - name_len - 1);
            text_encoded(&pair, raw.data, raw.len, false);
            free(raw.data);
            pairs[n++] = pair.data;
        }
        if (!at[len])
            break;
        at += len + 1;
    }
    qsort(pairs, n, sizeof *pairs, by_text);
    for (size_t i = 0; i < n; i++) {
        *strchr(pairs[i], '\1') = '=';
        if (i)
            text_str(t, "&");
        text_str(t, pairs[i]);
        free(pairs[i]);
    }
    free(pairs);
}

/* The value without blanks around it; runs of blanks become one. */
static void text_header_value(text *t, const char *value)
{
    bool blank = false, any = false;
    for (const char *at = value; *at; at++) {
        if (*at == ' ' || *at == '\t') {
            blank = any;
            continue;
        }
        if (blank)
            text_str(t, " ");
        blank = false;
        any = true;
        text_add(t, at, 1);
    }
}

char *sigv4_canonical_request(const sigv4_request *req, const sigv4_auth *auth)
{
    text t = { 0 };
    text_str(&t, req->method);
    text_str(&t, "\n");
    text_path(&t, req->path);
    text_str(&t, "\n");
    text_query(&t, req->query);
    text_str(&t, "\n");
    const char *at = auth->signed_headers, *end = at + auth->signed_headers_len;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        text_add(&t, at, len);
        text_str(&t, ":");
        bool first = true;
        for (size_t i = 0; i < req->n_headers; i++) {
            if (strncasecmp(req->headers[i].name, at, len) != 0 ||
                req->headers[i].name[len] != '\0')
                continue;
            if (!first)
                text_str(&t, ",");
            first = false;
            text_header_value(&t, req->headers[i].value);
        }
        text_str(&t, "\n");
        at += len + 1;
    }
    text_str(&t, "\n");
    text_add(&t, auth->signed_headers, auth->signed_headers_len);
    text_str(&t, "\n");
    char hash[65];
    sha256_hex(req->body ? req->body : "", req->body_len, hash);
    text_str(&t, hash);
    return t.data;
}

char *sigv4_string_to_sign(const sigv4_auth *auth, const char *canonical_request)
{
    char hash[65];
    sha256_hex(canonical_request, strlen(canonical_request), hash);
    return ob_strf("AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", auth->time, auth->date,
                   auth->region, auth->service, hash);
}

/* The day's signing key, made once a day, key, region and service. */
static const uint8_t *signing_key_of(sigv4_ctx *ctx, const sigv4_auth *auth, const char *secret)
{
    char scope[sizeof ctx->slots[0].scope];
    (void)snprintf(scope, sizeof scope, "%s/%s/%s/%s", auth->key_id, auth->date, auth->region,
                   auth->service);
    uint32_t h = 2166136261u;
    for (const char *at = scope; *at; at++)
        h = (h ^ (unsigned char)*at) * 16777619u;
    signing_key *slot = &ctx->slots[h % KEY_SLOTS];
    if (strcmp(slot->scope, scope) == 0 && strcmp(slot->secret, secret) == 0)
        return slot->key;

    char first[160];
    (void)snprintf(first, sizeof first, "AWS4%s", secret);
    hmac(ctx, (const uint8_t *)first, strlen(first), auth->date, strlen(auth->date), slot->key);
    hmac(ctx, slot->key, 32, auth->region, strlen(auth->region), slot->key);
    hmac(ctx, slot->key, 32, auth->service, strlen(auth->service), slot->key);
    hmac(ctx, slot->key, 32, "aws4_request", 12, slot->key);
    OPENSSL_cleanse(first, sizeof first);
    (void)snprintf(slot->scope, sizeof slot->scope, "%s", scope);
    (void)snprintf(slot->secret, sizeof slot->secret, "%s", secret);
    return slot->key;
}

void sigv4_signature(sigv4_ctx *ctx,
                     const sigv4_auth *auth,
                     const char *secret,
                     const char *string_to_sign,
                     char ret_hex[65])
{
    uint8_t out[32];
    hmac(ctx, signing_key_of(ctx, auth, secret), 32, string_to_sign, strlen(string_to_sign), out);
    to_hex(out, sizeof out, ret_hex);
}

static bool is_signed(const sigv4_auth *auth, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = auth->signed_headers, *end = at + auth->signed_headers_len;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (len == name_len && strncasecmp(at, name, len) == 0)
            return true;
        at += len + 1;
    }
    return false;
}

static int check_clock(const sigv4_auth *auth, int64_t now_s, sigv4_refusal *refusal)
{
    static const char code[] = "InvalidSignatureException";
    char now[17], edge[17];
    format_iso(now_s, now);
    if (auth->time_s < now_s - MAX_SKEW_S) {
        format_iso(now_s - MAX_SKEW_S, edge);
        return refuse(refusal, code, "Signature expired: %s is now earlier than %s (%s - %d min.)",
                      auth->time, edge, now, MAX_SKEW_S / 60);
    }
    if (auth->time_s > now_s + MAX_SKEW_S) {
        format_iso(now_s + MAX_SKEW_S, edge);
        return refuse(refusal, code,
                      "Signature not yet current: %s is still later than %s (%s + %d min.)",
                      auth->time, edge, now, MAX_SKEW_S / 60);
    }
    return 0;
}

int sigv4_verify(sigv4_ctx *ctx,
                 const sigv4_request *req,
                 const sigv4_auth *auth,
                 const char *service,
                 const char *secret,
                 int64_t now_s,
                 sigv4_refusal *refusal)
{
    static const char code[] = "InvalidSignatureException";
    if (strcmp(auth->service, service) != 0)
        return refuse(refusal, code, "Credential should be scoped to correct service: '%s'.",
                      service);
    if (strncmp(auth->time, auth->date, 8) != 0)
        return refuse(refusal, code,
                      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                      "date from HTTP: "
                      "'%s' != '%.8s', from '%s'.",
                      auth->date, auth->time, auth->time);
    int r = check_clock(auth, now_s, refusal);
    if (r < 0)
        return r;
    if (!is_signed(auth, "host"))
        return refuse(refusal, code,
                      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    if (!header(req, "x-amz-date") && !is_signed(auth, "date"))
        return refuse(refusal, code, "'Date' must be a 'SignedHeader' in the AWS Authorization.");
    for (size_t i = 0; i < req->n_headers; i++)
        if (strncasecmp(req->headers[i].name, "x-amz-", 6) == 0 &&
            !is_signed(auth, req->headers[i].name))
            return refuse(refusal, code,
                          "'%.100s' must be a 'SignedHeader' in the AWS Authorization.",
                          req->headers[i].name);

    const char *claimed = header(req, "x-amz-content-sha256");
    if (claimed) {
        char hash[65];
        sha256_hex(req->body ? req->body : "", req->body_len, hash);
        if (strcasecmp(claimed, hash) != 0)
            return refuse(refusal, code,
                          "The value of 'x-amz-content-sha256' is not the SHA-256 hash of the "
                          "request's body.");
    }

    ob_cleanup(ob_freep) char *canonical = sigv4_canonical_request(req, auth);
    ob_cleanup(ob_freep) char *to_sign = sigv4_string_to_sign(auth, canonical);
    char expected[65];
    sigv4_signature(ctx, auth, secret, to_sign, expected);
    if (CRYPTO_memcmp(expected, auth->signature, 64) != 0)
        return refuse(
            refusal, code,
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.");
    return 0;
}
