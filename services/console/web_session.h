/* The session of a signed-in page: a session key of the api, and what ties it to the page. It
 * stands nowhere but in the browser, sealed (sealed_text.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"
#include "sealed_text.h"

#define PASS_DIGITS 32
#define REGION_MAX 32

typedef struct web_session {
    char who[129];    /* the access key that signed in */
    char key_id[129]; /* of the session key */
    char secret[129];
    char token[3073];
    char region[REGION_MAX + 1];
    int64_t ends_ms;
    /* The page sends it with each request. Cookies are shared by all ports of a host, so whatever
     * listens on another port there can get the cookie; the pass stays with the page's origin. It
     * is of no help against what takes the console's own port (SECURITY.md). */
    char pass[PASS_DIGITS + 1];
} web_session;
void web_session_done(web_session *s);

/* Is it a region that may go into a signature: lower-case letters, digits, hyphens? */
bool web_region_is_valid(const char *region);

/* purpose: what the text is for. *ret is new. Errors: -EINVAL (a member has a line break), those of
 * sealed_text_make. */
int web_session_seal(const uint8_t key[SEALED_KEY],
                     const char *purpose,
                     const web_session *s,
                     char **ret,
                     ob_error *err);
/* Errors: -EBADMSG. */
int web_session_open(const uint8_t key[SEALED_KEY],
                     const char *purpose,
                     const char *sealed,
                     web_session *ret,
                     ob_error *err);

#define COOKIE_MAX 4096 /* bytes of name and value that browsers keep */

/* The cookie's name. Under TLS browsers keep it only if it is Secure, from this host, for all
 * paths. port: the one that the browser uses, because two copies on a host share their cookies. */
void web_cookie_name(bool tls, int port, char out[64]);
/* The value of Set-Cookie; value NULL: the cookie goes. New. NULL: it would be too long. */
char *web_cookie_set(bool tls, int port, const char *value, int64_t seconds);
/* Finds the cookie in the header Cookie, which may be NULL. New; NULL: not there. */
char *web_cookie_find(const char *header, const char *name);
