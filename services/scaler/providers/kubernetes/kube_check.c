/* Checks of a cluster, see kube_check.h. Owns the call under way and the result. Invariants: one
 * call at a time; a cluster that answers no more leaves the last result for GRACE_MS, so a short
 * break of the network does not make an environment INVALID. One owner thread. */
#include "kube_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/json.h"
#include "ob/mem.h"
#include "ob/message.h"
#include "ob/text.h"

#define EVERY_MS 30000
#define AGAIN_MS 5000 /* while it cannot be used */
#define GRACE_MS 30000
#define TIMEOUT_S 10
/* Of 1.NN: before 1.29 a pod that waits for its volumes looks like one that waits for its image,
 * and before 1.27 a deleted pod may never say how it ended. */
#define MINOR_MIN 29
#define WHY_MAX 300

/* What AWS Batch says ("INVALID compute environment" in its user guide). */
#define NO_NAMESPACE "CLIENT_ERROR - Unable to validate Kubernetes Namespace"
#define NO_VERSION "CLIENT_ERROR - EKS Cluster version [%s.%s] is unsupported"

/* Rights in the namespace: those of AWS's Role, and logs. */
static const struct {
    const char *verb, *subresource;
} rights[] = { { "create", "" }, { "get", "" },   { "list", "" },  { "watch", "" },
               { "delete", "" }, { "patch", "" }, { "get", "log" } };

enum {
    ASKS_VERSION,
    ASKS_NAMESPACE,
    ASKS_RIGHTS, /* the first of them */
    ASKS_NO_MORE = ASKS_RIGHTS + ARRAY_SIZE(rights),
};

struct kube_check {
    ob_kube *kube;
    char *kube_namespace;
    ob_http_call *call;
    size_t at;           /* what is asked */
    int64_t due_ms;      /* the next check; 0: now */
    int64_t answered_ms; /* the last answer of any kind; 0: none yet */
    int64_t now_ms;      /* of the last step */
    bool done;
    char *invalid;
};

kube_check *kube_check_new(ob_kube *kube, const char *kube_namespace)
{
    kube_check *c = ob_calloc(1, sizeof(*c));
    c->kube = kube;
    c->kube_namespace = ob_strdup(kube_namespace);
    return c;
}

void kube_check_free(kube_check *c)
{
    if (!c)
        return;
    ob_http_drop(c->call);
    free(c->kube_namespace);
    free(c->invalid);
    free(c);
}

static void settle(kube_check *c, char *invalid, int64_t now_ms)
{
    free(c->invalid);
    c->invalid = invalid;
    c->done = true;
    c->at = ASKS_VERSION;
    c->due_ms = now_ms + (invalid ? AGAIN_MS : EVERY_MS);
}

/* ---- Answers ---- */

static char *refusal_of_version(const json_t *version)
{
    const char *major = ob_json_str(version, "major", ""),
               *minor = ob_json_str(version, "minor", "");
    if (!strcmp(major, "1") && strtol(minor, NULL, 10) >= MINOR_MIN)
        return NULL;
    return ob_strf(NO_VERSION, ob_cut(major, 20), ob_cut(minor, 20));
}

static char *refusal_of_right(const kube_check *c, const json_t *review)
{
    if (ob_json_bool(json_object_get(review, "status"), "allowed", false))
        return NULL;
    size_t right = c->at - ASKS_RIGHTS;
    return ob_strf(NO_NAMESPACE ": no right to %s pods%s%s in %s", rights[right].verb,
                   *rights[right].subresource ? "/" : "", rights[right].subresource,
                   c->kube_namespace);
}

static char *refusal_of(const kube_check *c, const ob_kube_reply *reply)
{
    if (reply->kind != OB_KUBE_OK)
        return ob_strf(NO_NAMESPACE ": %s", ob_cut(reply->message, WHY_MAX));
    if (c->at == ASKS_VERSION)
        return refusal_of_version(reply->json);
    return c->at >= ASKS_RIGHTS ? refusal_of_right(c, reply->json) : NULL;
}

/* Says nothing about the environment, only about this moment. */
static bool is_no_answer(ob_kube_answer kind)
{
    return kind == OB_KUBE_UNREACHABLE || kind == OB_KUBE_SERVER || kind == OB_KUBE_THROTTLED;
}

static void on_reply(const ob_kube_reply *reply, void *arg)
{
    kube_check *c = arg;
    int64_t now_ms = c->now_ms;
    c->call = NULL;
    if (!is_no_answer(reply->kind)) {
        c->answered_ms = now_ms;
    } else if (c->answered_ms > 0 && now_ms - c->answered_ms < GRACE_MS) {
        c->due_ms = now_ms + AGAIN_MS / 5;
        return;
    }
    char *invalid = refusal_of(c, reply);
    if (invalid || ++c->at == ASKS_NO_MORE)
        settle(c, invalid, now_ms);
}

/* ---- Questions ---- */

static void ask(kube_check *c, const ob_kube_request *what)
{
    ob_kube_request request = *what;
    request.timeout_s = TIMEOUT_S;
    request.on_reply = on_reply;
    request.arg = c;
    c->call = ob_kube_send(c->kube, OB_POINT_NONE, &request);
}

static void ask_right(kube_check *c)
{
    size_t right = c->at - ASKS_RIGHTS;
    json_t *attributes = json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "namespace", ob_json_text(c->kube_namespace), "group",
        ob_json_text(""), "resource", ob_json_text("pods"), "verb",
        ob_json_text(rights[right].verb), "subresource", ob_json_text(rights[right].subresource));
    json_auto_t *review = json_pack(
        "{s:o, s:o, s:{s:o}}", "apiVersion", ob_json_text("authorization.k8s.io/v1"), "kind",
        ob_json_text("SelfSubjectAccessReview"), "spec", "resourceAttributes", attributes);
    ask(c, &(ob_kube_request){ .method = "POST",
                               .path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                               .json = review,
                               .reads = true });
}

void kube_check_step(kube_check *c, int64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->call || now_ms < c->due_ms)
        return;
    if (c->at == ASKS_VERSION) {
        ask(c, &(ob_kube_request){ .method = "GET", .path = "/version" });
    } else if (c->at == ASKS_NAMESPACE) {
        ob_cleanup(ob_freep) char *name = ob_text_url_encode(c->kube_namespace);
        ob_cleanup(ob_freep) char *path = ob_strf("/api/v1/namespaces/%s", name);
        ask(c, &(ob_kube_request){ .method = "GET", .path = path });
    } else {
        ask_right(c);
    }
}

bool kube_check_done(const kube_check *c)
{
    return c->done;
}

const char *kube_check_invalid(const kube_check *c)
{
    return c->invalid;
}
