/* Nodes of Kubernetes: their objects, what pods request there, and what becomes of them. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "providers/kubernetes/node_decide.h"
#include "providers/kubernetes/node_load.h"
#include "providers/kubernetes/node_quantity.h"

#define UUID "8f7d0a3e-0000-4000-8000-000000000001"
#define MINE "i-00000000000000001"
#define OTHER "i-00000000000000002"
#define GIB (1024LL * 1024 * 1024)

/* ---- Quantities ---- */

static void quantities_are_read_as_kubernetes_writes_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t down, up; /* in thousandths */
    } cases[] = {
        { "0", 0, 0 },
        { "100m", 100, 100 },
        { "2", 2000, 2000 },
        { "1.5", 1500, 1500 },
        { ".5", 500, 500 },
        { "1e3", 1000000, 1000000 },
        { "1E3", 1000000, 1000000 },
        { "1e-3", 1, 1 },
        { "+4", 4000, 4000 },
        { "2Gi", 2 * GIB * 1000, 2 * GIB * 1000 },
        { "1.5Ki", 1536000, 1536000 },
        { "128974848", 128974848000, 128974848000 },
        { "129M", 129000000000, 129000000000 },
        { "1k", 1000000, 1000000 },
        { "1u", 0, 1 },
        { "1500n", 0, 1 },
        { "0.0000000000000000000001", 0, 1 },
        { "000000000000000000000000012", 12000, 12000 },
        { "0.1000000000000000000000000000000000000", 100, 100 },
        { "1E", INT64_MAX, INT64_MAX },
        { "999999999999999999999999999", INT64_MAX, INT64_MAX },
        { "16Ei", INT64_MAX, INT64_MAX },
        { "1e99999999999", INT64_MAX, INT64_MAX },
        { "1e-99999999999", 0, 1 },
        { "0e99", 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t value = -1;
        assert_true(node_quantity(cases[i].text, false, &value));
        assert_int_equal(value, cases[i].down);
        assert_true(node_quantity(cases[i].text, true, &value));
        assert_int_equal(value, cases[i].up);
    }
}

static void what_is_no_quantity_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",   ".",   "m",    "-1",   "1 ",  " 1",    "1K",   "1mi",
                                       "1e", "1e+", "1e3x", "0x10", "1,5", "1.5.2", "1Gib", "e3" };
    int64_t value = 7;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(node_quantity(bad[i], false, &value));
    assert_false(node_quantity(NULL, false, &value));
    assert_int_equal(value, 7);
}

/* ---- Node objects ---- */

#define META                                                                                       \
    "\"metadata\": {\"name\": \"node-1\", \"uid\": \"aa-1\", \"labels\": {\"" NODE_LABEL           \
    "\": \"" UUID "\"}}"
#define STATUS(ready)                                                                              \
    "\"status\": {\"allocatable\": {\"cpu\": \"3920m\", \"memory\": \"7Gi\", \"nvidia.com/gpu\": " \
    "\"2\"}, \"conditions\": [{\"type\": \"MemoryPressure\", \"status\": \"False\"}, "             \
    "{\"type\": \"Ready\", \"status\": \"" ready "\"}]}"

static bool read_node(const char *text, node_facts *ret)
{
    json_auto_t *node = ob_json_read_text(text);
    assert_non_null(node);
    return node_facts_read(node, UUID, ret);
}

static void a_node_says_its_state_and_its_size(void **state)
{
    (void)state;
    node_facts f;
    assert_true(read_node("{" META ", " STATUS("True") "}", &f));
    assert_string_equal(f.name, "node-1");
    assert_string_equal(f.uid, "aa-1");
    assert_true(f.labelled && f.ready && !f.cordoned && !f.out_of_service);
    assert_int_equal(f.taint, NODE_TAINT_NONE);
    assert_int_equal(f.allocatable.mcpu, 3920);
    assert_int_equal(f.allocatable.mem_bytes, 7 * GIB);
    assert_int_equal(f.allocatable.gpus, 2);
    ob_resources size = node_facts_size(&f, &(node_amount){ .mcpu = 20, .mem_bytes = 1 });
    assert_int_equal(size.mcpu, 3900);
    assert_int_equal(size.mem_mib, 7 * 1024 - 1); /* whole MiB that are free */
    assert_int_equal(size.gpus, 2);
    size = node_facts_size(&f, &(node_amount){ .mcpu = 9999, .mem_bytes = INT64_MAX, .gpus = 3 });
    assert_int_equal(size.mcpu + size.mem_mib + size.gpus, 0);
}

static void a_node_that_is_not_ready_is_known(void **state)
{
    (void)state;
    node_facts f;
    assert_true(read_node("{" META ", " STATUS("Unknown") "}", &f));
    assert_false(f.ready);
    assert_true(read_node("{" META ", \"status\": {}}", &f));
    assert_false(f.ready);
    assert_int_equal(f.allocatable.mcpu, 0);
}

static void cordons_labels_and_taints_are_read(void **state)
{
    (void)state;
    node_facts f;
    assert_true(read_node("{" META ", \"spec\": {\"unschedulable\": true}}", &f));
    assert_true(f.cordoned);
    assert_true(
        read_node("{\"metadata\": {\"name\": \"n\", \"uid\": \"u\", \"labels\": {\"" NODE_LABEL
                  "\": \"another\"}, \"deletionTimestamp\": \"2026-01-01T00:00:00Z\"}}",
                  &f));
    assert_true(f.cordoned);
    assert_false(f.labelled);
#define TAINTED(key, effect)                                                                       \
    "{" META ", \"spec\": {\"taints\": [{\"key\": \"" key "\", \"effect\": \"" effect "\"}]}}"
    static const struct {
        const char *text;
        node_taint taint;
        bool out;
    } cases[] = {
        { TAINTED("batch.amazonaws.com/batch-node", "NoSchedule"), NODE_TAINT_NONE, false },
        { TAINTED("team", "PreferNoSchedule"), NODE_TAINT_NONE, false },
        { TAINTED("team", "NoSchedule"), NODE_TAINT_LASTING, false },
        { TAINTED("team", "NoExecute"), NODE_TAINT_LASTING, false },
        { TAINTED("node.kubernetes.io/disk-pressure", "NoSchedule"), NODE_TAINT_PASSING, false },
        { TAINTED("node.kubernetes.io/out-of-service", "NoExecute"), NODE_TAINT_NONE, true },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_true(read_node(cases[i].text, &f));
        assert_int_equal(f.taint, cases[i].taint);
        assert_int_equal(f.out_of_service, cases[i].out);
    }
}

static void a_node_without_a_valid_name_is_no_node(void **state)
{
    (void)state;
    node_facts f;
    assert_false(read_node("{}", &f));
    assert_false(read_node("{\"metadata\": {\"name\": \"a\"}}", &f));
    assert_false(read_node("{\"metadata\": {\"name\": \"a/../b\", \"uid\": \"u\"}}", &f));
    assert_false(read_node("{\"metadata\": {\"name\": \"a\", \"uid\": \"u'\\n\"}}", &f));
    assert_false(read_node("{\"metadata\": [], \"spec\": 3, \"status\": \"\"}", &f));
}

/* ---- Requests of pods ---- */

static node_amount pod_load(const char *spec)
{
    ob_cleanup(ob_freep) char *text = ob_strf("{\"spec\": %s}", spec);
    json_auto_t *pod = ob_json_read_text(text);
    assert_non_null(pod);
    return node_load_of_pod(pod);
}

#define ASKS(cpu, memory)                                                                          \
    "\"resources\": {\"requests\": {\"cpu\": \"" cpu "\", \"memory\": \"" memory "\"}}"

static void a_pod_requests_what_kubernetes_counts(void **state)
{
    (void)state;
    node_amount a =
        pod_load("{\"containers\": [{" ASKS("100m", "1Gi") "}, {" ASKS("1", "1Gi") "}, {}]}");
    assert_int_equal(a.mcpu, 1100);
    assert_int_equal(a.mem_bytes, 2 * GIB);
    /* The largest init container, by each resource. */
    a = pod_load("{\"initContainers\": [{" ASKS("3", "1Gi") "}, {" ASKS(
        "1", "4Gi") "}], "
                    "\"containers\": [{" ASKS("2", "2Gi") "}]}");
    assert_int_equal(a.mcpu, 3000);
    assert_int_equal(a.mem_bytes, 4 * GIB);
    /* One that runs on counts beside all that follow it. */
    a = pod_load("{\"initContainers\": [{\"restartPolicy\": \"Always\", " ASKS(
        "1", "1Gi") "}, {" ASKS("3", "1Gi") "}], \"containers\": [{" ASKS("2", "1Gi") "}]}");
    assert_int_equal(a.mcpu, 4000);
    assert_int_equal(a.mem_bytes, 2 * GIB);
    a = pod_load("{\"overhead\": {\"cpu\": \"250m\"}, \"containers\": [{" ASKS("2", "1Gi") "}]}");
    assert_int_equal(a.mcpu, 2250);
    /* What is requested for the pod as a whole stands instead. */
    a = pod_load("{\"resources\": {\"requests\": {\"cpu\": \"5\"}}, \"containers\": [{" ASKS(
        "2", "1Gi") "}]}");
    assert_int_equal(a.mcpu, 5000);
    assert_int_equal(a.mem_bytes, GIB);
    a = pod_load("{\"containers\": [{" ASKS("16Ei", "16Ei") "}, {" ASKS("16Ei", "16Ei") "}]}");
    assert_int_equal(a.mcpu, INT64_MAX);
    a = pod_load("{\"containers\": {\"a\": 1}, \"initContainers\": [3, null, []]}");
    assert_int_equal(a.mcpu, 0);
}

static void add_pod(node_load *load, const char *node, const char *instance, const char *phase)
{
    ob_cleanup(ob_freep) char *text = ob_strf(
        "{\"metadata\": {\"labels\": {\"" NODE_LABEL_INSTANCE
        "\": \"%s\"}}, \"status\": {\"phase\": "
        "\"%s\"}, \"spec\": {\"nodeName\": \"%s\", \"containers\": [{" ASKS("1", "1Gi") "}]}}",
        instance, phase, node);
    json_auto_t *pod = ob_json_read_text(text);
    node_load_add(load, pod);
}

static void pods_of_others_are_summed_by_node(void **state)
{
    (void)state;
    node_load *load = node_load_new();
    add_pod(load, "node-1", "", "Running");
    add_pod(load, "node-1", "no instance", "Pending");
    add_pod(load, "node-1", MINE, "Running");
    add_pod(load, "node-1", OTHER, "Running");
    add_pod(load, "node-1", "", "Succeeded");
    add_pod(load, "node-1", "", "Failed");
    add_pod(load, "node-2", "", "Running");
    add_pod(load, "", "", "Pending");
    assert_int_equal(node_load_of_others(load, "node-1", MINE).mcpu, 3000);
    assert_int_equal(node_load_of_others(load, "node-1", "").mcpu, 4000);
    assert_int_equal(node_load_of_others(load, "node-2", MINE).mem_bytes, GIB);
    assert_int_equal(node_load_of_others(load, "node-3", MINE).mcpu, 0);
    node_load_free(load);
    node_load_free(NULL);
}

/* ---- Decisions ---- */

static node_seen nodes[2];
static node_instance instances[2];
static node_view view;
static node_step steps[4];

/* A node that is good, and an instance on it. */
static void begin(size_t n_instances)
{
    node_facts f;
    assert_true(read_node("{" META ", " STATUS("True") "}", &f));
    nodes[0] = (node_seen){ .facts = f, .load_known = true, .load = { .mcpu = 920 } };
    instances[0] = (node_instance){ .id = MINE,
                                    .node_uid = "aa-1",
                                    .state = OB_INSTANCE_ACTIVE,
                                    .size = { 3000, 7 * 1024, 2 },
                                    .load_known = true,
                                    .others = { .mcpu = 920 } };
    view = (node_view){ .nodes = nodes,
                        .n_nodes = 1,
                        .instances = instances,
                        .n_instances = n_instances,
                        .joins = true,
                        .lost_ms = 60000 };
}

static void a_good_node_joins_once(void **state)
{
    (void)state;
    begin(0);
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_JOINS);
    assert_int_equal(steps[0].size.mcpu, 3000);
    assert_int_equal(steps[0].size.mem_mib, 7 * 1024);
    assert_int_equal(steps[0].size.gpus, 2);
    begin(1);
    assert_int_equal(node_decide(&view, steps), 0);
    /* Not before its lost instance has ended. */
    instances[0].state = OB_INSTANCE_LOST;
    assert_int_equal(node_decide(&view, steps), 0);
    /* Another node object of the same name is another node. */
    begin(1);
    instances[0].node_uid = "aa-0";
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_JOINS);
}

static void a_node_that_takes_no_pods_does_not_join(void **state)
{
    (void)state;
    bool *const bad[] = { &nodes[0].gone, &nodes[0].facts.cordoned,
                          &nodes[0].facts.out_of_service };
    bool *const good[] = { &view.joins, &nodes[0].facts.ready, &nodes[0].facts.labelled };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        begin(0);
        *bad[i] = true;
        assert_int_equal(node_decide(&view, steps), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        begin(0);
        *good[i] = false;
        assert_int_equal(node_decide(&view, steps), 0);
    }
    begin(0);
    nodes[0].facts.taint = NODE_TAINT_PASSING;
    assert_int_equal(node_decide(&view, steps), 0);
    begin(0);
    nodes[0].load.mcpu = 3920;
    assert_int_equal(node_decide(&view, steps), 0);
    begin(0);
    nodes[0].load_known = false;
    assert_int_equal(node_decide(&view, steps), 0);
}

static void an_instance_drains_when_its_node_takes_no_more(void **state)
{
    (void)state;
    begin(1);
    nodes[0].facts.cordoned = true;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_DRAINS);
    assert_string_equal(steps[0].reason, "node node-1 is cordoned");
    begin(1);
    nodes[0].facts.labelled = false;
    instances[0].state = OB_INSTANCE_LAUNCHING;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_DRAINS);
    begin(1);
    nodes[0].facts.taint = NODE_TAINT_LASTING;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_DRAINS);
    instances[0].state = OB_INSTANCE_DRAINING;
    assert_int_equal(node_decide(&view, steps), 0);
    /* A passing condition is not the end of an instance. */
    begin(1);
    nodes[0].facts.taint = NODE_TAINT_PASSING;
    assert_int_equal(node_decide(&view, steps), 0);
}

static void an_instance_is_lost_with_its_node(void **state)
{
    (void)state;
    static const ob_instance_state alive[] = { OB_INSTANCE_LAUNCHING, OB_INSTANCE_ACTIVE,
                                               OB_INSTANCE_DRAINING };
    for (size_t i = 0; i < ARRAY_SIZE(alive); i++) {
        begin(1);
        instances[0].state = alive[i];
        nodes[0].gone = true;
        assert_int_equal(node_decide(&view, steps), 1);
        assert_int_equal(steps[0].kind, NODE_LOST);
        assert_string_equal(steps[0].reason, "node node-1 is gone");
        nodes[0].gone = false;
        nodes[0].facts.ready = false;
        nodes[0].not_ready_ms = 59999;
        assert_int_equal(node_decide(&view, steps), 0);
        nodes[0].not_ready_ms = 60000;
        nodes[0].sure = false; /* the watch says so, and may have heard nothing since */
        assert_int_equal(node_decide(&view, steps), 0);
        nodes[0].sure = true;
        assert_int_equal(node_decide(&view, steps), 1);
        assert_string_equal(steps[0].reason, "node node-1 is not Ready for 60 s");
        nodes[0].facts.ready = true;
        nodes[0].facts.out_of_service = true;
        assert_int_equal(node_decide(&view, steps), 1);
        assert_int_equal(steps[0].kind, NODE_LOST);
    }
    instances[0].state = OB_INSTANCE_LOST;
    assert_int_equal(node_decide(&view, steps), 0);
}

static void nothing_is_concluded_of_a_node_that_was_not_seen(void **state)
{
    (void)state;
    begin(1);
    view.n_nodes = 0;
    assert_int_equal(node_decide(&view, steps), 0);
}

static void a_size_follows_the_pods_of_others(void **state)
{
    (void)state;
    begin(1);
    instances[0].others.mcpu = 1920;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_SIZED);
    assert_int_equal(steps[0].size.mcpu, 2000);
    instances[0].load_known = false;
    assert_int_equal(node_decide(&view, steps), 0);
    instances[0].load_known = true;
    instances[0].state = OB_INSTANCE_DRAINING;
    assert_int_equal(node_decide(&view, steps), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_read_as_kubernetes_writes_them),
        cmocka_unit_test(what_is_no_quantity_is_refused),
        cmocka_unit_test(a_node_says_its_state_and_its_size),
        cmocka_unit_test(a_node_that_is_not_ready_is_known),
        cmocka_unit_test(cordons_labels_and_taints_are_read),
        cmocka_unit_test(a_node_without_a_valid_name_is_no_node),
        cmocka_unit_test(a_pod_requests_what_kubernetes_counts),
        cmocka_unit_test(pods_of_others_are_summed_by_node),
        cmocka_unit_test(a_good_node_joins_once),
        cmocka_unit_test(a_node_that_takes_no_pods_does_not_join),
        cmocka_unit_test(an_instance_drains_when_its_node_takes_no_more),
        cmocka_unit_test(an_instance_is_lost_with_its_node),
        cmocka_unit_test(nothing_is_concluded_of_a_node_that_was_not_seen),
        cmocka_unit_test(a_size_follows_the_pods_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
