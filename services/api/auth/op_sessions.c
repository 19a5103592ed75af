/* CreateSession (OpenBatch's own), and STS's GetSessionToken and GetCallerIdentity. A session is
 * made out of its key alone: nothing is read or stored. Thread: an HTTP worker.
 *
 * Invariant: sessions make no sessions (session_operations.c, AWS: "GetSessionToken"), so none
 * outlives another or has more rights. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "ob/clock.h"
#include "ob/message.h"
#include "rights.h"
#include "session_operations.h"
#include "session_token.h"

static int64_t now_s(void)
{
    return ob_wall_ms() / 1000;
}

static int check_policy(const char *text, api_reply *rep)
{
    policy *p = NULL;
    ob_error err = { 0 };
    /* the table of members counts characters, a token bytes */
    if (strlen(text) > SESSION_POLICY_MAX)
        return api_error(rep, 400, "MalformedPolicyDocumentException",
                         "the policy is longer than %d bytes", SESSION_POLICY_MAX);
    if (policy_parse(text, strlen(text), &p, &err) < 0)
        return api_error(rep, 400, "MalformedPolicyDocumentException", "%s", err.text);
    policy_unref(p);
    return 0;
}

int op_create_session(api_request *req, api_reply *rep)
{
    const char *narrower = ob_json_str(req->body, "policy", NULL);
    const session_terms terms = {
        .ends_s = now_s() + ob_json_int(req->body, "durationSeconds", SESSION_SECONDS_DEFAULT),
        .manages_keys = ob_json_bool(req->body, "manageKeys", false),
        .policy = narrower,
    };
    ob_cleanup(session_credentials_done) session_credentials made = { 0 };
    int r = narrower ? check_policy(narrower, rep) : 0;
    if (r == 0)
        r = session_token_new(req->ctx->session_key, req->key, &terms, &made, &rep->err);
    if (r == 0)
        rep->body = json_pack("{s:s, s:s, s:s, s:I}", "accessKeyId", made.key_id, "secretAccessKey",
                              made.secret, "sessionToken", made.token, "expiresAt",
                              (json_int_t)terms.ends_s * 1000);
    return r;
}

/* ---- STS ------------------------------------------------------------------------------------- */

static int invalid_duration(const char *text, const char *rule, api_reply *rep)
{
    return api_error(rep, 400, "ValidationError",
                     "1 validation error detected: Value '%.32s' at 'durationSeconds' failed to "
                     "satisfy constraint: Member must %s",
                     text, rule);
}

/* AWS: "Sessions for account owners are restricted to a maximum of 3,600 seconds. If the duration
 * is longer than one hour, the session defaults to one hour." */
static int read_duration(const api_request *req, int64_t *ret, api_reply *rep)
{
    const char *text = ob_json_str(req->body, "DurationSeconds", "");
    int64_t seconds = SESSION_SECONDS_DEFAULT;
    if (*text) {
        char *end = NULL;
        errno = 0;
        seconds = strtoll(text, &end, 10);
        if (*end || errno == ERANGE || strspn(text, "-0123456789") != strlen(text))
            return invalid_duration(text, "be an integer", rep);
        if (seconds < SESSION_SECONDS_MIN)
            return invalid_duration(text, "have value greater than or equal to 900", rep);
        if (seconds > SESSION_SECONDS_MAX)
            return invalid_duration(text, "have value less than or equal to 129600", rep);
    }
    if (req->key->root && seconds > SESSION_SECONDS_OF_OWNER)
        seconds = SESSION_SECONDS_OF_OWNER;
    *ret = seconds;
    return 0;
}

int op_get_session_token(api_request *req, api_reply *rep)
{
    int64_t seconds = 0;
    int r = read_duration(req, &seconds, rep);
    if (r < 0)
        return r;
    ob_cleanup(session_credentials_done) session_credentials made = { 0 };
    const session_terms terms = { .ends_s = now_s() + seconds };
    r = session_token_new(req->ctx->session_key, req->key, &terms, &made, &rep->err);
    if (r < 0)
        return r;
    struct tm tm;
    char ends[32];
    time_t at = (time_t)terms.ends_s;
    (void)gmtime_r(&at, &tm);
    (void)strftime(ends, sizeof ends, "%Y-%m-%dT%H:%M:%SZ", &tm);
    rep->body =
        json_pack("{s:{s:s, s:s, s:s, s:s}}", "Credentials", "AccessKeyId", made.key_id,
                  "SecretAccessKey", made.secret, "SessionToken", made.token, "Expiration", ends);
    return 0;
}

/* Who calls: of a session, its key. */
int op_get_caller_identity(api_request *req, api_reply *rep)
{
    ob_cleanup(ob_freep) char *arn = rights_arn(req->key);
    rep->body = json_pack("{s:s, s:s, s:s}", "Arn", arn, "UserId",
                          req->key->root ? req->account : req->key_id, "Account", req->account);
    return 0;
}
