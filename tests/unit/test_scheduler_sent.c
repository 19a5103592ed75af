/* What the scheduler sends, with a broker in memory: no message is longer than its reader accepts,
 * and nothing is lost between two. */
#include "scheduler_world.h"

#include "demand_messages.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/text.h"
#include "peers.h"
#include "peers_internal.h"
#include "placement_messages.h"

static void the_spec_of_an_eks_job_has_its_pod(void **state)
{
    static world w;
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    PGresult *specs = world_specs(1, (const size_t[]){ 1 });
    static const char detail[] = "{\"jobArn\":\"arn:aws:batch:r:1:job/j\",\"jobQueue\":"
                                 "\"arn:aws:batch:r:1:job-queue/q\",\"eksProperties\":"
                                 "{\"podProperties\":{\"containers\":[{\"image\":\"i\"}]}}}";
    assert_true(PQsetvalue(specs, 0, 3, (char *)(uintptr_t)detail, (int)strlen(detail)));
    world_order(&w, ORDER_RUN, 1);
    placements_send(&w.s, specs);
    world_receive(&w, 1);
    const json_t *spec =
        json_object_iter_value(json_object_iter(json_object_get(w.received[0], "specs")));
    assert_null(json_object_get(spec, "container"));
    const json_t *containers = json_object_get(json_object_get(spec, "eks"), "containers");
    assert_string_equal(ob_json_str(json_array_get(containers, 0), "image", ""), "i");
    PQclear(specs);
    world_orders_done(&w);
    world_end(&w);
}

/* As it was met: seven descriptions of 75 KB in one round, and a small one among them. */
static void descriptions_that_do_not_fit_one_message_go_in_several(void **state)
{
    static world w;
    const size_t bytes[] = { 75000, 75000, 75000, 10, 75000, 75000, 75000, 75000 };
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    PGresult *specs = world_specs(8, bytes);
    for (int i = 1; i <= 8; i++)
        world_order(&w, ORDER_RUN, i);
    placements_send(&w.s, specs);
    world_receive(&w, 2);
    int runs = 0;
    for (int i = 0; i < w.n; i++) {
        size_t k;
        const json_t *run;
        assert_int_equal(ob_json_int(w.received[i], "seq", 0), i + 1);
        json_array_foreach(json_object_get(w.received[i], "runs"), k, run)
        {
            char id[OB_UUID_TEXT] = "";
            memcpy(id, ob_json_str(run, "run", ""), OB_UUID_TEXT - 1);
            assert_non_null(json_object_get(json_object_get(w.received[i], "specs"), id));
            runs++;
        }
    }
    assert_int_equal(runs, 8);
    PQclear(specs);
    world_orders_done(&w);
    world_end(&w);
}

static void long_lists_go_in_several(void **state)
{
    static world w;
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    for (int i = 0; i < 20000; i++)
        world_order(&w, i % 2 ? ORDER_STOP : ORDER_CONFIRM, i);
    placements_send(&w.s, NULL);
    poll_until(w.s.bus, &w.n, 3);
    size_t stops = 0, confirms = 0;
    for (int64_t until = ob_mono_ms() + 20000; stops + confirms < 20000;) {
        assert_true(ob_mono_ms() < until);
        poll_for(w.s.bus, 50);
        stops = confirms = 0;
        for (int i = 0; i < w.n; i++) {
            assert_true(w.lengths[i] <= OB_MESSAGE_MAX);
            stops += json_array_size(json_object_get(w.received[i], "stop"));
            confirms += json_array_size(json_object_get(w.received[i], "confirm"));
        }
    }
    assert_int_equal(stops, 10000);
    assert_int_equal(confirms, 10000);
    world_orders_done(&w);
    world_end(&w);
}

/* One that was stored before its size was looked at: the job ends, with a reason. */
static void a_description_that_cannot_travel_ends_its_run(void **state)
{
    static world w;
    const size_t bytes[] = { 500000, 10 };
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    engine_put_queue(
        w.s.engine,
        &(engine_queue){ .id = 1, .name = "q", .enabled = true, .ces = { WORLD_CE }, .n_ces = 1 });
    for (int i = 1; i <= 2; i++)
        engine_submit(w.s.engine, &(engine_submission){ .id = world_job_id(i),
                                                        .queue_id = 1,
                                                        .need = { 1000, 100, 0 },
                                                        .created_at_ms = 1000 });
    engine_round(w.s.engine, 2000, &w.s.effects);
    assert_int_equal(w.s.effects.n_placement_insert, 2);
    peers_registered(w.s.peers, INSTANCE, "session");
    PGresult *specs = world_specs(2, bytes);
    placements_send(&w.s, specs);
    world_receive(&w, 1); /* the other one goes */
    assert_int_equal(json_array_size(json_object_get(w.received[0], "runs")), 1);

    for (int i = 0; i < 2; i++) /* again, as after a round that failed */
        placements_refused(&w.s);
    engine_effects_clear(&w.s.effects);
    engine_round(w.s.engine, 3000, &w.s.effects);
    assert_int_equal(w.s.effects.n_done, 1);
    assert_int_equal(w.s.effects.done[0].state, OB_JOB_FAILED);
    ob_uuid large = world_job_id(1);
    assert_int_equal(ob_uuid_cmp(&w.s.effects.done[0].id, &large), 0);
    assert_int_equal(w.s.effects.n_attempts, 1);
    assert_non_null(strstr(w.s.effects.attempts[0].container_reason, "too large"));
    placements_send(&w.s, NULL); /* its round is committed */
    assert_int_equal(w.s.peers->n_refused, 0);
    PQclear(specs);
    world_end(&w);
}

static void many_instances_are_told_of_in_several(void **state)
{
    enum { N = 24000 };
    static world w;
    world_begin(&w, OB_TOPIC_INSTANCES);
    for (int i = 0; i < N; i++) {
        char id[OB_INSTANCE_TEXT];
        (void)snprintf(id, sizeof(id), "i-%017d", i);
        peers_put(w.s.peers, id, WORLD_CE, OB_INSTANCE_DRAINING, NULL, "");
    }
    w.s.peers->n_sync_owed = 0;
    placements_send(&w.s, NULL);
    world_receive(&w, 2);
    assert_int_equal(json_array_size(json_object_get(w.received[0], "instances")) +
                         json_array_size(json_object_get(w.received[1], "instances")),
                     N);
    world_end(&w);
}

static void demand_of_many_instances_goes_in_several(void **state)
{
    enum { N = 14000 };
    static world w;
    static effect_shape shapes[5000];
    static effect_demand demand = { .ce_id = WORLD_CE, .shapes = shapes, .n_shapes = 5000 };
    world_begin(&w, OB_TOPIC_DEMAND);
    for (int i = 0; i < 5000; i++)
        shapes[i] = (effect_shape){ .need = { INT32_MAX, INT32_MAX, 100 }, .count = INT32_MAX - i };
    for (int i = 0; i < N; i++) {
        char id[OB_INSTANCE_TEXT];
        (void)snprintf(id, sizeof(id), "i-%017d", i);
        engine_put_instance(w.s.engine, &(engine_instance){ .id = id,
                                                            .ce_id = WORLD_CE,
                                                            .size = { 64000, 640000, 0 },
                                                            .state = OB_INSTANCE_ACTIVE });
    }
    w.s.effects.demand = &demand;
    w.s.effects.n_demand = 1;
    w.s.demand_at_ms = ob_mono_ms();
    demand_send(&w.s);
    world_receive(&w, 3);
    size_t n = 0;
    for (int i = 0; i < w.n; i++) {
        n += json_array_size(json_object_get(w.received[i], "instances"));
        assert_int_equal(json_object_get(w.received[i], "shapes") != NULL, i == 0);
    }
    assert_int_equal(n, N);
    w.s.effects.demand = NULL;
    w.s.effects.n_demand = 0;
    world_end(&w);
}

static void a_message_that_nobody_could_read_is_not_sent(void **state)
{
    static world w;
    ob_error err = { 0 };
    ob_cleanup(ob_freep) char *text = ob_calloc(1, OB_MESSAGE_MAX + 2);
    memset(text, 'x', OB_MESSAGE_MAX + 1);
    world_begin(&w, OB_TOPIC_JOB_STATE);
    assert_int_equal(ob_bus_send_clear(w.s.bus, OB_POINT_API_RING, OB_TOPIC_EXECUTIONS, -1, NULL, 0,
                                       text, OB_MESSAGE_MAX + 1, NULL, &err),
                     -EMSGSIZE);
    assert_false(err.retriable);
    ob_bus_unassign(w.s.bus);
    assert_int_equal(ob_bus_send(w.s.bus, OB_POINT_API_RING, OB_TOPIC_JOB_STATE, -1, NULL, 0, text,
                                 OB_MESSAGE_MAX + 1, NULL, &err),
                     0); /* others' limits are not ours */
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_spec_of_an_eks_job_has_its_pod),
        cmocka_unit_test(descriptions_that_do_not_fit_one_message_go_in_several),
        cmocka_unit_test(long_lists_go_in_several),
        cmocka_unit_test(a_description_that_cannot_travel_ends_its_run),
        cmocka_unit_test(many_instances_are_told_of_in_several),
        cmocka_unit_test(demand_of_many_instances_goes_in_several),
        cmocka_unit_test(a_message_that_nobody_could_read_is_not_sent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
