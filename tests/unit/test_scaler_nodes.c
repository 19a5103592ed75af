/* What becomes of nodes of Kubernetes, and of the instances on them. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "providers/kubernetes/kube_node_table.h"

#define MINE "i-00000000000000001"
#define GIB (1024LL * 1024 * 1024)

/* A node that is good. */
static node_facts good_node(const char *name, const char *uid)
{
    node_facts f = { .labelled = true,
                     .ready = true,
                     .allocatable = { .mcpu = 3920, .mem_bytes = 7 * GIB, .gpus = 2 } };
    (void)snprintf(f.name, sizeof(f.name), "%s", name);
    (void)snprintf(f.uid, sizeof(f.uid), "%s", uid);
    return f;
}

static node_seen nodes[1];
static const node_seen *const seen[] = { &nodes[0] };
static node_instance instances[3];
static node_view view;
static node_step steps[4];

/* A node that is good, and so many instances on it. */
static void begin(size_t n_instances)
{
    nodes[0] = (node_seen){ .facts = good_node("node-1", "aa-1"),
                            .load_known = true,
                            .load = { .mcpu = 920 } };
    for (size_t i = 0; i < ARRAY_SIZE(instances); i++)
        instances[i] = (node_instance){ .id = MINE,
                                        .state = OB_INSTANCE_ACTIVE,
                                        .size = { 3000, 7 * 1024, 2 } };
    view = (node_view){ .nodes = seen,
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
    instances[0].node = view.n_nodes;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_JOINS);
}

static void a_node_comes_back_while_its_instance_drains(void **state)
{
    (void)state;
    begin(1);
    instances[0].state = OB_INSTANCE_DRAINING;
    instances[0].used = (ob_resources){ .mcpu = 1000, .mem_mib = 1024, .gpus = 1 };
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_JOINS);
    /* It gets what is left. */
    assert_int_equal(steps[0].size.mcpu, 2000);
    assert_int_equal(steps[0].size.mem_mib, 6 * 1024);
    assert_int_equal(steps[0].size.gpus, 1);
    /* And more, when that ends. */
    begin(2);
    instances[0].state = OB_INSTANCE_DRAINING;
    instances[0].used = (ob_resources){ .mcpu = 500 };
    instances[1].used = (ob_resources){ .mcpu = 1000 };
    instances[1].size = (ob_resources){ 2000, 7 * 1024, 2 };
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_SIZED);
    assert_int_equal(steps[0].instance, 1);
    assert_int_equal(steps[0].size.mcpu, 2500);
    /* Some at a time. */
    begin(3);
    for (size_t i = 0; i < 3; i++)
        instances[i].state = OB_INSTANCE_DRAINING;
    assert_int_equal(node_decide(&view, steps), 0);
    view.n_instances = 2;
    assert_int_equal(node_decide(&view, steps), 1);
    /* Not while it is not settled what became of the work of one that was lost. */
    instances[0].state = OB_INSTANCE_LOST;
    assert_int_equal(node_decide(&view, steps), 0);
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
    assert_string_equal(node_reason_text(steps[0].reason), "its node is cordoned");
    begin(1);
    nodes[0].facts.labelled = false;
    instances[0].state = OB_INSTANCE_LAUNCHING;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_DRAINS);
    assert_int_equal(steps[0].reason, NODE_REASON_NO_LABEL);
    begin(1);
    nodes[0].facts.taint = NODE_TAINT_LASTING;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_DRAINS);
    instances[0].state = OB_INSTANCE_DRAINING;
    assert_int_equal(node_decide(&view, steps), 0);
}

/* That is not the end of an instance, but nothing new is placed on it meanwhile. */
static void an_instance_has_no_size_while_its_node_takes_no_pods(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(1);
        nodes[0].facts.ready = i == 0;
        nodes[0].facts.taint = i == 0 ? NODE_TAINT_PASSING : NODE_TAINT_NONE;
        nodes[0].load_known = i == 0;
        assert_int_equal(node_decide(&view, steps), 1);
        assert_int_equal(steps[0].kind, NODE_SIZED);
        assert_int_equal(steps[0].size.mcpu + steps[0].size.mem_mib + steps[0].size.gpus, 0);
        instances[0].size = steps[0].size;
        assert_int_equal(node_decide(&view, steps), 0);
    }
    nodes[0].facts.ready = true;
    assert_int_equal(node_decide(&view, steps), 0); /* what others request is not known */
    nodes[0].load_known = true;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_SIZED);
    assert_int_equal(steps[0].size.mcpu, 3000);
}

static void an_instance_is_lost_with_its_node(void **state)
{
    (void)state;
    static const ob_instance_state alive[] = { OB_INSTANCE_LAUNCHING, OB_INSTANCE_ACTIVE,
                                               OB_INSTANCE_DRAINING };
    for (size_t i = 0; i < ARRAY_SIZE(alive); i++) {
        begin(1);
        view.joins = false;
        instances[0].state = alive[i];
        instances[0].size = (ob_resources){ 0 };
        nodes[0].gone = true;
        assert_int_equal(node_decide(&view, steps), 1);
        assert_int_equal(steps[0].kind, NODE_LOST);
        assert_string_equal(node_reason_text(steps[0].reason), "its node is gone");
        nodes[0].gone = false;
        nodes[0].facts.ready = false;
        nodes[0].not_ready_ms = 59999;
        nodes[0].sure = true;
        assert_int_equal(node_decide(&view, steps), 0);
        nodes[0].not_ready_ms = 60000;
        nodes[0].sure = false; /* the watch says so, and may have heard nothing since */
        assert_int_equal(node_decide(&view, steps), 0);
        nodes[0].sure = true;
        assert_int_equal(node_decide(&view, steps), 1);
        assert_int_equal(steps[0].reason, NODE_REASON_NOT_READY);
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
    view.n_nodes = instances[0].node = 0;
    assert_int_equal(node_decide(&view, steps), 0);
}

static void a_size_follows_the_pods_of_others(void **state)
{
    (void)state;
    begin(1);
    nodes[0].load.mcpu = 1920;
    assert_int_equal(node_decide(&view, steps), 1);
    assert_int_equal(steps[0].kind, NODE_SIZED);
    assert_int_equal(steps[0].size.mcpu, 2000);
    nodes[0].load_known = false;
    assert_int_equal(node_decide(&view, steps), 0);
    nodes[0].load_known = true;
    instances[0].state = OB_INSTANCE_DRAINING;
    view.joins = false;
    assert_int_equal(node_decide(&view, steps), 0);
}

/* ---- Many ---- */

#define MANY 1000
#define PODS 10
#define UID_OF_NODE "7d0a3e00-0000-4000-8000-%012d"
#define UID_OF_POD "pod-%d-%d"

static void put_pod(node_load *load, const char *node, const char *uid)
{
    ob_cleanup(ob_freep) char *text = ob_strf(
        "{\"metadata\": {\"uid\": \"%s\"}, \"spec\": {\"nodeName\": \"%s\", \"containers\": "
        "[{\"resources\": {\"requests\": {\"cpu\": \"1\", \"memory\": \"1Gi\"}}}]}}",
        uid, node);
    json_auto_t *pod = ob_json_read_text(text);
    assert_non_null(pod);
    node_load_put(load, pod);
}

static void add_node(kube_node_table *table, node_load *load, int n)
{
    char name[32], uid[64];
    (void)snprintf(name, sizeof(name), "node-%d", n);
    (void)snprintf(uid, sizeof(uid), UID_OF_NODE, n);
    kube_node_row *row = kube_node_table_get(table, name, uid);
    row->seen.facts = good_node(name, uid);
    row->selected = row->known = true;
    for (int i = 0; i < PODS; i++) {
        (void)snprintf(uid, sizeof(uid), UID_OF_POD, n, i);
        put_pod(load, name, uid);
    }
}

/* One round of a cluster with 1,000 nodes that are instances, and 10,000 pods of others. */
static void a_round_of_many_nodes_is_short(void **state)
{
    (void)state;
    kube_node_table table = { 0 };
    node_load *load = node_load_new();
    node_instance *many = ob_calloc(MANY, sizeof(*many));
    node_step *all = ob_calloc(2 * MANY, sizeof(*all));
    int64_t least_us = INT64_MAX;
    for (int n = 0; n < MANY; n++)
        add_node(&table, load, n);
    kube_node_table_turn(&table, 100, load);
    assert_int_equal(table.n_view, MANY);
    /* Some join at a time. */
    node_view v = { .nodes = table.view, .n_nodes = MANY, .instances = many, .joins = true };
    assert_int_equal(node_decide(&v, all), 0); /* pods of others have all of it */
    for (int n = 0; n < MANY; n++)
        for (int i = 2; i < PODS; i++) {
            char uid[64];
            (void)snprintf(uid, sizeof(uid), UID_OF_POD, n, i);
            node_load_drop(load, uid);
        }
    kube_node_table_turn(&table, 100, load);
    v.nodes = table.view;
    assert_int_equal(node_decide(&v, all), NODE_JOINS_MAX);
    for (int round = 0; round < 5; round++) {
        int64_t begun_us = ob_mono_us();
        for (int n = 0; n < MANY; n++) {
            char uid[NODE_UID_TEXT];
            (void)snprintf(uid, sizeof(uid), UID_OF_NODE, n);
            many[n] = (node_instance){ .id = MINE,
                                       .node = kube_node_table_at(&table, uid),
                                       .state = OB_INSTANCE_ACTIVE };
        }
        kube_node_table_turn(&table, 100, load);
        v.nodes = table.view;
        v.n_instances = MANY;
        assert_int_equal(node_decide(&v, all), MANY); /* all get their size */
        int64_t took_us = ob_mono_us() - begun_us;
        least_us = took_us < least_us ? took_us : least_us;
    }
    print_message("a round of %d nodes: %lld us\n", MANY, (long long)least_us);
    assert_true(least_us < 50000);
    kube_node_table_done(&table);
    node_load_free(load);
    free(many);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_node_joins_once),
        cmocka_unit_test(a_node_comes_back_while_its_instance_drains),
        cmocka_unit_test(a_node_that_takes_no_pods_does_not_join),
        cmocka_unit_test(an_instance_drains_when_its_node_takes_no_more),
        cmocka_unit_test(an_instance_has_no_size_while_its_node_takes_no_pods),
        cmocka_unit_test(an_instance_is_lost_with_its_node),
        cmocka_unit_test(nothing_is_concluded_of_a_node_that_was_not_seen),
        cmocka_unit_test(a_size_follows_the_pods_of_others),
        cmocka_unit_test(a_round_of_many_nodes_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
