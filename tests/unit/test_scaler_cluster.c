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
    const char *left; /* a list of the environment's own pods */
    int left_status;
    size_t lists, deletions, patches; /* of these */
    char body[512];                   /* of the last change */
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

#define POD(uid, cpu)                                                                              \
    "{\"metadata\":{\"name\":\"" uid "\",\"namespace\":\"jobs\",\"uid\":\"" uid                    \
    "\"},\"spec\":{\"nodeName\":\"node-1\",\"containers\":[{\"resources\":{\"requests\":"          \
    "{\"cpu\":\"" cpu "\"}}}]},\"status\":{\"phase\":\"Running\"}}"
/* Of the environment. */
#define OWN_POD(deletion, finalizers, phase)                                                       \
    "{\"metadata\":{\"name\":\"p\",\"namespace\":\"jobs\",\"uid\":\"u-1\",\"resourceVersion\":"    \
    "\"7\"," deletion "\"finalizers\":[" finalizers "]},\"spec\":{\"nodeName\":\"node-1\"},"       \
    "\"status\":{\"phase\":\"" phase "\"}}"
#define DELETED "\"deletionTimestamp\":\"2026-12-03T06:00:00Z\",\"deletionGracePeriodSeconds\":30,"
#define FORCED "\"deletionTimestamp\":\"2026-12-03T06:00:00Z\",\"deletionGracePeriodSeconds\":0,"
#define OURS "\"openbatch.io/run\""

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* About the environment's own pods. Returns whether the request was. */
static bool answer_own(world *w, fake_kube *f, size_t request)
{
    const fake_kube_request *q = &f->requests[request];
    bool deletes = !strcmp(q->method, "DELETE"), patches = !strcmp(q->method, "PATCH");
    if (deletes || patches) {
        *(deletes ? &w->deletions : &w->patches) += 1;
        assert_true(begins(q->target, "/api/v1/namespaces/jobs/pods/p"));
        (void)snprintf(w->body, sizeof(w->body), "%s", q->body);
        fake_kube_answer(f, request, 200, "", "{}");
    } else if (strstr(q->target, "/pods?") && !strstr(q->target, "%21%3D")) {
        bool all = begins(q->target, "/api/v1/pods?");
        w->lists++;
        fake_kube_answer(f, request, all ? w->left_status : 200, "", w->left);
    } else {
        return false;
    }
    return true;
}

static void answer(fake_kube *f, size_t request, void *arg)
{
    world *w = arg;
    const char *target = f->requests[request].target;
    bool watches = strstr(target, "watch=true");
    if (answer_own(w, f, request))
        return;
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
    w->pods_status = w->left_status = 200;
    w->pods = w->left = LIST("");
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
    const node_seen *const *nodes = kube_environment_nodes(w->k, &n);
    assert_true(n <= 1);
    return n ? nodes[0] : NULL;
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

static bool has_load(const world *w)
{
    return the_node(w) && the_node(w)->load_known;
}

static void what_others_request_follows_their_pods(void **state)
{
    world *w = *state;
    w->pods = LIST(POD("a", "1"));
    pass_until(w, has_load, 60000);
    assert_int_equal(the_node(w)->load.mcpu, 1000);
    pass(w, 1000);
    fake_kube_line(&w->server, w->pod_watch, "{\"type\":\"ADDED\",\"object\":" POD("b", "2") "}");
    pass(w, 1000);
    assert_int_equal(the_node(w)->load.mcpu, 3000);
    fake_kube_line(&w->server, w->pod_watch, "{\"type\":\"DELETED\",\"object\":" POD("a", "1") "}");
    pass(w, 1000);
    assert_int_equal(the_node(w)->load.mcpu, 2000);
}

/* ---- After the environment ---- */

static const char *stays; /* why something does */

static bool cleared_within(world *w, int64_t ms)
{
    bool done = false;
    for (int64_t end_ms = w->now_ms + ms; !done && w->now_ms < end_ms;) {
        done = kube_environment_clear(w->k, w->now_ms, &stays);
        pass(w, 1000);
    }
    return done;
}

static void nothing_is_left_of_most_environments(void **state)
{
    world *w = *state;
    pass_until(w, is_valid, 60000);
    assert_true(cleared_within(w, 5000));
    assert_null(stays);
    assert_int_equal(w->deletions + w->patches, 0);
}

static void what_is_left_is_deleted_and_let_go(void **state)
{
    world *w = *state;
    pass_until(w, is_valid, 60000);
    w->left = LIST(OWN_POD("", OURS, "Running"));
    assert_false(cleared_within(w, 3000));
    assert_true(w->deletions > 0);
    assert_non_null(strstr(w->body, "\"uid\":\"u-1\""));
    assert_non_null(strstr(w->body, "\"gracePeriodSeconds\":30"));
    size_t deletions = w->deletions;
    w->left = LIST(OWN_POD(DELETED, OURS, "Running"));
    assert_false(cleared_within(w, 4000));
    assert_int_equal(w->patches, 0); /* it may come to its end */
    w->left = LIST(OWN_POD(DELETED, OURS ",\"other\"", "Running"));
    assert_false(cleared_within(w, 8000));
    assert_true(w->patches > 0);
    assert_non_null(strstr(w->body, "\"finalizers\":[\"other\"]"));
    assert_non_null(strstr(w->body, "\"resourceVersion\":\"7\""));
    assert_int_equal(w->deletions, deletions);
    w->left = LIST("");
    assert_true(cleared_within(w, 5000));
    assert_null(stays);
}

static void a_pod_of_a_dead_node_is_not_waited_for(void **state)
{
    world *w = *state;
    pass_until(w, is_valid, 60000);
    w->left = LIST(OWN_POD(DELETED, "", "Running"));
    assert_false(cleared_within(w, 30000));
    assert_true(cleared_within(w, 20000));
    assert_int_equal(w->deletions + w->patches, 0);
}

static void a_pod_that_would_be_forgotten_is_held_until_its_end(void **state)
{
    world *w = *state;
    pass_until(w, is_valid, 60000);
    w->left = LIST(OWN_POD(FORCED, OURS, "Running"));
    assert_false(cleared_within(w, 60000));
    assert_int_equal(w->patches, 0);
    w->left = LIST(OWN_POD(FORCED, OURS, "Failed"));
    assert_false(cleared_within(w, 3000));
    assert_true(w->patches > 0);
}

static void without_the_right_to_all_pods_the_namespace_is_cleared(void **state)
{
    world *w = *state;
    pass_until(w, is_valid, 60000);
    w->left_status = 403;
    assert_true(cleared_within(w, 10000));
    assert_null(stays);
    assert_int_equal(w->lists, 2);
}

static void what_cannot_be_removed_stays(void **state)
{
    world *w = *state;
    pass_until(w, is_valid, 60000);
    w->left = LIST(OWN_POD(FORCED, OURS, "Running"));
    assert_false(cleared_within(w, 290000));
    assert_true(cleared_within(w, 20000));
    assert_string_equal(stays, "its pods do not end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_environment_is_valid_again_when_pods_may_be_read_again,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_node_is_asked_before_it_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(a_node_that_is_not_ready_when_asked_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(what_others_request_follows_their_pods, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_left_of_most_environments, begin, end),
        cmocka_unit_test_setup_teardown(what_is_left_is_deleted_and_let_go, begin, end),
        cmocka_unit_test_setup_teardown(a_pod_of_a_dead_node_is_not_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(a_pod_that_would_be_forgotten_is_held_until_its_end, begin,
                                        end),
        cmocka_unit_test_setup_teardown(without_the_right_to_all_pods_the_namespace_is_cleared,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_removed_stays, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
