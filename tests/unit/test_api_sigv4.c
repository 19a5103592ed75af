/* Signature Version 4, compared with the signatures that AWS publishes (its signature version 4
 * test suite, and the ListUsers example of the IAM user guide), and what is refused. */
#include "unit.h"

#include "http/sigv4.h"
#include "http/sigv4_canonical.h"

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define DAY "20150830"
#define TIME "20150830T123600Z"
#define NOW 1440938160 /* TIME */

typedef struct vector {
    const char *name, *method, *path, *query;
    sigv4_header headers[6];
    const char *body, *signed_headers, *signature, *service;
} vector;

#define HOST                                                                                       \
    {                                                                                              \
        "Host", "example.amazonaws.com"                                                            \
    }
#define DATE                                                                                       \
    {                                                                                              \
        "X-Amz-Date", TIME                                                                         \
    }

static const vector vectors[] = {
    { "get-vanilla",
      "GET",
      "/",
      NULL,
      { HOST, DATE },
      "",
      "host;x-amz-date",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
      NULL },
    { "post-vanilla",
      "POST",
      "/",
      NULL,
      { HOST, DATE },
      "",
      "host;x-amz-date",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
      NULL },
    { "get-vanilla-query-order-key-case",
      "GET",
      "/",
      "Param2=value2&Param1=value1",
      { HOST, DATE },
      "",
      "host;x-amz-date",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
      NULL },
    { "get-relative",
      "GET",
      "/example/..",
      NULL,
      { HOST, DATE },
      "",
      "host;x-amz-date",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
      NULL },
    { "get-slashes",
      "GET",
      "//",
      NULL,
      { HOST, DATE },
      "",
      "host;x-amz-date",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
      NULL },
    { "get-header-key-duplicate",
      "GET",
      "/",
      NULL,
      { HOST,
        { "My-Header1", "value2" },
        { "My-Header1", "value2" },
        { "My-Header1", "value1" },
        DATE },
      "",
      "host;my-header1;x-amz-date",
      "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
      NULL },
    { "get-header-value-order",
      "GET",
      "/",
      NULL,
      { HOST,
        { "My-Header1", "value4" },
        { "My-Header1", "value1" },
        { "My-Header1", "value3" },
        { "My-Header1", "value2" },
        DATE },
      "",
      "host;my-header1;x-amz-date",
      "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
      NULL },
    { "get-header-value-trim",
      "GET",
      "/",
      NULL,
      { HOST, { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\"" }, DATE },
      "",
      "host;my-header1;my-header2;x-amz-date",
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
      NULL },
    { "post-x-www-form-urlencoded",
      "POST",
      "/",
      NULL,
      { { "Content-Type", "application/x-www-form-urlencoded" }, HOST, DATE },
      "Param1=value1",
      "content-type;host;x-amz-date",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
      NULL },
    { "ListUsers of the IAM guide",
      "GET",
      "/",
      "Action=ListUsers&Version=2010-05-08",
      { { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" },
        { "Host", "iam.amazonaws.com" },
        DATE },
      "",
      "content-type;host;x-amz-date",
      "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
      "iam" },
};

typedef struct signed_request {
    sigv4_header headers[8];
    sigv4_request req;
    char authorization[700];
} signed_request;

static void build(signed_request *to, const vector *v, const char *key_id)
{
    memset(to, 0, sizeof *to);
    size_t n = 0;
    for (; n < 6 && v->headers[n].name; n++)
        to->headers[n] = v->headers[n];
    (void)snprintf(to->authorization, sizeof to->authorization,
                   "AWS4-HMAC-SHA256 Credential=%s/" DAY
                   "/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s",
                   key_id, v->service ? v->service : "service", v->signed_headers, v->signature);
    to->headers[n++] = (sigv4_header){ "Authorization", to->authorization };
    to->req =
        (sigv4_request){ v->method, v->path, v->query, to->headers, n, v->body, strlen(v->body) };
}

static int
verify_at(const sigv4_request *req, const char *secret, int64_t now, sigv4_refusal *refusal)
{
    sigv4_auth auth;
    int r = sigv4_read(req, &auth, refusal);
    if (r < 0)
        return r;
    sigv4_ctx *ctx = sigv4_new();
    r = sigv4_verify(ctx, req, &auth, auth.service, secret, now, refusal);
    sigv4_free(ctx);
    return r;
}

static void published_signatures_are_accepted(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        signed_request s;
        sigv4_refusal refusal = { 0 };
        build(&s, &vectors[i], KEY_ID);
        if (verify_at(&s.req, SECRET, NOW, &refusal) < 0)
            fail_msg("%s: %s", vectors[i].name, refusal.message);
    }
}

static void a_change_anywhere_is_refused(void **state)
{
    const vector *v = &vectors[8];
    sigv4_refusal refusal = { 0 };
    signed_request s;
    build(&s, v, KEY_ID);
    assert_int_equal(verify_at(&s.req, "another secret", NOW, &refusal), -EACCES);
    assert_string_equal(refusal.code, "InvalidSignatureException");
    s.req.body = "Param1=value2";
    assert_int_equal(verify_at(&s.req, SECRET, NOW, &refusal), -EACCES);
    build(&s, v, KEY_ID);
    s.req.path = "/v1/submitjob";
    assert_int_equal(verify_at(&s.req, SECRET, NOW, &refusal), -EACCES);
    build(&s, v, KEY_ID);
    s.req.query = "a=b";
    assert_int_equal(verify_at(&s.req, SECRET, NOW, &refusal), -EACCES);
    build(&s, v, KEY_ID);
    s.headers[0].value = "application/json";
    assert_int_equal(verify_at(&s.req, SECRET, NOW, &refusal), -EACCES);
}

static void five_minutes_of_skew_are_allowed(void **state)
{
    signed_request s;
    sigv4_refusal refusal = { 0 };
    build(&s, &vectors[0], KEY_ID);
    assert_int_equal(verify_at(&s.req, SECRET, NOW + 300, &refusal), 0);
    assert_int_equal(verify_at(&s.req, SECRET, NOW - 300, &refusal), 0);
    assert_int_equal(verify_at(&s.req, SECRET, NOW + 301, &refusal), -EACCES);
    assert_string_equal(refusal.message, "Signature expired: 20150830T123600Z is now earlier than "
                                         "20150830T123601Z (20150830T124101Z - 5 min.)");
    assert_int_equal(verify_at(&s.req, SECRET, NOW - 301, &refusal), -EACCES);
    assert_string_equal(refusal.message,
                        "Signature not yet current: 20150830T123600Z is still later than "
                        "20150830T123559Z (20150830T123059Z + 5 min.)");
}

static void the_signing_key_follows_the_secret(void **state)
{
    signed_request s;
    sigv4_refusal refusal = { 0 };
    sigv4_auth auth;
    build(&s, &vectors[0], KEY_ID);
    assert_int_equal(sigv4_read(&s.req, &auth, &refusal), 0);
    sigv4_ctx *ctx = sigv4_new();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sigv4_verify(ctx, &s.req, &auth, "service", SECRET, NOW, &refusal), 0);
        assert_int_equal(sigv4_verify(ctx, &s.req, &auth, "service", "rotated", NOW, &refusal),
                         -EACCES);
    }
    assert_int_equal(sigv4_verify(ctx, &s.req, &auth, "batch", SECRET, NOW, &refusal), -EACCES);
    assert_string_equal(refusal.message,
                        "Credential should be scoped to correct service: 'batch'.");
    sigv4_free(ctx);
}

static void headers_that_steer_must_be_signed(void **state)
{
    signed_request s;
    sigv4_refusal refusal = { 0 };
    build(&s, &vectors[0], KEY_ID);
    s.headers[s.req.n_headers++] = (sigv4_header){ "X-Amz-Target", "Logs_20140328.GetLogEvents" };
    assert_int_equal(verify_at(&s.req, SECRET, NOW, &refusal), -EACCES);
    assert_string_equal(refusal.message,
                        "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");

    vector without_host = vectors[0];
    without_host.signed_headers = "x-amz-date";
    build(&s, &without_host, KEY_ID);
    assert_int_equal(verify_at(&s.req, SECRET, NOW, &refusal), -EACCES);
    assert_non_null(strstr(refusal.message, "'Host'"));
}

static void the_claimed_payload_hash_must_be_the_bodys(void **state)
{
    signed_request s;
    sigv4_refusal refusal = { 0 };
    vector v = vectors[0];
    v.signed_headers = "host;x-amz-content-sha256;x-amz-date";
    static const char *const wrong[] = { "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                         "" };
    for (int i = 0; i < 3; i++) {
        build(&s, &v, KEY_ID);
        s.headers[s.req.n_headers++] = (sigv4_header){ "x-amz-content-sha256", wrong[i] };
        assert_int_equal(verify_at(&s.req, SECRET, NOW, &refusal), -EACCES);
        assert_non_null(strstr(refusal.message, "x-amz-content-sha256"));
    }
}

static void expect_refusal(const char *authorization, const char *date, const char *code)
{
    const sigv4_header headers[] = { HOST,
                                     { "Authorization", authorization },
                                     { "X-Amz-Date", date } };
    const sigv4_request req = { "POST", "/", NULL, headers, 3, "", 0 };
    sigv4_auth auth;
    sigv4_refusal refusal = { 0 };
    assert_int_equal(sigv4_read(&req, &auth, &refusal), -EACCES);
    assert_string_equal(refusal.code, code);
}

static void malformed_authorizations_are_named(void **state)
{
    static const char incomplete[] = "IncompleteSignatureException";
    expect_refusal("", TIME, "MissingAuthenticationTokenException");
    expect_refusal("Bearer x", TIME, incomplete);
    expect_refusal("AWS4-HMAC-SHA256", TIME, incomplete);
    expect_refusal("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", TIME,
                   incomplete);
    expect_refusal("AWS4-HMAC-SHA256 Credential=a/" DAY
                   "/r/batch/aws4_request/x, SignedHeaders=host, Signature=0",
                   TIME, incomplete);
    expect_refusal("AWS4-HMAC-SHA256 Credential=a/" DAY
                   "/re gion/batch/aws4_request, SignedHeaders=host, Signature=0",
                   TIME, incomplete);
    expect_refusal("AWS4-HMAC-SHA256 Credential=a/" DAY "/r/batch/aws4_request, SignedHeaders=host",
                   TIME, incomplete);
    expect_refusal("AWS4-HMAC-SHA256 Credential=a/" DAY
                   "/r/batch/aws4_request, SignedHeaders=host, Signature=0",
                   "yesterday", incomplete);
    expect_refusal("AWS4-HMAC-SHA256 Credential=a/" DAY
                   "/r/batch/aws4_request, SignedHeaders=host, Signature=0",
                   TIME, "InvalidSignatureException");
}

/* A header of 8 KB named 2,000 times came to 16 MB of canonical request, for whoever sent it. */
static void a_signed_header_is_named_once(void **state)
{
    static const char *const names[] = { "host;host", "host;x-amz-date;Host", ";;" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ob_cleanup(ob_freep) char *text =
            ob_strf("AWS4-HMAC-SHA256 Credential=a/" DAY
                    "/r/batch/aws4_request, SignedHeaders=%s, Signature=%064d",
                    names[i], 0);
        expect_refusal(text, TIME, "IncompleteSignatureException");
    }
    char many[1000] = "host";
    for (int i = 0; i < 64; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), ";x-%d", i);
    ob_cleanup(ob_freep) char *text =
        ob_strf("AWS4-HMAC-SHA256 Credential=a/" DAY
                "/r/batch/aws4_request, SignedHeaders=%s, Signature=%064d",
                many, 0);
    expect_refusal(text, TIME, "IncompleteSignatureException");
}

static void paths_are_encoded_once_more(void **state)
{
    signed_request s;
    sigv4_auth auth;
    sigv4_refusal refusal = { 0 };
    build(&s, &vectors[0], KEY_ID);
    assert_int_equal(sigv4_read(&s.req, &auth, &refusal), 0);
    s.req.path = "/v1/tags/arn%3Aaws%2Fq";
    s.req.query = "tagKeys=b%20c&tagKeys=a&empty";
    char *canonical = sigv4_canonical_request(&s.req, &auth);
    static const char expected[] =
        "GET\n/v1/tags/arn%253Aaws%252Fq\nempty=&tagKeys=a&tagKeys=b%20c\n";
    assert_memory_equal(canonical, expected, sizeof expected - 1);
    free(canonical);
}

/* YYYYMMDDTHHMMSSZ is what is signed. */
static void a_date_whose_year_has_not_four_digits_is_none(void **state)
{
    static const struct {
        const char *date;
        bool good;
    } cases[] = { { "Sun, 30 Aug 2015 12:36:00 GMT", true },
                  { "Sun, 30 Aug 0215 12:36:00 GMT", false },
                  { "Fri, 31 Dec 9999 23:59:60 GMT", false },
                  { "Wed, 31 Dec 1969 23:59:59 GMT", false } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const sigv4_header headers[] = {
            { "Authorization", "AWS4-HMAC-SHA256 Credential=" KEY_ID "/" DAY
                               "/us-east-1/batch/aws4_request, SignedHeaders=date;host, Signature="
                               "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
            { "Date", cases[i].date },
        };
        const sigv4_request req = {
            .method = "GET", .path = "/", .headers = headers, .n_headers = ARRAY_SIZE(headers)
        };
        sigv4_auth auth;
        sigv4_refusal refusal = { 0 };
        assert_int_equal(sigv4_read(&req, &auth, &refusal), cases[i].good ? 0 : -EACCES);
        if (cases[i].good)
            assert_string_equal(auth.time, TIME);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_whose_year_has_not_four_digits_is_none),
        cmocka_unit_test(published_signatures_are_accepted),
        cmocka_unit_test(a_change_anywhere_is_refused),
        cmocka_unit_test(five_minutes_of_skew_are_allowed),
        cmocka_unit_test(the_signing_key_follows_the_secret),
        cmocka_unit_test(headers_that_steer_must_be_signed),
        cmocka_unit_test(the_claimed_payload_hash_must_be_the_bodys),
        cmocka_unit_test(malformed_authorizations_are_named),
        cmocka_unit_test(a_signed_header_is_named_once),
        cmocka_unit_test(paths_are_encoded_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
