/* Signing in and out. A key's secret is used once, to make a session, and forgotten; the session
 * goes into the cookie, sealed. Nothing is kept here. Thread: an HTTP worker. */
#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "routes.h"

#define KEY_TEXT_MAX 128

static bool is_printable(const char *text)
{
    size_t n = 0;
    while (text[n] > ' ' && text[n] <= '~')
        n++;
    return n >= 1 && n <= KEY_TEXT_MAX && text[n] == '\0';
}

static void tell(web_request *q, const web_session *s, bool with_pass, const char *more)
{
    json_auto_t *body = json_pack("{s:o, s:o, s:I, s:I}", "accessKeyId", ob_json_text(s->who),
                                  "region", ob_json_text(s->region), "expiresAt",
                                  (json_int_t)s->ends_ms, "now", (json_int_t)ob_wall_ms());
    if (with_pass)
        (void)json_object_set_new(body, "pass", ob_json_text(s->pass));
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    web_send(q, 200, "application/json", more, text, strlen(text));
}

static void give_cookie(web_request *q, const web_session *s)
{
    const console *c = q->w->c;
    char *sealed = NULL;
    int64_t seconds = (s->ends_ms - ob_wall_ms()) / 1000;
    ob_cleanup(ob_freep) char *cookie = NULL;
    if (web_session_seal(c->key, "cookie", s, &sealed, NULL) == 0)
        cookie = web_cookie_set(q->tls, q->port, sealed, seconds);
    free(sealed);
    if (!cookie) {
        web_refuse(q, 502, "The session is too large for a browser.");
        return;
    }
    ob_cleanup(ob_freep) char *line = ob_strf("Set-Cookie: %s\r\n", cookie);
    tell(q, s, true, line);
}

static void sign_in_with(web_request *q, const api_signer *key)
{
    web_session s;
    ob_error err = { 0 };
    int r =
        api_client_create_session(q->w->api, key, q->w->c->config->session_s, q->client, &s, &err);
    if (r < 0) {
        web_refuse(q, r == -EACCES ? 403 : 502, err.text);
        return;
    }
    give_cookie(q, &s);
    web_session_done(&s);
}

static void sign_in(web_request *q)
{
    size_t len = 0;
    if (!web_check_origin(q) || !web_read_body(q, &len))
        return;
    json_auto_t *body = ob_json_read(q->w->body, len);
    memset(q->w->body, 0, len);
    const api_signer key = { .key_id = ob_json_str(body, "accessKeyId", ""),
                             .secret = ob_json_str(body, "secretAccessKey", ""),
                             .region = ob_json_str(body, "region", q->w->c->config->region) };
    if (!is_printable(key.key_id) || strchr(key.key_id, ':') || !is_printable(key.secret) ||
        !web_region_is_valid(key.region))
        web_refuse(q, 400, "An access key id, its secret access key and a region are needed.");
    else
        sign_in_with(q, &key);
}

void route_session_link(web_request *q)
{
    size_t len = 0;
    web_session s;
    ob_error err = { 0 };
    if (!web_request_is(q, "POST")) {
        web_refuse(q, 405, "Links are sent with POST.");
        return;
    }
    if (!web_check_origin(q) || !web_read_body(q, &len))
        return;
    json_auto_t *body = ob_json_read(q->w->body, len);
    if (link_redeem(q->w->c->links, ob_json_str(body, "link", ""), ob_wall_ms(), &s, &err) < 0) {
        web_refuse(q, 403, err.text);
        return;
    }
    give_cookie(q, &s);
    web_session_done(&s);
}

static void sign_out(web_request *q)
{
    if (!web_check_origin(q))
        return;
    ob_cleanup(ob_freep) char *cookie = web_cookie_set(q->tls, q->port, NULL, 0);
    ob_cleanup(ob_freep) char *line = ob_strf("Set-Cookie: %s\r\n", cookie);
    web_send(q, 200, "application/json", line, "{}", 2);
}

static void who_am_i(web_request *q)
{
    web_session s;
    if (!web_read_session(q, mg_get_header(q->conn, "X-Console-Pass"), &s))
        return;
    tell(q, &s, false, NULL);
    web_session_done(&s);
}

void route_session(web_request *q)
{
    if (web_request_is(q, "POST"))
        sign_in(q);
    else if (web_request_is(q, "DELETE"))
        sign_out(q);
    else if (web_request_is(q, "GET"))
        who_am_i(q);
    else
        web_refuse(q, 405, "There is no such request.");
}
