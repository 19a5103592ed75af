/* Owns one HTTP client (ob/http.h) with its kept connections; libcurl signs. Nothing of a request
 * or an answer is stored or logged. Thread: its owner's, which waits for the answer. */
#include "api_client.h"

#include <string.h>

#include "ob/http.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "web_session.h"

#define STEP_MS 250

#define BAD_SESSION "security token included in the request"

#define LINES_MAX 5

struct api_client {
    ob_http *http;
    api_goes_on *goes_on;
    void *goes_on_arg;
};

typedef struct pending {
    api_answer *answer;
    bool done;
} pending;

int api_client_new(const char *base, api_client **ret, ob_error *err)
{
    api_client *c = ob_calloc(1, sizeof *c);
    const ob_http_options options = { .base = base,
                                      .body_max = API_ANSWER_MAX,
                                      .idle_connections = 1 };
    int r = ob_http_new(&options, &c->http, err);
    if (r < 0) {
        free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void api_client_free(api_client *c)
{
    if (!c)
        return;
    ob_http_free(c->http);
    free(c);
}

void api_answer_done(api_answer *answer)
{
    free(answer->body);
    *answer = (api_answer){ 0 };
}

bool api_answer_ends_session(const api_answer *answer)
{
    return answer->status >= 400 && answer->status < 500 && strstr(answer->body, BAD_SESSION);
}

void api_client_while(api_client *c, api_goes_on *goes_on, void *arg)
{
    c->goes_on = goes_on;
    c->goes_on_arg = arg;
}

static void on_reply(const ob_http_reply *reply, void *arg)
{
    pending *p = arg;
    p->done = true;
    p->answer->status = reply->status;
    const char *text = reply->status ? reply->body : reply->error;
    p->answer->len = reply->status ? reply->len : strlen(text);
    p->answer->body = ob_calloc(1, p->answer->len + 1);
    memcpy(p->answer->body, text, p->answer->len);
}

static void wait_for_answer(api_client *c, ob_http_call *call, const pending *p)
{
    static const char text[] = "the answer was not waited for";
    while (!p->done) {
        ob_http_step(c->http, STEP_MS);
        if (p->done || !c->goes_on || c->goes_on(c->goes_on_arg))
            continue;
        ob_http_drop(call);
        ob_http_flush(c->http);
        *p->answer = (api_answer){ .body = ob_strdup(text), .len = sizeof text - 1 };
        return;
    }
}

void api_client_call(api_client *c,
                     const allowed_operation *op,
                     const api_signer *signer,
                     const char *body,
                     const char *once,
                     const char *client,
                     api_answer *ret)
{
    pending p = { .answer = ret };
    char *lines[LINES_MAX + 1] = { NULL };
    size_t n = 0;
    *ret = (api_answer){ 0 };
    if (op->target)
        lines[n++] = ob_strf("X-Amz-Target: %s", op->target);
    if (signer->token)
        lines[n++] = ob_strf("X-Amz-Security-Token: %s", signer->token);
    if (once)
        lines[n++] = ob_strf("amz-sdk-invocation-id: %s", once);
    if (client)
        lines[n++] = ob_strf("X-Forwarded-For: %s", client);
    ob_cleanup(ob_freep) char *sign = ob_strf("aws:amz:%s:%s", signer->region, op->service);
    char *userpwd = ob_strf("%s:%s", signer->key_id, signer->secret);
    const ob_http_request request = {
        .method = "POST",
        .path = op->path,
        .body = body,
        .type = op->target ? "application/x-amz-json-1.1" : "application/json",
        .more = (const char *const *)lines,
        .sign = sign,
        .userpwd = userpwd,
        .timeout_s = API_TIMEOUT_S,
        .reads = !op->changes,
        .only_once = op->changes,
        .on_reply = on_reply,
        .arg = &p,
    };
    ob_http_call *call =
        ob_http_send(c->http, op->changes ? OB_POINT_CONSOLE_CHANGE : OB_POINT_NONE, &request);
    wait_for_answer(c, call, &p);
    for (size_t i = 0; i < n; i++)
        sealed_text_forget(lines[i]);
    sealed_text_forget(userpwd);
}

void api_client_health(api_client *c, api_answer *ret)
{
    pending p = { .answer = ret };
    const ob_http_request request = {
        .method = "GET", .path = "/healthz", .timeout_s = 5, .on_reply = on_reply, .arg = &p
    };
    *ret = (api_answer){ 0 };
    wait_for_answer(c, ob_http_send(c->http, OB_POINT_NONE, &request), &p);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static int refusal(const api_answer *answer, ob_error *err)
{
    json_auto_t *body = ob_json_read(answer->body, answer->len);
    const char *text = ob_json_str(body, "message", "the api refuses this key");
    if (answer->status == 0)
        return ob_fail_retry(err, EIO, "the api does not answer: %s", answer->body);
    return ob_fail(err, answer->status == 403 ? EACCES : EIO, "%s", text);
}

static bool is_line(const char *text)
{
    return *text && !strpbrk(text, "\r\n");
}

/* A page may see the keys and ask what they may do, if its key may; it makes and changes none, so
 * that nobody who takes a page over can leave a key behind. */
#define SESSION_POLICY                                                                             \
    "{\"Version\":\"2012-10-17\",\"Statement\":["                                                  \
    "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"                                  \
    "{\"Effect\":\"Deny\",\"Action\":[\"openbatch:CreateKey\",\"openbatch:RevokeKey\","            \
    "\"openbatch:PutKeyPolicy\"],\"Resource\":\"*\"}]}"

int api_client_create_session(api_client *c,
                              const api_signer *signer,
                              int64_t seconds,
                              const char *client,
                              web_session *ret,
                              ob_error *err)
{
    api_answer answer;
    json_auto_t *members = json_pack("{s:I, s:b, s:o}", "durationSeconds", (json_int_t)seconds,
                                     "manageKeys", true, "policy", ob_json_text(SESSION_POLICY));
    ob_cleanup(ob_freep) char *body = json_dumps(members, JSON_COMPACT);
    api_client_call(c, &allow_list_create_session, signer, body, NULL, client, &answer);
    if (answer.status != 200) {
        int r = refusal(&answer, err);
        api_answer_done(&answer);
        return r;
    }
    json_auto_t *made = ob_json_read(answer.body, answer.len);
    sealed_text_forget(answer.body);
    const char *id = ob_json_str(made, "accessKeyId", ""),
               *secret = ob_json_str(made, "secretAccessKey", ""),
               *token = ob_json_str(made, "sessionToken", "");
    *ret = (web_session){ .ends_ms = ob_json_int(made, "expiresAt", 0) };
    if (!is_line(id) || !is_line(secret) || !is_line(token) || strlen(token) >= sizeof ret->token)
        return ob_fail(err, EIO, "the api made no usable session");
    (void)ob_text_into(ret->who, sizeof ret->who, signer->key_id);
    (void)ob_text_into(ret->key_id, sizeof ret->key_id, id);
    (void)ob_text_into(ret->secret, sizeof ret->secret, secret);
    (void)ob_text_into(ret->token, sizeof ret->token, token);
    (void)ob_text_into(ret->region, sizeof ret->region, signer->region);
    return sealed_random(ret->pass, PASS_DIGITS, err);
}
