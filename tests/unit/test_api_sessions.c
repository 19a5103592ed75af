/* Sessions: who is let in with a token, what a session may do, and the operations that make one.
 * The table of keys is the test's own (-Wl,--wrap). */
#include "unit.h"

#include "auth/authorize.h"
#include "auth/rights.h"
#include "auth/session_token.h"
#include "http/authenticate.h"
#include "http/sigv4_canonical.h"
#include "ob/buf.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "operations.h"

#define ACCOUNT "123456789012"
#define DAY "20150830"
#define TIME "20150830T123600Z"
#define NOW 1440938160 /* TIME */
#define POLICY(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define ALLOW(action) "{\"Effect\":\"Allow\",\"Action\":\"" action "\",\"Resource\":\"*\"}"
#define DENY(action) "{\"Effect\":\"Deny\",\"Action\":\"" action "\",\"Resource\":\"*\"}"

/* ---- the table of keys, instead of PostgreSQL's ---------------------------------------------- */

static const api_key user = {
    .key_id = "AKIAUSER", .account = ACCOUNT, .secret = "secret of the user", .name = "ci"
};
static const api_key *stored = &user;

__typeof__(keys_recall) __wrap_keys_recall;
__typeof__(keys_find) __wrap_keys_find;
__typeof__(db_pool_take) __wrap_db_pool_take;
__typeof__(db_pool_give) __wrap_db_pool_give;

bool __wrap_keys_recall(api_keys *keys, const char *key_id, api_key *ret)
{
    (void)keys;
    if (!stored || strcmp(stored->key_id, key_id) != 0)
        return false;
    *ret = *stored;
    (void)policy_ref(ret->policy);
    return true;
}

int __wrap_keys_find(api_keys *keys, ob_db *db, const char *key_id, api_key *ret, ob_error *err)
{
    (void)keys, (void)db, (void)ret;
    return ob_fail(err, ENOENT, "no access key %s", key_id);
}

int __wrap_db_pool_take(db_pool *pool, ob_db **ret, ob_error *err)
{
    (void)pool, (void)ret, (void)err;
    return 0;
}

void __wrap_db_pool_give(db_pool *pool, ob_db *db)
{
    (void)pool, (void)db;
}

static api_ctx ctx = { .session_key = { 7 } };

/* ---- signed requests ------------------------------------------------------------------------- */

typedef struct credentials {
    const char *key_id, *secret, *token; /* token NULL: without the header */
    bool token_unsigned;
} credentials;

/* The code of the refusal; "" when the caller is let in, who is then in *ret. */
static const char *enter(const credentials *c, caller *ret)
{
    static sigv4_ctx *sigv4;
    if (!sigv4)
        sigv4 = sigv4_new();
    sigv4_header headers[4] = { { "Host", "x" }, { "X-Amz-Date", TIME } };
    size_t n = 2;
    bool with_token = c->token && !c->token_unsigned;
    const char *names = with_token ? "host;x-amz-date;x-amz-security-token" : "host;x-amz-date";
    if (c->token)
        headers[n++] = (sigv4_header){ "X-Amz-Security-Token", c->token };
    sigv4_request request = { .method = "POST",
                              .path = "/v1/listjobs",
                              .headers = headers,
                              .n_headers = n,
                              .body = "{}",
                              .body_len = 2 };
    sigv4_auth auth = { .date = DAY,
                        .region = "us-east-1",
                        .service = "batch",
                        .time = TIME,
                        .signed_headers = names,
                        .signed_headers_len = strlen(names) };
    (void)snprintf(auth.key_id, sizeof auth.key_id, "%s", c->key_id);
    ob_cleanup(ob_freep) char *canonical = sigv4_canonical_request(&request, &auth);
    ob_cleanup(ob_freep) char *text = sigv4_string_to_sign(&auth, canonical);
    char signature[65];
    sigv4_signature(sigv4, &auth, c->secret, text, signature);
    ob_cleanup(ob_freep) char *authorization =
        ob_strf("AWS4-HMAC-SHA256 Credential=%s/" DAY "/us-east-1/batch/aws4_request, "
                "SignedHeaders=%s, Signature=%s",
                c->key_id, names, signature);
    headers[n++] = (sigv4_header){ "Authorization", authorization };
    request.n_headers = n;

    static api_reply rep;
    api_reply_done(&rep);
    memset(ret, 0, sizeof *ret);
    int r = authenticate(&ctx, sigv4, &request, "batch", NOW, ret, &rep);
    assert_true((r == 0) == (rep.code == NULL));
    assert_true(r == 0 || (rep.status == 403 && rep.message[0]));
    return rep.code ? rep.code : "";
}

static void is_let_in(const credentials *c, const char *session)
{
    caller who;
    assert_string_equal(enter(c, &who), "");
    assert_string_equal(who.key.key_id, "AKIAUSER");
    assert_string_equal(who.key.session, session);
    caller_done(&who);
}

static void is_refused(const credentials *c, const char *code)
{
    caller who;
    assert_string_equal(enter(c, &who), code);
    caller_done(&who);
}

static session_credentials session_of(const api_key *key, int64_t ends_s, const char *narrower)
{
    session_credentials made;
    const session_terms terms = { .ends_s = ends_s, .policy = narrower };
    assert_int_equal(session_token_new(ctx.session_key, key, &terms, &made, NULL), 0);
    return made;
}

static void a_session_is_let_in_with_its_token_and_no_other(void **state)
{
    (void)state;
    session_credentials one = session_of(&user, NOW + 900, NULL);
    session_credentials two = session_of(&user, NOW + 900, NULL);
    is_let_in(&(credentials){ "AKIAUSER", user.secret }, "");
    is_let_in(&(credentials){ "AKIAUSER", user.secret, "" }, "");
    is_let_in(&(credentials){ one.key_id, one.secret, one.token }, one.key_id);
    static const char unknown[] = "UnrecognizedClientException";
    is_refused(&(credentials){ one.key_id, one.secret }, unknown);
    is_refused(&(credentials){ one.key_id, one.secret, "x" }, unknown);
    is_refused(&(credentials){ one.key_id, one.secret, two.token }, unknown);
    is_refused(&(credentials){ "AKIAUSER", user.secret, one.token }, unknown);
    is_refused(&(credentials){ one.key_id, two.secret, one.token }, "InvalidSignatureException");
    is_refused(&(credentials){ one.key_id, user.secret, one.token }, "InvalidSignatureException");
    is_refused(&(credentials){ one.key_id, one.secret, one.token, .token_unsigned = true },
               "InvalidSignatureException");
    session_credentials_done(&one);
    session_credentials_done(&two);
}

static void a_session_is_let_in_until_its_end(void **state)
{
    (void)state;
    session_credentials over = session_of(&user, NOW, NULL);
    session_credentials last = session_of(&user, NOW + 1, NULL);
    is_refused(&(credentials){ over.key_id, over.secret, over.token }, "ExpiredTokenException");
    is_let_in(&(credentials){ last.key_id, last.secret, last.token }, last.key_id);
    session_credentials_done(&over);
    session_credentials_done(&last);
}

static void a_session_goes_with_its_key(void **state)
{
    (void)state;
    api_key replaced = user;
    session_credentials s = session_of(&user, NOW + 900, NULL);
    const credentials c = { s.key_id, s.secret, s.token };
    is_let_in(&c, s.key_id);
    stored = NULL;
    is_refused(&c, "UnrecognizedClientException");
    (void)snprintf(replaced.secret, sizeof replaced.secret, "a new secret");
    stored = &replaced;
    is_refused(&c, "UnrecognizedClientException");
    stored = &user;
    is_let_in(&c, s.key_id);
    session_credentials_done(&s);
}

/* ---- rights ---------------------------------------------------------------------------------- */

static policy *parsed(const char *text)
{
    policy *p = NULL;
    if (text)
        assert_int_equal(policy_parse(text, strlen(text), &p, NULL), 0);
    return p;
}

static rights_answer ask(const char *own, const char *narrower, bool root)
{
    const char *names[] = { "arn:aws:batch:r:1:job-queue/q" };
    const policy_question q = { .action = "batch:ListJobs", .names = names, .n_names = 1 };
    api_key key = { .root = root, .policy = parsed(own), .session_policy = parsed(narrower) };
    rights_answer answer = rights_decide(&key, &q);
    assert_int_equal(rights_outlook(&key, "batch:ListJobs"), answer);
    assert_int_equal(rights_are_all(&key), root && !narrower);
    api_key_done(&key);
    return answer;
}

static void a_session_may_do_what_both_policies_allow(void **state)
{
    (void)state;
    static const char lists[] = POLICY(ALLOW("batch:List*")), other[] = POLICY(ALLOW("batch:D*")),
                      denies[] = POLICY(ALLOW("*") "," DENY("batch:ListJobs"));
    assert_int_equal(ask(lists, NULL, false), RIGHT_GIVEN);
    assert_int_equal(ask(lists, lists, false), RIGHT_GIVEN);
    assert_int_equal(ask(lists, other, false), RIGHT_NOT_IN_SESSION);
    assert_int_equal(ask(lists, denies, false), RIGHT_DENIED_IN_SESSION);
    assert_int_equal(ask(other, lists, false), RIGHT_NOT_GIVEN);
    assert_int_equal(ask(NULL, lists, false), RIGHT_NOT_GIVEN);
    assert_int_equal(ask(denies, lists, false), RIGHT_DENIED);
    assert_int_equal(ask(denies, denies, false), RIGHT_DENIED);
    assert_int_equal(ask(other, denies, false), RIGHT_DENIED_IN_SESSION);
    assert_int_equal(ask(NULL, NULL, true), RIGHT_GIVEN);
    assert_int_equal(ask(NULL, lists, true), RIGHT_GIVEN);
    assert_int_equal(ask(NULL, other, true), RIGHT_NOT_IN_SESSION);
    assert_int_equal(ask(NULL, denies, true), RIGHT_DENIED_IN_SESSION);
}

static void facts_about_tags_are_of_both_policies(void **state)
{
    (void)state;
#define BY_TAG                                                                                     \
    POLICY("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{"             \
           "\"StringEquals\":{\"aws:ResourceTag/a\":\"b\"}}}")
    api_key by_key = { .policy = parsed(BY_TAG) };
    api_key by_session = { .root = true, .session_policy = parsed(BY_TAG) };
    api_key neither = { .policy = parsed(POLICY(ALLOW("*"))) };
    assert_true(rights_ask_resource_tags(&by_key) && !rights_only_add(&by_key, "a:b"));
    assert_true(rights_ask_resource_tags(&by_session) && !rights_only_add(&by_session, "a:b"));
    assert_true(!rights_ask_resource_tags(&neither) && rights_only_add(&neither, "a:b"));
    api_key_done(&by_key);
    api_key_done(&by_session);
    api_key_done(&neither);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* Calls an operation as dispatch.c does: the answer, or NULL and the refusal in 'why'. */
static json_t *call(const char *name, const api_key *key, const char *body_text, char why[200])
{
    static api_reply rep;
    json_auto_t *body = ob_json_read_text(body_text);
    const api_operation *op = api_operation_named(name);
    assert_true(op && body);
    api_request req = { .op = op,
                        .operation = op->name,
                        .account = key->account,
                        .region = "us-east-1",
                        .key_id = key->key_id,
                        .key = key,
                        .request_id = "id",
                        .body = body,
                        .ctx = &ctx };
    int r = access_check(&req, &rep);
    if (r == 0)
        r = api_operation_check(op, body, "id", &rep);
    if (r == 0)
        r = op->handler(&req, &rep);
    (void)snprintf(why, 200, "%s: %.180s", rep.code ? rep.code : "", rep.message);
    json_t *answer = r == 0 ? json_incref(rep.body) : NULL;
    api_reply_done(&rep);
    return answer;
}

static void assert_refused(const char *name, const api_key *key, const char *body, const char *says)
{
    char why[200];
    json_auto_t *answer = call(name, key, body, why);
    if (answer || !strstr(why, says))
        fail_msg("%s %s: '%s' is not '%s'", name, body, why, says);
}

/* The session that an operation has made, as a later request finds it. */
static void
assert_made(const json_t *answer, const char *const names[3], int64_t seconds, bool manages_keys)
{
    const char *id = json_string_value(json_object_get(answer, names[0]));
    const char *secret = json_string_value(json_object_get(answer, names[1]));
    const char *token = json_string_value(json_object_get(answer, names[2]));
    assert_true(id && secret && token);
    session_claim claim;
    int64_t now_s = ob_wall_ms() / 1000;
    assert_int_equal(session_token_open(ctx.session_key, id, token, now_s, &claim, NULL), 0);
    assert_true(claim.ends_s >= now_s + seconds - 60 && claim.ends_s <= now_s + seconds);
    assert_int_equal(claim.manages_keys, manages_keys);
    session_claim_done(&claim);
}

static const char *const of_sts[] = { "AccessKeyId", "SecretAccessKey", "SessionToken" };
static const char *const of_ours[] = { "accessKeyId", "secretAccessKey", "sessionToken" };

static void get_session_token_has_aws_limits(void **state)
{
    (void)state;
    static const api_key root = { .key_id = "AKIAROOT", .account = ACCOUNT, .root = true };
    static const struct {
        const char *body;
        int64_t user, root;
    } cases[] = { { "{}", 43200, 3600 },
                  { "{\"DurationSeconds\":\"900\"}", 900, 900 },
                  { "{\"DurationSeconds\":\"129600\"}", 129600, 3600 } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char why[200];
        json_auto_t *one = call("GetSessionToken", &user, cases[i].body, why);
        json_auto_t *of_root = call("GetSessionToken", &root, cases[i].body, why);
        assert_made(json_object_get(one, "Credentials"), of_sts, cases[i].user, false);
        assert_made(json_object_get(of_root, "Credentials"), of_sts, cases[i].root, false);
    }
    assert_refused("GetSessionToken", &user, "{\"DurationSeconds\":\"899\"}",
                   "ValidationError: 1 validation error detected: Value '899' at "
                   "'durationSeconds' failed to satisfy constraint: Member must have value greater "
                   "than or equal to 900");
    assert_refused("GetSessionToken", &user, "{\"DurationSeconds\":\"129601\"}",
                   "less than or equal to 129600");
    assert_refused("GetSessionToken", &user, "{\"DurationSeconds\":\"99999999999999999999\"}",
                   "ValidationError");
    assert_refused("GetSessionToken", &user, "{\"DurationSeconds\":\" 900\"}", "ValidationError");
    assert_refused("GetSessionToken", &user, "{\"DurationSeconds\":\"9e3\"}", "ValidationError");
    assert_refused("GetSessionToken", &user, "{\"TokenCode\":\"123456\"}", "TokenCode");
}

static void create_session_takes_a_policy_and_an_end(void **state)
{
    (void)state;
    char why[200];
    json_auto_t *plain = call("CreateSession", &user, "{}", why);
    assert_made(plain, of_ours, 43200, false);
    json_auto_t *manager = call("CreateSession", &user, "{\"manageKeys\":true}", why);
    assert_made(manager, of_ours, 43200, true);
    json_auto_t *body =
        json_pack("{s:i, s:s}", "durationSeconds", 900, "policy", POLICY(ALLOW("batch:List*")));
    ob_cleanup(ob_freep) char *text = json_dumps(body, 0);
    json_auto_t *narrow = call("CreateSession", &user, text, why);
    assert_made(narrow, of_ours, 900, false);
    int64_t expires_ms = json_integer_value(json_object_get(narrow, "expiresAt"));
    assert_true(expires_ms > ob_wall_ms() + 800 * 1000);
    assert_refused("CreateSession", &user, "{\"durationSeconds\":899}", "durationSeconds");
    assert_refused("CreateSession", &user, "{\"durationSeconds\":129601}", "durationSeconds");
    assert_refused("CreateSession", &user, "{\"policy\":\"{}\"}", "MalformedPolicyDocument");
    ob_cleanup(ob_freep) char *wide = ob_calloc(1, 4096);
    for (size_t i = 0; i < 1200; i++)
        memcpy(wide + 2 * i, "\xc3\xa9", 2); /* 1,200 characters, 2,400 bytes */
    ob_cleanup(ob_freep) char *too_long = ob_strf("{\"policy\":\"%s\"}", wide);
    assert_refused("CreateSession", &user, too_long, "longer than 2048 bytes");
}

static void any_key_makes_sessions_unless_it_is_denied(void **state)
{
    (void)state;
    static const char *const denials[] = {
        DENY("*"),
        "{\"Effect\":\"Deny\",\"NotAction\":\"batch:*\",\"Resource\":[\"arn:aws:a:r:1:b\",\"*\"]}",
        "{\"Effect\":\"Deny\",\"Action\":\"*\",\"NotResource\":\"arn:aws:batch:*\"}",
        ("{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{"
         "\"StringNotEquals\":{\"aws:ResourceTag/team\":\"a\"}}}"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(denials); i++) {
        ob_cleanup(ob_freep) char *text = ob_strf(POLICY("%s,%s"), ALLOW("*"), denials[i]);
        api_key one = user;
        one.policy = parsed(text);
        assert_refused("CreateSession", &one, "{}", "with an explicit deny");
        assert_refused("GetSessionToken", &one, "{}", "with an explicit deny");
        api_key_done(&one);
    }
    api_key denied = user;
    denied.policy = parsed(POLICY(ALLOW("*") "," DENY("sts:*") "," DENY("openbatch:Create*")));
    assert_refused("GetSessionToken", &denied, "{}",
                   "is not authorized to perform: sts:GetSessionToken on resource: * with an "
                   "explicit deny in an identity-based policy");
    assert_refused("CreateSession", &denied, "{}", "openbatch:CreateSession");
    char why[200];
    json_auto_t *who = call("GetCallerIdentity", &denied, "{}", why);
    assert_non_null(who);
    api_key_done(&denied);
}

static void the_caller_of_a_session_is_its_key(void **state)
{
    (void)state;
    static const struct {
        api_key key;
        const char *arn, *user_id;
    } cases[] = {
        { { .key_id = "AKIA1", .account = "1", .name = "ci" }, "arn:aws:iam::1:user/ci", "AKIA1" },
        { { .key_id = "AKIA2", .account = "1", .session = "ASIA1" },
          "arn:aws:iam::1:user/AKIA2",
          "AKIA2" },
        { { .key_id = "AKIA3", .account = "1", .root = true }, "arn:aws:iam::1:root", "1" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char why[200];
        json_auto_t *who = call("GetCallerIdentity", &cases[i].key, "{}", why);
        assert_string_equal(json_string_value(json_object_get(who, "Arn")), cases[i].arn);
        assert_string_equal(json_string_value(json_object_get(who, "UserId")), cases[i].user_id);
        assert_string_equal(json_string_value(json_object_get(who, "Account")), "1");
    }
}

static void a_session_makes_no_sessions_and_manages_keys_if_it_may(void **state)
{
    (void)state;
    api_key root = { .key_id = "AKIA", .account = "1", .root = true, .session = "ASIA" };
    assert_refused("GetSessionToken", &root, "{}",
                   "AccessDeniedException: Cannot call GetSessionToken with session credentials");
    assert_refused("CreateSession", &root, "{}",
                   "Cannot call CreateSession with session credentials");
    assert_refused("ListKeys", &root, "{}", "Cannot call ListKeys with session credentials");
    root.manages_keys = true;
    assert_refused("CreateSession", &root, "{}", "session credentials");
    /* A narrower one reaches its own policy. */
    root.session_policy = parsed(POLICY(ALLOW("batch:*")));
    assert_refused("ListKeys", &root, "{}",
                   "User: arn:aws:iam::1:root is not authorized to perform: openbatch:ListKeys on "
                   "resource: * because no session policy allows the openbatch:ListKeys action");
    api_key_done(&root);
}

static void what_sessions_may_not_do_is_in_the_operations_row(void **state)
{
    (void)state;
    size_t of_keys = 0, of_sessions = 0;
    for (const api_operation *op = NULL; (op = api_operation_next(op));) {
        bool keys = op->protocol == API_ADMIN && strstr(op->name, "Key");
        bool makes = op->access && op->access->needs == ACCESS_NEEDS_NO_DENIAL;
        api_sessions expected = makes  ? SESSIONS_MAY_NOT
                                : keys ? SESSIONS_MAY_IF_THEY_MANAGE_KEYS
                                       : SESSIONS_MAY;
        if (op->sessions != expected)
            fail_msg("%s: sessions %d", op->name, (int)op->sessions);
        of_keys += keys;
        of_sessions += makes;
    }
    assert_int_equal(of_keys, 4);
    assert_int_equal(of_sessions, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_let_in_with_its_token_and_no_other),
        cmocka_unit_test(a_session_is_let_in_until_its_end),
        cmocka_unit_test(a_session_goes_with_its_key),
        cmocka_unit_test(a_session_may_do_what_both_policies_allow),
        cmocka_unit_test(facts_about_tags_are_of_both_policies),
        cmocka_unit_test(get_session_token_has_aws_limits),
        cmocka_unit_test(create_session_takes_a_policy_and_an_end),
        cmocka_unit_test(any_key_makes_sessions_unless_it_is_denied),
        cmocka_unit_test(the_caller_of_a_session_is_its_key),
        cmocka_unit_test(a_session_makes_no_sessions_and_manages_keys_if_it_may),
        cmocka_unit_test(what_sessions_may_not_do_is_in_the_operations_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
