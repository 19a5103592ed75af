/* Owns the form of a session in a sealed text (one member a line) and of its cookie. Pure: any
 * thread. Never logs. */
#include "web_session.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "ob/text.h"

#define VERSION "1"

void web_session_done(web_session *s)
{
    OPENSSL_cleanse(s, sizeof *s);
}

bool web_region_is_valid(const char *region)
{
    size_t n = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n >= 1 && n <= REGION_MAX && region[n] == '\0';
}

int web_session_seal(const uint8_t key[SEALED_KEY],
                     const char *purpose,
                     const web_session *s,
                     char **ret,
                     ob_error *err)
{
    const char *parts[] = { s->who, s->key_id, s->secret, s->token, s->region, s->pass };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (strchr(parts[i], '\n'))
            return ob_fail(err, EINVAL, "a member of the session has a line break");
    char *text = ob_strf(VERSION "\n%s\n%s\n%s\n%s\n%s\n%s\n%" PRId64 "\n", s->who, s->key_id,
                         s->secret, s->token, s->region, s->pass, s->ends_ms);
    int r = sealed_text_make(key, purpose, text, ret, err);
    sealed_text_forget(text);
    return r;
}

/* Copies the next line and moves on; false: there is none, or it is too long. */
static bool next_line(const char **at, char *out, size_t size)
{
    const char *end = strchr(*at, '\n');
    size_t len = end ? (size_t)(end - *at) : 0;
    if (!end || len >= size)
        return false;
    (void)ob_text_copy(out, size, *at, len);
    *at = end + 1;
    return true;
}

static bool read_lines(const char *at, web_session *ret)
{
    char version[8], ends[24];
    if (!next_line(&at, version, sizeof version) || strcmp(version, VERSION) != 0 ||
        !next_line(&at, ret->who, sizeof ret->who) ||
        !next_line(&at, ret->key_id, sizeof ret->key_id) ||
        !next_line(&at, ret->secret, sizeof ret->secret) ||
        !next_line(&at, ret->token, sizeof ret->token) ||
        !next_line(&at, ret->region, sizeof ret->region) ||
        !next_line(&at, ret->pass, sizeof ret->pass) || !next_line(&at, ends, sizeof ends))
        return false;
    ret->ends_ms = strtoll(ends, NULL, 10);
    return *at == '\0' && strlen(ret->pass) == PASS_DIGITS && web_region_is_valid(ret->region);
}

int web_session_open(const uint8_t key[SEALED_KEY],
                     const char *purpose,
                     const char *sealed,
                     web_session *ret,
                     ob_error *err)
{
    char *text = NULL;
    int r = sealed_text_open(key, purpose, sealed, &text, err);
    if (r < 0)
        return r;
    if (!read_lines(text, ret)) {
        web_session_done(ret);
        r = ob_fail(err, EBADMSG, "the sealed text is not a session");
    }
    sealed_text_forget(text);
    return r;
}

/* ---- the cookie ------------------------------------------------------------------------------ */

void web_cookie_name(bool tls, int port, char out[64])
{
    (void)snprintf(out, 64, "%sopenbatch-console-%d", tls ? "__Host-" : "", port);
}

char *web_cookie_set(bool tls, int port, const char *value, int64_t seconds)
{
    char name[64];
    web_cookie_name(tls, port, name);
    if (value && strlen(name) + 1 + strlen(value) > COOKIE_MAX)
        return NULL;
    return ob_strf("%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s", name,
                   value ? value : "", value ? seconds : 0, tls ? "; Secure" : "");
}

char *web_cookie_find(const char *header, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = header; at && *at;) {
        at += strspn(at, " \t;");
        size_t n = strcspn(at, ";");
        if (n > len && strncmp(at, name, len) == 0 && at[len] == '=')
            return ob_text_dup(at + len + 1, n - len - 1);
        at += n;
    }
    return NULL;
}
