/* The client of a Kubernetes cluster, with a fake one: what answers mean, whose token calls have,
 * and that a new token counts without a new start. */
#include "unit.h"

#include "kube_world.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/text.h"

#define PATIENCE_MS 20000

typedef struct told {
    int replies, freed, opened;
    ob_kube_answer kind;
    int status, retry_after_ms;
    char reason[64], message[512], name[64], data[64];
} told;

static void on_reply(const ob_kube_reply *reply, void *arg)
{
    told *t = arg;
    t->replies++;
    t->kind = reply->kind;
    t->status = reply->status;
    t->retry_after_ms = reply->retry_after_ms;
    (void)snprintf(t->reason, sizeof(t->reason), "%s", reply->reason);
    (void)snprintf(t->message, sizeof(t->message), "%s", reply->message);
    (void)snprintf(t->name, sizeof(t->name), "%s", ob_kube_meta(reply->json, "name"));
}

static void on_free(void *arg)
{
    ((told *)arg)->freed++;
}

static void on_open(void *arg)
{
    ((told *)arg)->opened++;
}

static bool on_data(const char *data, size_t len, void *arg)
{
    told *t = arg;
    (void)snprintf(t->data + strlen(t->data), sizeof(t->data) - strlen(t->data), "%.*s", (int)len,
                   data);
    return true;
}

static ob_kube_request get(told *t)
{
    return (ob_kube_request){ .method = "GET",
                              .path = "/api/v1/namespaces/ns/pods/p",
                              .timeout_s = 10,
                              .on_reply = on_reply,
                              .arg = t,
                              .free_arg = on_free };
}

static int begin(void **state)
{
    kube_world *w = ob_calloc(1, sizeof(*w));
    kube_world_begin(w);
    *state = w;
    return 0;
}

static int end(void **state)
{
    kube_world_end(*state);
    free(*state);
    return 0;
}

static void wait_reply(kube_world *w, const told *t)
{
    int64_t end_ms = ob_mono_ms() + PATIENCE_MS;
    while (!t->replies) {
        assert_true(ob_mono_ms() < end_ms);
        kube_world_step(w);
    }
    assert_int_equal(t->replies, 1);
    assert_int_equal(t->freed, 1);
}

/* One GET that is answered so. */
static told ask(kube_world *w, int status, const char *header, const char *body)
{
    told t = { 0 };
    ob_kube_request request = get(&t);
    size_t n = w->server.n;
    (void)ob_kube_send(w->k, OB_POINT_NONE, &request);
    kube_world_wait(w, n + 1);
    fake_kube_answer(&w->server, n, status, header, body);
    wait_reply(w, &t);
    return t;
}

#define STATUS(reason, message)                                                                    \
    "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"" reason "\",\"message\":\"" message \
    "\"}"

static void each_answer_has_its_meaning(void **state)
{
    static const struct {
        int status;
        const char *body;
        ob_kube_answer kind;
    } answers[] = {
        { 200, "{\"metadata\":{\"name\":\"p\"}}", OB_KUBE_OK },
        { 201, "{\"metadata\":{\"name\":\"p\"}}", OB_KUBE_OK },
        { 404, STATUS("NotFound", "pods p not found"), OB_KUBE_NOT_FOUND },
        { 409, STATUS("AlreadyExists", "pods p already exists"), OB_KUBE_EXISTS },
        { 409, STATUS("Conflict", "the UID in the precondition"), OB_KUBE_CONFLICT },
        { 410, STATUS("Expired", "too old resource version"), OB_KUBE_EXPIRED },
        { 401, STATUS("Unauthorized", "Unauthorized"), OB_KUBE_UNAUTHORIZED },
        { 403, STATUS("Forbidden", "pods is forbidden: User \\\"x\\\" cannot create resource"),
          OB_KUBE_FORBIDDEN },
        { 403, "<html>a proxy says no</html>", OB_KUBE_FORBIDDEN },
        { 403, STATUS("Forbidden", "pods \\\"p\\\" is forbidden: exceeded quota: q, requested"),
          OB_KUBE_QUOTA },
        { 403, STATUS("Forbidden", "pods \\\"p\\\" is forbidden: violates PodSecurity"),
          OB_KUBE_REFUSED },
        { 403, STATUS("Forbidden", "admission webhook \\\"w\\\" denied the request"),
          OB_KUBE_REFUSED },
        { 422, STATUS("Invalid", "Pod p is invalid"), OB_KUBE_INVALID },
        { 400, STATUS("BadRequest", "container is waiting to start"), OB_KUBE_INVALID },
        { 429, STATUS("TooManyRequests", "again later"), OB_KUBE_THROTTLED },
        { 500, STATUS("InternalError", "etcdserver: leader changed"), OB_KUBE_SERVER },
        { 503, "no server", OB_KUBE_SERVER },
    };
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        told t = ask(*state, answers[i].status, "", answers[i].body);
        assert_int_equal(t.status, answers[i].status);
        assert_int_equal(t.kind, answers[i].kind);
        if (t.kind == OB_KUBE_OK)
            assert_string_equal(t.name, "p");
        assert_int_equal(!t.message[0], t.kind == OB_KUBE_OK);
        assert_string_not_equal(ob_kube_answer_name(t.kind), "unknown");
    }
}

static void a_refusal_is_told_with_its_words(void **state)
{
    told t = ask(*state, 404, "", STATUS("NotFound", "pods p not found"));
    assert_string_equal(t.reason, "NotFound");
    assert_string_equal(t.message, "pods p not found");
    t = ask(*state, 503, "", "no server");
    assert_string_equal(t.message, "status 503: no server");
}

static void what_should_be_json_and_is_not_is_an_error_of_the_server(void **state)
{
    told t = ask(*state, 200, "", "{\"metadata\":");
    assert_int_equal(t.kind, OB_KUBE_SERVER);
    assert_string_equal(t.message, "the answer is not JSON");
}

static void the_rest_that_a_server_asks_for_is_told(void **state)
{
    told t = ask(*state, 429, "Retry-After: 3\r\n", STATUS("TooManyRequests", "later"));
    assert_int_equal(t.retry_after_ms, 3000);
    t = ask(*state, 429, "", "{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":2}}");
    assert_int_equal(t.retry_after_ms, 2000);
    t = ask(*state, 429, "Retry-After: 99999999\r\n", "{}");
    assert_int_equal(t.retry_after_ms, 3600 * 1000);
}

static void an_answer_that_breaks_is_no_answer(void **state)
{
    kube_world *w = *state;
    told t = { 0 };
    ob_kube_request request = get(&t);
    (void)ob_kube_send(w->k, OB_POINT_NONE, &request);
    kube_world_wait(w, 1);
    fake_kube_begin(&w->server, 0);
    fake_kube_part(&w->server, 0, "{\"me", 4);
    fake_kube_cut(&w->server, 0);
    wait_reply(w, &t);
    assert_int_equal(t.kind, OB_KUBE_UNREACHABLE);
    assert_int_equal(t.status, 0);
    assert_string_not_equal(t.message, "");
    /* Nothing listens any more. */
    fake_kube_deafen(&w->server);
    t = (told){ 0 };
    (void)ob_kube_send(w->k, OB_POINT_NONE, &request);
    wait_reply(w, &t);
    assert_int_equal(t.kind, OB_KUBE_UNREACHABLE);
}

static void a_stream_is_told_in_parts_and_its_refusal_as_a_whole(void **state)
{
    kube_world *w = *state;
    told t = { 0 };
    ob_kube_request request = get(&t);
    request.text = true;
    request.on_data = on_data;
    request.on_open = on_open;
    (void)ob_kube_send(w->k, OB_POINT_NONE, &request);
    kube_world_wait(w, 1);
    fake_kube_begin(&w->server, 0);
    fake_kube_part(&w->server, 0, "one ", 4);
    kube_world_settle(w);
    assert_string_equal(t.data, "one ");
    fake_kube_part(&w->server, 0, "two", 3);
    fake_kube_end(&w->server, 0);
    wait_reply(w, &t);
    assert_int_equal(t.kind, OB_KUBE_OK);
    assert_string_equal(t.data, "one two");
    assert_int_equal(t.opened, 1);
    t = (told){ 0 };
    (void)ob_kube_send(w->k, OB_POINT_NONE, &request);
    kube_world_wait(w, 2);
    fake_kube_answer(&w->server, 1, 400, "", STATUS("BadRequest", "waiting to start"));
    wait_reply(w, &t);
    assert_int_equal(t.opened, 0);
    assert_int_equal(t.kind, OB_KUBE_INVALID);
    assert_string_equal(t.message, "waiting to start");
    assert_string_equal(t.data, "");
}

static void a_request_carries_its_token_query_and_body(void **state)
{
    kube_world *w = *state;
    told t = { 0 };
    json_auto_t *body = json_pack("{s:i}", "gracePeriodSeconds", 3);
    ob_kube_request request = get(&t);
    request.method = "PATCH";
    request.query = "a=b";
    request.json = body;
    request.type = OB_KUBE_MERGE_PATCH;
    (void)ob_kube_send(w->k, OB_POINT_EXECUTOR_PULL, &request);
    kube_world_wait(w, 1);
    const fake_kube_request *r = &w->server.requests[0];
    assert_string_equal(r->method, "PATCH");
    assert_string_equal(r->target, "/api/v1/namespaces/ns/pods/p?a=b");
    assert_string_equal(r->body, "{\"gracePeriodSeconds\":3}");
    assert_non_null(strstr(r->head, "Content-Type: application/merge-patch+json\r\n"));
    assert_non_null(strstr(r->head, "Authorization: Bearer first\r\n"));
}

static void a_new_token_counts_once_the_old_one_is_refused(void **state)
{
    kube_world *w = *state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/token", w->server.dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    (void)fprintf(f, "second\n");
    (void)fclose(f);
    fake_kube_write(&w->server, "\"token\":\"first\",\"tokenFile\":\"token\"");
    told t = ask(w, 401, "", STATUS("Unauthorized", "Unauthorized"));
    assert_int_equal(t.kind, OB_KUBE_UNAUTHORIZED);
    assert_non_null(strstr(w->server.requests[0].head, "Bearer first\r\n"));
    t = ask(w, 200, "", "{}");
    assert_non_null(strstr(w->server.requests[1].head, "Bearer second\r\n"));
    /* A file that cannot be read: the old token counts, and a refusal says so. */
    (void)unlink(path);
    (void)ask(w, 401, "", STATUS("Unauthorized", "Unauthorized"));
    t = ask(w, 401, "", STATUS("Unauthorized", "Unauthorized"));
    assert_non_null(strstr(w->server.requests[3].head, "Bearer second\r\n"));
    assert_non_null(strstr(t.message, "/token: "));
}

static void what_goes_into_a_path_is_escaped(void **state)
{
    (void)state;
    ob_cleanup(ob_freep) char *text = ob_text_url_encode("a/b=c,d e\xc3\xa9-._~%");
    assert_string_equal(text, "a%2Fb%3Dc%2Cd%20e%C3%A9-._~%25");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(each_answer_has_its_meaning),
        T(a_refusal_is_told_with_its_words),
        T(what_should_be_json_and_is_not_is_an_error_of_the_server),
        T(the_rest_that_a_server_asks_for_is_told),
        T(an_answer_that_breaks_is_no_answer),
        T(a_stream_is_told_in_parts_and_its_refusal_as_a_whole),
        T(a_request_carries_its_token_query_and_body),
        T(a_new_token_counts_once_the_old_one_is_refused),
        cmocka_unit_test(what_goes_into_a_path_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
