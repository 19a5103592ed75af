/* What an environment knows of its cluster, and whether it can be used, by a clock of the test's
 * own. */
#include "unit.h"

#include "fake_kube.h"
#include "ob/clock.h"
#include "providers/kubernetes/kube_environment.h"

#define PATIENCE_MS 20000
#define STEPS 200 /* without a request: the client waits for its clock */
#define UUID "8f7d0a3e-0000-4000-8000-000000000001"

typedef struct world {
    fake_kube server;
    kube_environment *k;
    int64_t now_ms;
    int pods_status; /* of an answer to a list of pods */
    const char *pods;
    int node_status; /* of an answer to a question for one node */
    const char *node, *nodes;
    size_t node_watch, pod_watch; /* the last requests; 0: none */
    size_t asked_nodes;
} world;

#define NODE(ready)                                                                                \
    "{\"metadata\":{\"name\":\"node-1\",\"uid\":\"aa-1\",\"labels\":"                              \
    "{\"batch.amazonaws.com/compute-environment-uuid\":\"" UUID "\"}},"                            \
    "\"status\":{\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\"},"                              \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define LIST(items) "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[" items "]}"
#define FORBIDDEN                                                                                  \
    "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"pods is "                         \
    "forbidden\",\"code\":403}"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void answer(fake_kube *f, size_t request, void *arg)
{
    world *w = arg;
    const char *target = f->requests[request].target;
    bool watches = strstr(target, "watch=true");
    if (begins(target, "/version")) {
        fake_kube_answer(f, request, 200, "", "{\"major\":\"1\",\"minor\":\"35\"}");
    } else if (begins(target, "/api/v1/namespaces/")) {
        fake_kube_answer(f, request, 200, "", "{}");
    } else if (begins(target, "/apis/authorization")) {
        fake_kube_answer(f, request, 201, "", "{\"status\":{\"allowed\":true}}");
    } else if (begins(target, "/api/v1/nodes/")) {
        w->asked_nodes++;
        if (w->node_status)
            fake_kube_answer(f, request, w->node_status, "", w->node);
    } else if (begins(target, "/api/v1/nodes?") && watches) {
        w->node_watch = request;
        fake_kube_begin(f, request);
    } else if (begins(target, "/api/v1/nodes?")) {
        fake_kube_answer(f, request, 200, "", w->nodes);
    } else if (watches) {
        w->pod_watch = request;
        fake_kube_begin(f, request);
    } else {
        assert_true(begins(target, "/api/v1/pods?"));
        fake_kube_answer(f, request, w->pods_status, "", w->pods);
    }
}

static int begin(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    fake_kube_open(&w->server);
    w->server.on_request = answer;
    w->server.arg = w;
    w->pods_status = 200;
    w->pods = LIST("");
    w->nodes = LIST(NODE("True"));
    w->now_ms = ob_mono_ms();
    w->k = kube_environment_new(&(kube_environment_options){ .dir = w->server.dir,
                                                             .cluster = FAKE_KUBE_ARN,
                                                             .kube_namespace = "jobs",
                                                             .uuid = UUID,
                                                             .lost_ms = 60000 });
    *state = w;
    return 0;
}

static int end(void **state)
{
    world *w = *state;
    kube_environment_free(w->k);
    fake_kube_close(&w->server);
    free(w);
    return 0;
}

/* Time passes, and all that is said then is heard. */
static void pass(world *w, int64_t ms)
{
    w->now_ms += ms;
    for (int quiet = 0; quiet < STEPS; quiet++) {
        size_t n = w->server.n;
        kube_environment_step(w->k, w->now_ms);
        if (fake_kube_serve(&w->server) > n)
            quiet = 0;
    }
}

static bool is_invalid(const world *w)
{
    return kube_environment_checked(w->k) && kube_environment_invalid(w->k);
}

static bool is_valid(const world *w)
{
    return kube_environment_checked(w->k) && !kube_environment_invalid(w->k);
}

/* Until something is true, within a time of the test's clock. */
static void pass_until(world *w, bool (*is)(const world *w), int64_t within_ms)
{
    int64_t end_ms = w->now_ms + within_ms, real_end_ms = ob_mono_ms() + PATIENCE_MS;
    while (!is(w)) {
        assert_true(w->now_ms < end_ms && ob_mono_ms() < real_end_ms);
        pass(w, 200);
    }
}

static void an_environment_is_valid_again_when_pods_may_be_read_again(void **state)
{
    world *w = *state;
    w->pods_status = 403;
    w->pods = FORBIDDEN;
    pass_until(w, is_invalid, 60000);
    assert_non_null(strstr(kube_environment_invalid(w->k), "pods is forbidden"));
    w->pods_status = 200;
    w->pods = LIST("");
    pass_until(w, is_valid, 60000);
    pass(w, 1000);
    assert_true(is_valid(w));
}

static const node_seen *the_node(const world *w)
{
    size_t n;
    const node_seen *nodes = kube_environment_nodes(w->k, &n);
    assert_true(n <= 1);
    return n ? nodes : NULL;
}

static void pass_for(world *w, int64_t ms)
{
    for (int64_t end_ms = w->now_ms + ms; w->now_ms < end_ms;) {
        kube_environment_want(w->k, "node-1", "aa-1");
        pass(w, 500);
    }
}

static bool has_node(const world *w)
{
    return the_node(w);
}

static void a_node_is_asked_before_it_is_lost(void **state)
{
    world *w = *state;
    w->nodes = LIST(NODE("Unknown"));
    pass_until(w, has_node, 60000);
    pass_for(w, 58000);
    assert_int_equal(w->asked_nodes, 0);
    assert_false(the_node(w)->facts.ready || the_node(w)->sure);
    /* It does not answer: nobody knows. */
    w->node_status = 503;
    w->node = "{}";
    pass_for(w, 5000);
    assert_true(w->asked_nodes > 0 && w->asked_nodes < 5);
    assert_true(the_node(w)->not_ready_ms >= 60000 && !the_node(w)->sure);
    /* It is Ready: the watch has heard nothing, and is begun anew. */
    size_t watch = w->node_watch;
    w->node_status = 200;
    w->node = NODE("True");
    w->nodes = LIST(NODE("True"));
    pass_for(w, 3000);
    assert_true(the_node(w)->facts.ready && the_node(w)->not_ready_ms == 0);
    assert_true(w->node_watch > watch);
}

static void a_node_that_is_not_ready_when_asked_is_lost(void **state)
{
    world *w = *state;
    w->node_status = 200;
    w->nodes = LIST(NODE("False"));
    w->node = NODE("False");
    pass_until(w, has_node, 60000);
    pass_for(w, 63000);
    assert_int_equal(w->asked_nodes, 1);
    assert_true(the_node(w)->sure && the_node(w)->not_ready_ms >= 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_environment_is_valid_again_when_pods_may_be_read_again,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_node_is_asked_before_it_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(a_node_that_is_not_ready_when_asked_is_lost, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
