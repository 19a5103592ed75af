/* Nodes of Kubernetes: their objects, and what pods request there. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "ob/kube_pod.h"
#include "providers/kubernetes/node_load.h"
#include "providers/kubernetes/node_quantity.h"

#define UUID "8f7d0a3e-0000-4000-8000-000000000001"
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
    "\"metadata\": {\"name\": \"node-1\", \"uid\": \"aa-1\", \"labels\": {\"" OB_KUBE_LABEL_CE     \
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
    assert_true(read_node(
        "{\"metadata\": {\"name\": \"n\", \"uid\": \"u\", \"labels\": {\"" OB_KUBE_LABEL_CE
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

static void put_pod(node_load *load, const char *uid, const char *node, const char *phase)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"metadata\": {\"uid\": \"%s\"}, \"status\": {\"phase\": \"%s\"}, \"spec\": "
                "{\"nodeName\": \"%s\", \"containers\": [{" ASKS("1", "1Gi") "}]}}",
                uid, phase, node);
    json_auto_t *pod = ob_json_read_text(text);
    node_load_put(load, pod);
}

static void what_pods_request_is_summed_by_node(void **state)
{
    (void)state;
    node_load *load = node_load_new();
    put_pod(load, "a", "node-1", "Running");
    put_pod(load, "b", "node-1", "Pending");
    put_pod(load, "c", "node-1", "Succeeded");
    put_pod(load, "d", "node-2", "Running");
    put_pod(load, "e", "", "Pending");
    put_pod(load, "", "node-1", "Running");
    assert_int_equal(node_load_on(load, "node-1").mcpu, 2000);
    assert_int_equal(node_load_on(load, "node-2").mem_bytes, GIB);
    assert_int_equal(node_load_on(load, "node-3").mcpu, 0);
    /* They end, are bound, and are deleted; what is told twice counts once. */
    put_pod(load, "a", "node-1", "Running");
    put_pod(load, "b", "node-1", "Failed");
    put_pod(load, "e", "node-2", "Running");
    node_load_drop(load, "d");
    node_load_drop(load, "d");
    node_load_drop(load, "unknown");
    assert_int_equal(node_load_on(load, "node-1").mcpu, 1000);
    assert_int_equal(node_load_on(load, "node-2").mcpu, 1000);
    node_load_drop(load, "e");
    assert_int_equal(node_load_on(load, "node-2").mcpu, 0);
    node_load_free(load);
    node_load_free(NULL);
}

/* A sum that is too large is exact again when the pod that made it so is gone. */
static void a_huge_pod_spoils_no_sum(void **state)
{
    (void)state;
    node_load *load = node_load_new();
    json_auto_t *huge = ob_json_read_text(
        "{\"metadata\": {\"uid\": \"huge\"}, \"spec\": {\"nodeName\": \"node-1\", \"containers\": "
        "[{" ASKS("16Ei", "16Ei") "}]}}");
    put_pod(load, "a", "node-1", "Running");
    node_load_put(load, huge);
    assert_int_equal(node_load_on(load, "node-1").mcpu, INT64_MAX);
    node_load_drop(load, "huge");
    assert_int_equal(node_load_on(load, "node-1").mcpu, 1000);
    node_load_free(load);
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
        cmocka_unit_test(what_pods_request_is_summed_by_node),
        cmocka_unit_test(a_huge_pod_spoils_no_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
