/* One cluster's client (ob/kube.h): gives each call its path, its user's token and its
 * certificates, and reads what comes back. Owns the HTTP client and what the cluster's files said
 * last. Invariant: files are read again before a call that comes REREAD_MS or more after the last
 * reading, or after an answer that the user is not known; while they cannot be read, what they said
 * last counts. Thread: the owner's. */
#include "ob/kube.h"

#include <string.h>

#include "kube_server.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/kube_cluster.h"
#include "ob/kube_directory.h"
#include "ob/message.h"
#include "ob/text.h"

#define REREAD_MS 60000
#define BODY_MAX                                                                                   \
    ((size_t)64 * 1024 * 1024) /* bytes; a page of 500 pods has 5 MiB at most, mostly */
#define KEEPALIVE_S 20
#define MESSAGE_MAX 4096 /* bytes of what is told of an answer that is no Status */

struct ob_kube {
    ob_http *h;
    ob_kube_cluster *cluster;
    char *dir, *arn;
    char *authorization; /* the header; NULL: no token */
    int64_t read_ms;     /* when the files were read last */
    bool doubted;        /* the server does not know the user */
    ob_error unread;     /* why they could not be read then; empty: they were */
};

typedef struct call {
    ob_kube *k;
    ob_kube_request request; /* only its callbacks, 'arg' and 'text' */
} call;

/* ---- the cluster's files ---- */

static ob_http_tls tls_of(const ob_kube_cluster *c)
{
    return (ob_http_tls){
        .ca = c->ca, .certificate = c->certificate, .key = c->key, .server_name = c->server_name
    };
}

static void set_authorization(ob_kube *k)
{
    free(k->authorization);
    k->authorization =
        k->cluster->token ? ob_strf("Authorization: Bearer %s", k->cluster->token) : NULL;
}

static void read_again(ob_kube *k)
{
    ob_cleanup(ob_kube_cluster_freep) ob_kube_cluster *c = NULL;
    int64_t now_ms = ob_mono_ms();
    if (!k->doubted && now_ms - k->read_ms < REREAD_MS)
        return;
    k->doubted = false;
    k->read_ms = now_ms;
    k->unread = (ob_error){ 0 };
    if (ob_kube_directory_read(k->dir, k->arn, &c, &k->unread) < 0 ||
        ob_kube_cluster_same(c, k->cluster))
        return;
    ob_kube_cluster_free(k->cluster);
    k->cluster = ob_take(c);
    ob_http_tls tls = tls_of(k->cluster);
    ob_http_aim(k->h, k->cluster->server, &tls);
    set_authorization(k);
}

int ob_kube_new(const char *dir, const char *arn, ob_kube **ret, ob_error *err)
{
    ob_cleanup(ob_kube_cluster_freep) ob_kube_cluster *c = NULL;
    int r = ob_kube_directory_read(dir, arn, &c, err);
    if (r < 0)
        return r;
    ob_http *h;
    ob_http_tls tls = tls_of(c);
    ob_http_options options = { .base = c->server,
                                .body_max = BODY_MAX,
                                .proxy = !kube_server_is_local(c->server),
                                .tls = &tls,
                                .keepalive_s = KEEPALIVE_S };
    r = ob_http_new(&options, &h, err);
    if (r < 0)
        return r;
    ob_kube *k = ob_calloc(1, sizeof(*k));
    k->h = h;
    k->cluster = ob_take(c);
    k->dir = ob_strdup(dir);
    k->arn = ob_strdup(arn);
    k->read_ms = ob_mono_ms();
    set_authorization(k);
    *ret = k;
    return 0;
}

void ob_kube_free(ob_kube *k)
{
    if (!k)
        return;
    ob_http_free(k->h);
    ob_kube_cluster_free(k->cluster);
    free(k->dir);
    free(k->arn);
    free(k->authorization);
    free(k);
}

ob_http *ob_kube_http(const ob_kube *k)
{
    return k->h;
}

const char *ob_kube_name(const ob_kube *k)
{
    return k->cluster->name;
}

/* ---- calls ---- */

static int retry_after_ms(const ob_http_reply *from, const json_t *status)
{
    return from->retry_after_s ? from->retry_after_s * 1000 : ob_kube_retry_after_ms(status);
}

/* Why it failed, in words: the Status object's, the body's, the client's. New. */
static char *message_of(const ob_kube *k, const ob_kube_reply *reply, const ob_http_reply *from)
{
    const char *said = ob_json_str(reply->json, "message", "");
    if (!from->status)
        return ob_text_dup(from->error, MESSAGE_MAX);
    if (reply->kind == OB_KUBE_UNAUTHORIZED && k->unread.text[0])
        return ob_strf("%s (%s)", *said ? said : "Unauthorized", k->unread.text);
    if (*said)
        return ob_strdup(said);
    if (from->status < 300)
        return ob_strdup("the answer is not JSON");
    ob_cleanup(ob_freep) char *body = ob_text_dup(from->body, MESSAGE_MAX);
    return ob_strf("status %d%s%s", from->status, *body ? ": " : "", body);
}

static void on_reply(const ob_http_reply *from, void *arg)
{
    const call *c = arg;
    json_auto_t *json = NULL;
    bool ok = from->status >= 200 && from->status < 300;
    bool wants_json = !c->request.text && !c->request.on_data;
    if (!ok || wants_json) /* NUL: containers end with any message */
        (void)ob_json_parse_as(from->body, from->len, OB_JSON_NUL, &json, NULL);
    ob_kube_reply reply = { .kind = ob_kube_answer_kind(from->status, json),
                            .status = from->status,
                            .json = json,
                            .body = from->body,
                            .reason = "",
                            .message = "" };
    ob_cleanup(ob_freep) char *message = NULL;
    if (ok && wants_json && !json_is_object(json))
        reply.kind = OB_KUBE_SERVER;
    if (reply.kind != OB_KUBE_OK) {
        c->k->doubted |= reply.kind == OB_KUBE_UNAUTHORIZED;
        reply.reason = ob_json_str(json, "reason", "");
        reply.retry_after_ms = retry_after_ms(from, json);
        message = message_of(c->k, &reply, from);
        reply.message = message;
    }
    c->request.on_reply(&reply, c->request.arg);
}

static bool on_data(const char *data, size_t len, void *arg)
{
    const call *c = arg;
    return c->request.on_data(data, len, c->request.arg);
}

static void on_open(void *arg)
{
    const call *c = arg;
    c->request.on_open(c->request.arg);
}

static void free_call(void *arg)
{
    call *c = arg;
    if (c->request.free_arg)
        c->request.free_arg(c->request.arg);
    free(c);
}

ob_http_call *ob_kube_send(ob_kube *k, ob_point point, const ob_kube_request *request)
{
    read_again(k);
    call *c = ob_calloc(1, sizeof(*c));
    c->k = k;
    c->request = *request;
    ob_cleanup(ob_freep) char *path = ob_strf("%s%s%s", request->path, request->query ? "?" : "",
                                              request->query ? request->query : "");
    ob_http_request through = { .method = request->method,
                                .path = path,
                                .json = request->json,
                                .type = request->type,
                                .header =
                                    request->text ? "Accept: */*" : "Accept: application/json",
                                .more = (const char *const[]){ k->authorization, NULL },
                                .timeout_s = request->timeout_s,
                                .reads = request->reads,
                                .on_data = request->on_data ? on_data : NULL,
                                .on_open = request->on_open ? on_open : NULL,
                                .on_reply = on_reply,
                                .arg = c,
                                .free_arg = free_call };
    return ob_http_send(k->h, point, &through);
}
