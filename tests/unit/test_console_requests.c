/* The console's HTTP side, with an api that is not there: who may ask for what, and what is made of
 * requests that no page of ours sends. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "allow_list.h"
#include "assets.h"
#include "console_server.h"
#include "fake_api.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "web_request.h"
#include "web_server.h"

/* The page, which the program embeds. */
static const uint8_t page[] = "the page";
const asset assets[] = { { "/index.html", "text/html; charset=utf-8", "\"tag\"", page, 8 }, { 0 } };

#define ANSWER_MAX (256 * 1024)
#define SESSION                                                                                    \
    "{\"accessKeyId\":\"ASIANEW\",\"secretAccessKey\":\"made/secret\",\"sessionToken\":"           \
    "\"made+token==\",\"expiresAt\":4000000000000}"
#define FORM "{\"accessKeyId\":\"AKIAUSER\",\"secretAccessKey\":\"top/secret\"}"

static struct {
    console_config config;
    console c;
    web_server *server;
    fake_api *api;
    int port;
    char answer[ANSWER_MAX];
    char cookie[COOKIE_MAX], pass[PASS_DIGITS + 1];
} t;

static int begin(void **state)
{
    (void)state;
    ob_error err = { 0 };
    static char listen_on[] = "127.0.0.1", region[] = "us-east-1";
    memset(&t, 0, sizeof t);
    t.api = fake_api_new();
    t.port = free_port();
    t.config = (console_config){ .listen = listen_on,
                                 .port = t.port,
                                 .threads = 4,
                                 .region = region,
                                 .session_s = 3600,
                                 .api = ob_strf("http://127.0.0.1:%d", fake_api_port(t.api)) };
    t.c.config = &t.config;
    t.c.links = link_keeper_new(t.c.key, ob_wall_ms() - 1000);
    assert_int_equal(web_server_start(&t.c, &t.server, &err), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    stop_server(t.server, t.port);
    t.server = NULL;
    link_keeper_free(t.c.links);
    fake_api_free(t.api);
    free(t.config.api);
    return 0;
}

/* Sends text as it is and reads until the console closes. Returns the status; 0: none. */
static int raw(const char *text, size_t len)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)t.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    size_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    (void)send(fd, text, len, MSG_NOSIGNAL);
    while (got < ANSWER_MAX - 1) {
        ssize_t n = recv(fd, t.answer + got, ANSWER_MAX - 1 - got, 0);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    t.answer[got] = '\0';
    (void)close(fd);
    return got > 12 ? atoi(t.answer + 9) : 0;
}

/* A request with these headers, each with its line break. */
static int ask(const char *method, const char *path, const char *headers, const char *body)
{
    ob_cleanup(ob_freep) char *length =
        body ? ob_strf("Content-Length: %zu\r\n", strlen(body)) : ob_strdup("");
    ob_cleanup(ob_freep) char *text =
        ob_strf("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s%s\r\n%s", method,
                path, t.port, length, headers, body ? body : "");
    return raw(text, strlen(text));
}

/* The headers that a page of ours sends with a change. */
static char *own_headers(const char *more)
{
    return ob_strf("Origin: http://127.0.0.1:%d\r\nSec-Fetch-Site: same-origin\r\n"
                   "Content-Type: application/json\r\n%s",
                   t.port, more);
}

static int post(const char *path, const char *body)
{
    ob_cleanup(ob_freep) char *headers = own_headers("");
    return ask("POST", path, headers, body);
}

static void sign_in(void)
{
    fake_api_answers(t.api, 200, SESSION);
    assert_int_equal(post("/session", FORM), 200);
    const char *cookie = strstr(t.answer, "Set-Cookie: "), *body = strstr(t.answer, "\r\n\r\n");
    assert_non_null(cookie);
    (void)ob_text_copy(t.cookie, sizeof t.cookie, cookie + 12, strcspn(cookie + 12, ";"));
    json_auto_t *said = ob_json_read_text(body + 4);
    (void)ob_text_into(t.pass, sizeof t.pass, ob_json_str(said, "pass", ""));
    assert_int_equal(strlen(t.pass), PASS_DIGITS);
}

/* As the signed-in page. */
static int signed_in(const char *method, const char *path, const char *body)
{
    ob_cleanup(ob_freep) char *session =
        ob_strf("Cookie: %s\r\nX-Console-Pass: %s\r\n", t.cookie, t.pass);
    ob_cleanup(ob_freep) char *headers = own_headers(session);
    return ask(method, path, headers, body);
}

/* ---- signing in ------------------------------------------------------------------------------ */

static void a_key_is_used_once_to_make_a_session(void **state)
{
    (void)state;
    char request[4096];
    sign_in();
    fake_api_last(t.api, request, sizeof request);
    assert_non_null(strstr(request, "POST /openbatch/v1/createsession "));
    assert_non_null(strstr(request, "Credential=AKIAUSER/"));
    assert_non_null(strstr(request, "/us-east-1/openbatch/aws4_request"));
    assert_non_null(strstr(request, "{\"durationSeconds\":3600,\"manageKeys\":true,\"policy\":"));
    assert_non_null(strstr(request, "\\\"Deny\\\",\\\"Action\\\":[\\\"openbatch:CreateKey\\\""));
    assert_null(strstr(request, "top/secret"));
    assert_null(strstr(t.answer, "secret"));
    assert_non_null(strstr(t.answer, "HttpOnly; SameSite=Strict"));
    assert_null(strstr(t.answer, "Secure"));
}

static void a_refusal_of_the_api_is_told(void **state)
{
    (void)state;
    fake_api_answers(t.api, 403, "{\"message\":\"The security token is \\u003cinvalid>.\"}");
    assert_int_equal(post("/session", FORM), 403);
    assert_non_null(strstr(t.answer, "The security token is"));
    assert_null(strstr(t.answer, "Set-Cookie"));
    fake_api_answers(t.api, 200, "{\"accessKeyId\":\"a\\nb\"}");
    assert_int_equal(post("/session", FORM), 502);
}

static void credentials_that_cannot_be_signed_with_go_nowhere(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        "{\"accessKeyId\":1,\"secretAccessKey\":2}",
        "{\"accessKeyId\":\"A\\r\\nX: y\",\"secretAccessKey\":\"s\"}",
        "{\"accessKeyId\":\"A:B\",\"secretAccessKey\":\"s\"}",
        "{\"accessKeyId\":\"A\",\"secretAccessKey\":\"s \"}",
        "{\"accessKeyId\":\"A\",\"secretAccessKey\":\"s\",\"region\":\"us:x\"}",
        "{\"accessKeyId\":\"\xc3\xa4\",\"secretAccessKey\":\"s\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        assert_int_equal(post("/session", forms[i]), 400);
    assert_int_equal(fake_api_count(t.api), 0);
}

static void a_deep_or_long_body_is_refused(void **state)
{
    (void)state;
    static char deep[40001], longer[WEB_BODY_MAX + 2];
    memset(deep, '[', sizeof deep - 1);
    memset(longer, ' ', sizeof longer - 1);
    assert_int_equal(post("/session", deep), 400);
    assert_int_equal(post("/session", longer), 413);
    ob_cleanup(ob_freep) char *chunked = own_headers("Transfer-Encoding: chunked\r\n");
    assert_int_equal(ask("POST", "/session", chunked, NULL), 411);
    ob_cleanup(ob_freep) char *form = ob_strf(
        "Origin: http://127.0.0.1:%d\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        t.port);
    assert_int_equal(ask("POST", "/session", form, "a=b"), 400);
    assert_int_equal(fake_api_count(t.api), 0);
}

static void under_tls_the_cookie_is_secure(void **state)
{
    (void)state;
    fake_api_answers(t.api, 200, SESSION);
    ob_cleanup(ob_freep) char *headers = own_headers("X-Forwarded-Proto: https\r\n"
                                                     "X-Forwarded-For: 6.6.6.6\r\n"
                                                     "X-Forwarded-For: 192.0.2.7\r\n");
    char request[4096];
    assert_int_equal(ask("POST", "/session", headers, FORM), 200);
    assert_non_null(strstr(t.answer, "Set-Cookie: __Host-openbatch-console-"));
    assert_non_null(strstr(t.answer, "; Secure\r\n"));
    fake_api_last(t.api, request, sizeof request);
    assert_non_null(strstr(request, "X-Forwarded-For: 192.0.2.7\r\n"));
}

/* Behind a published port, or a proxy, the console's own port says nothing of what the browser
 * uses. */
static void two_copies_on_a_host_do_not_share_a_cookie(void **state)
{
    (void)state;
    static const struct {
        const char *host, *proto, *cookie;
    } copies[] = {
        { "localhost:7001", "", "Set-Cookie: openbatch-console-7001=" },
        { "localhost:7002", "", "Set-Cookie: openbatch-console-7002=" },
        { "[::1]:7002", "", "Set-Cookie: openbatch-console-7002=" },
        { "localhost", "", "Set-Cookie: openbatch-console-80=" },
        { "batch.example", "X-Forwarded-Proto: https\r\n",
          "Set-Cookie: __Host-openbatch-console-443=" },
    };
    fake_api_answers(t.api, 200, SESSION);
    for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
        ob_cleanup(ob_freep) char *request =
            ob_strf("POST /session HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s"
                    "Origin: %s://%s\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n" FORM,
                    copies[i].host, copies[i].proto, *copies[i].proto ? "https" : "http",
                    copies[i].host, strlen(FORM));
        assert_int_equal(raw(request, strlen(request)), 200);
        assert_non_null(strstr(t.answer, copies[i].cookie));
    }
}

static void the_port_of_a_host_is_what_stands_behind_it(void **state)
{
    (void)state;
    assert_int_equal(web_host_port("127.0.0.1:8085", false), 8085);
    assert_int_equal(web_host_port("[::1]:65535", true), 65535);
    assert_int_equal(web_host_port("[::1]", true), 443);
    assert_int_equal(web_host_port("h", false), 80);
    static const char *const none[] = { "",        "h:",       "h:x",  "h:80x",
                                        "h:65536", "h:999999", "h:-1", "h:0" };
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_int_equal(web_host_port(none[i], false), 0);
    assert_int_equal(web_host_port(NULL, false), 0);
}

static void a_host_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    static const char *const ours[] = { "localhost",   "LOCALHOST:1",  "a.localhost:8085",
                                        "127.0.0.1",   "127.1.2.3:80", "[::1]:8085",
                                        "[127.0.0.1]", "[::1]" };
    static const char *const others[] = { "",
                                          ":80",
                                          "evil.example",
                                          "notlocalhost",
                                          "localhost.evil.example:8085",
                                          "127.0.0.1.evil.example",
                                          "128.0.0.1",
                                          "[::2]:80",
                                          "[",
                                          "::1" };
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        assert_true(web_host_is_local(ours[i]));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(web_host_is_local(others[i]));
    assert_false(web_host_is_local(NULL));
    static const char evil[] = "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
                      proxied[] = "GET / HTTP/1.1\r\nHost: batch.example\r\nConnection: close\r\n"
                                  "X-Forwarded-Proto: https\r\n\r\n";
    assert_int_equal(raw(evil, strlen(evil)), 403);
    assert_int_equal(raw(proxied, strlen(proxied)), 200);
    strcpy(t.config.listen, "0.0.0.0"); /* then it is not known how browsers come */
    assert_int_equal(raw(evil, strlen(evil)), 200);
    strcpy(t.config.listen, "127.0.0.1");
}

/* Binds ::1; -1: this host has none, or the port is taken. */
static int take_loopback6(int port)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void nobody_else_is_localhost(void **state)
{
    (void)state;
    ob_error err = { 0 };
    int fd = take_loopback6(0);
    if (fd < 0)
        skip(); /* this host has no ::1 */
    (void)close(fd);
    assert_int_equal(take_loopback6(t.port), -1);
    stop_server(t.server, t.port);
    t.server = NULL;
    /* Nor does the console start beside one that is. */
    fd = take_loopback6(t.port);
    assert_true(fd >= 0);
    assert_int_equal(web_server_start(&t.c, &t.server, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, "[::1]"));
    (void)close(fd);
}

static void a_link_signs_in_once(void **state)
{
    (void)state;
    web_session s = { .ends_ms = ob_wall_ms() + 3600000 };
    ob_cleanup(ob_freep) char *link = NULL;
    (void)ob_text_into(s.key_id, sizeof s.key_id, "ASIALINK");
    (void)ob_text_into(s.region, sizeof s.region, "us-east-1");
    memset(s.pass, 'a', PASS_DIGITS);
    assert_int_equal(link_make(t.c.key, &s, ob_wall_ms(), &link, NULL), 0);
    ob_cleanup(ob_freep) char *body = ob_strf("{\"link\":\"%s\"}", link);
    assert_int_equal(post("/session/link", body), 200);
    assert_non_null(strstr(t.answer, "Set-Cookie: "));
    assert_int_equal(post("/session/link", body), 403);
    assert_non_null(strstr(t.answer, "used already"));
    assert_int_equal(ask("GET", "/session/link", "", NULL), 405);
}

/* ---- who may ask ----------------------------------------------------------------------------- */

static void only_our_own_pages_change_something(void **state)
{
    (void)state;
    static const char *const origins[] = { "", "Origin: null\r\n",
                                           "Origin: http://evil.example\r\n",
                                           "Origin: http://127.0.0.1:1\r\n",
                                           "Origin: file://127.0.0.1\r\n" };
    sign_in();
    int before = fake_api_count(t.api);
    for (size_t i = 0; i < ARRAY_SIZE(origins); i++) {
        ob_cleanup(ob_freep) char *headers =
            ob_strf("Cookie: %s\r\nX-Console-Pass: %s\r\nContent-Type: application/json\r\n%s",
                    t.cookie, t.pass, origins[i]);
        assert_int_equal(ask("POST", "/api/TerminateJob", headers, "{}"), 403);
        assert_int_equal(ask("POST", "/session", headers, FORM), 403);
        assert_int_equal(ask("DELETE", "/session", headers, NULL), 403);
    }
    ob_cleanup(ob_freep) char *site =
        ob_strf("Cookie: %s\r\nX-Console-Pass: %s\r\nContent-Type: application/json\r\n"
                "Origin: http://127.0.0.1:%d\r\nSec-Fetch-Site: same-site\r\n",
                t.cookie, t.pass, t.port);
    assert_int_equal(ask("POST", "/api/TerminateJob", site, "{}"), 403);
    assert_int_equal(fake_api_count(t.api), before);
}

static void the_origin_is_that_of_the_host(void **state)
{
    (void)state;
    assert_true(web_origin_matches("http://127.0.0.1:8085", "127.0.0.1:8085"));
    assert_true(web_origin_matches("https://batch.example", "batch.example"));
    assert_false(web_origin_matches("http://127.0.0.1:8085", "127.0.0.1"));
    assert_false(web_origin_matches("http://127.0.0.1:80856", "127.0.0.1:8085"));
    assert_false(web_origin_matches("ftp://127.0.0.1:8085", "127.0.0.1:8085"));
    assert_false(web_origin_matches("://127.0.0.1:8085", "127.0.0.1:8085"));
    assert_false(web_origin_matches("null", "127.0.0.1:8085"));
    assert_false(web_origin_matches(NULL, "127.0.0.1:8085"));
    assert_false(web_origin_matches("http://", ""));
    assert_false(web_origin_matches("http://127.0.0.1:8085", NULL));
}

static void without_cookie_and_pass_nothing_is_told(void **state)
{
    (void)state;
    sign_in();
    int before = fake_api_count(t.api);
    ob_cleanup(ob_freep) char *cookie = ob_strf("Cookie: %s\r\n", t.cookie);
    ob_cleanup(ob_freep) char *pass = ob_strf("X-Console-Pass: %s\r\n", t.pass);
    ob_cleanup(ob_freep) char *wrong =
        ob_strf("Cookie: %s\r\nX-Console-Pass: 0123456789abcdef0123456789abcdef\r\n", t.cookie);
    const char *const headers[] = { "", cookie, pass, wrong };
    static const char *const paths[] = { "/api/ListJobs?%7B%7D", "/session", "/health", "/live" };
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
        for (size_t j = 0; j < ARRAY_SIZE(paths); j++)
            assert_int_equal(ask("GET", paths[j], headers[i], NULL), 401);
    assert_int_equal(fake_api_count(t.api), before);
}

static void an_ended_session_is_no_session(void **state)
{
    (void)state;
    fake_api_answers(t.api, 200,
                     "{\"accessKeyId\":\"A\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\","
                     "\"expiresAt\":1000}");
    assert_int_equal(post("/session", FORM), 200);
    const char *cookie = strstr(t.answer, "Set-Cookie: "), *pass = strstr(t.answer, "\"pass\":\"");
    (void)ob_text_copy(t.cookie, sizeof t.cookie, cookie + 12, strcspn(cookie + 12, ";"));
    (void)ob_text_copy(t.pass, sizeof t.pass, pass + 8, PASS_DIGITS);
    assert_int_equal(signed_in("GET", "/session", NULL), 401);
}

/* ---- what is passed on ----------------------------------------------------------------------- */

static void a_read_is_signed_with_the_session(void **state)
{
    (void)state;
    char request[8192];
    sign_in();
    fake_api_answers(t.api, 200, "{\"jobSummaryList\":[]}");
    assert_int_equal(signed_in("GET", "/api/ListJobs?%7B%22jobQueue%22%3A%22a%20b%22%7D", NULL),
                     200);
    fake_api_last(t.api, request, sizeof request);
    assert_non_null(strstr(request, "POST /v1/listjobs "));
    assert_non_null(strstr(request, "Credential=ASIANEW/"));
    assert_non_null(strstr(request, "X-Amz-Security-Token: made+token=="));
    assert_non_null(strstr(request, "x-amz-security-token"));
    assert_non_null(strstr(request, "\r\n\r\n{\"jobQueue\":\"a b\"}"));
    assert_null(strstr(request, "Cookie"));
    assert_non_null(strstr(t.answer, "{\"jobSummaryList\":[]}"));
}

static void what_has_not_changed_is_not_sent_again(void **state)
{
    (void)state;
    sign_in();
    fake_api_answers(t.api, 200, "{\"jobs\":[]}");
    assert_int_equal(signed_in("GET", "/api/DescribeJobs?%7B%7D", NULL), 200);
    const char *tag = strstr(t.answer, "ETag: ");
    char known[64];
    (void)ob_text_copy(known, sizeof known, tag + 6, strcspn(tag + 6, "\r"));
    ob_cleanup(ob_freep) char *headers = ob_strf(
        "Cookie: %s\r\nX-Console-Pass: %s\r\nIf-None-Match: %s\r\n", t.cookie, t.pass, known);
    assert_int_equal(ask("GET", "/api/DescribeJobs?%7B%7D", headers, NULL), 304);
    assert_null(strstr(t.answer, "jobs"));
    fake_api_answers(t.api, 200, "{\"jobs\":[1]}");
    assert_int_equal(ask("GET", "/api/DescribeJobs?%7B%7D", headers, NULL), 200);
}

static void only_operations_of_the_list_are_passed_on(void **state)
{
    (void)state;
    static const char *const others[] = {
        "CreateKey", "CreateSession", "PutKeyPolicy", "DeleteJobQueue", "listjobs",
        "",          "ListJobs/",     "../ListJobs",  "ListJobs%00",    "RegisterJobDefinition"
    };
    sign_in();
    int before = fake_api_count(t.api);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_null(allow_list_find(others[i]));
        ob_cleanup(ob_freep) char *path = ob_strf("/api/%s", others[i]);
        assert_int_equal(signed_in("POST", path, "{}"), 404);
    }
    assert_int_equal(fake_api_count(t.api), before);
}

static void a_change_is_never_a_get(void **state)
{
    (void)state;
    sign_in();
    int before = fake_api_count(t.api);
    assert_int_equal(signed_in("GET", "/api/TerminateJob?%7B%7D", NULL), 405);
    assert_int_equal(signed_in("POST", "/api/ListJobs", "{}"), 405);
    assert_int_equal(fake_api_count(t.api), before);
    char request[8192];
    fake_api_answers(t.api, 200, "{}");
    ob_cleanup(ob_freep) char *session = ob_strf(
        "Cookie: %s\r\nX-Console-Pass: %s\r\nX-Console-Once: 0199-ab\r\n", t.cookie, t.pass);
    ob_cleanup(ob_freep) char *headers = own_headers(session);
    assert_int_equal(ask("POST", "/api/SubmitJob", headers, "{\"jobName\":\"j\"}"), 200);
    fake_api_last(t.api, request, sizeof request);
    assert_non_null(strstr(request, "amz-sdk-invocation-id: 0199-ab\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"jobName\":\"j\"}"));
}

static void when_the_api_knows_the_session_no_more_the_page_signs_in_again(void **state)
{
    (void)state;
    sign_in();
    fake_api_answers(t.api, 403,
                     "{\"message\":\"The security token included in the request is invalid.\"}");
    assert_int_equal(signed_in("GET", "/api/ListJobs?%7B%7D", NULL), 401);
    fake_api_answers(t.api, 403, "{\"message\":\"User: x is not authorized to perform: y\"}");
    assert_int_equal(signed_in("GET", "/api/ListJobs?%7B%7D", NULL), 403);
    assert_non_null(strstr(t.answer, "is not authorized"));
}

/* ---- hostile requests ------------------------------------------------------------------------ */

static void every_answer_keeps_browsers_from_harm(void **state)
{
    (void)state;
    static const char *const paths[] = { "/", "/jobs?a=<script>", "/api/x", "/session",
                                         "/assets/x" };
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        (void)ask("GET", paths[i], "", NULL);
        assert_non_null(strstr(t.answer, "Content-Security-Policy: default-src 'self'; "));
        assert_non_null(strstr(t.answer, "frame-ancestors 'none'"));
        assert_non_null(strstr(t.answer, "X-Content-Type-Options: nosniff\r\n"));
        assert_null(strstr(t.answer, "<script>"));
    }
    assert_int_equal(ask("GET", "/job/whatever", "", NULL), 200);
    assert_non_null(strstr(t.answer, "the page"));
    assert_int_equal(ask("GET", "/assets/../index.html", "", NULL), 404);
    assert_int_equal(ask("POST", "/jobs", "", "x"), 405);
    assert_int_equal(ask("GET", "/", "If-None-Match: \"tag\"\r\n", NULL), 304);
}

static void garbage_ends_no_process(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /session HTTP/1.1\r\n\r\n",
        "GET /api/ListJobs?%ZZ%00%FF HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /live?queue=%FF&queue=&pass=x&=&&& HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\nConnection: close\r\n\r\n",
        "POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nCookie: ;;;=;=;a\r\nConnection: close\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        (void)raw(texts[i], strlen(texts[i]));
    ob_cleanup(ob_freep) char *text = ob_calloc(1, 32768);
    memset(text, 'A', 32000);
    (void)raw(text, 32000);
    assert_int_equal(ask("GET", "/", "", NULL), 200);
}

static void threads_get_the_files_that_they_need(void **state)
{
    (void)state;
    ob_error err = { 0 };
    struct rlimit before, little, after;
    stop_server(t.server, t.port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    little = (struct rlimit){ 64, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &little), 0);
    t.config.threads = 32;
    assert_int_equal(web_server_start(&t.c, &t.server, &err), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_max, before.rlim_max);
    assert_int_equal(ask("GET", "/", "", NULL), 200);
    stop_server(t.server, t.port);
    t.server = NULL;
    t.config.threads = 1LL << 40;
    assert_int_equal(web_server_start(&t.c, &t.server, &err), -EMFILE);
    assert_non_null(strstr(err.text, "OPENBATCH_CONSOLE_THREADS"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_stream_of_too_many_queues_is_refused(void **state)
{
    (void)state;
    sign_in();
    ob_cleanup(ob_freep) char *path = ob_calloc(1, 1024);
    size_t len = (size_t)sprintf(path, "/live?pass=%s", t.pass);
    for (int i = 0; i < 33; i++)
        len += (size_t)sprintf(path + len, "&queue=q%d", i);
    assert_int_equal(signed_in("GET", path, NULL), 400);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_used_once_to_make_a_session),
        TEST(a_refusal_of_the_api_is_told),
        TEST(credentials_that_cannot_be_signed_with_go_nowhere),
        TEST(a_deep_or_long_body_is_refused),
        TEST(under_tls_the_cookie_is_secure),
        TEST(two_copies_on_a_host_do_not_share_a_cookie),
        cmocka_unit_test(the_port_of_a_host_is_what_stands_behind_it),
        TEST(a_host_that_is_not_ours_is_refused),
        TEST(nobody_else_is_localhost),
        TEST(a_link_signs_in_once),
        TEST(only_our_own_pages_change_something),
        cmocka_unit_test(the_origin_is_that_of_the_host),
        TEST(without_cookie_and_pass_nothing_is_told),
        TEST(an_ended_session_is_no_session),
        TEST(a_read_is_signed_with_the_session),
        TEST(what_has_not_changed_is_not_sent_again),
        TEST(only_operations_of_the_list_are_passed_on),
        TEST(a_change_is_never_a_get),
        TEST(when_the_api_knows_the_session_no_more_the_page_signs_in_again),
        TEST(every_answer_keeps_browsers_from_harm),
        TEST(garbage_ends_no_process),
        TEST(threads_get_the_files_that_they_need),
        TEST(a_stream_of_too_many_queues_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
