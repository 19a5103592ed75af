/* Seals between the scheduler and executors, with a broker in memory: nothing goes in clear, and
 * what is forged or repeated changes nothing. */
#include "scheduler_world.h"

#include "ob/json.h"
#include "peers.h"
#include "peers_internal.h"
#include "placement_messages.h"
#include "report_messages.h"
#include "seal_pair.h"

/* A path that forgets to seal is noticed before anybody can read what it says. */
static void nothing_goes_in_clear_by_mistake(void **state)
{
    static world w;
    ob_error err = { 0 };
    static const char *const topics[] = { OB_TOPIC_PLACEMENTS, OB_TOPIC_EXECUTIONS, OB_TOPIC_LOGS };
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
        assert_int_equal(ob_bus_send(w.s.bus, OB_POINT_API_RING, topics[i], -1, NULL, 0,
                                     "{\"v\":1}", 7, NULL, &err),
                         -EINVAL);
    assert_non_null(strstr(err.text, "sealed"));
    world_end(&w);
}

static void begin_sealed(world *w)
{
    world_begin(w, OB_TOPIC_PLACEMENTS);
    seal_pair(INSTANCE, 1, &w->s.seal, &w->own);
    world_put_instance(w, INSTANCE, OB_INSTANCE_ACTIVE);
    w->s.peers->n_sync_owed = 0;
    peers_find(w->s.peers, INSTANCE)->sync_owed = false;
}

/* Takes what the executor says under its key; *ret, if not NULL, is its message, to be freed. */
static void hear_sealed(world *w, json_t *msg, char **ret, size_t *ret_len)
{
    ob_cleanup(ob_freep) char *text = NULL, *data = NULL;
    size_t len = ob_message_dump(msg, &text);
    assert_int_equal(
        ob_seal_write(&w->own, NULL, OB_TOPIC_EXECUTIONS, text, len, &data, &len, NULL), 0);
    world_take(w, data, len);
    json_decref(msg);
    if (ret) {
        *ret = ob_take(data);
        *ret_len = len;
    }
}

static json_t *said_after(const char *type, const char *session, int64_t epoch)
{
    json_t *msg = world_said(type, session);
    (void)json_object_set_new(msg, "held", json_array());
    (void)json_object_set_new(msg, "last",
                              json_pack("{s:I, s:i}", "epoch", (json_int_t)epoch, "seq", 0));
    return msg;
}

static void orders_are_sealed_for_their_instance(void **state)
{
    static world w;
    const size_t bytes[] = { 75000 };
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "one", 3), NULL, NULL);
    assert_true(world_is_current(&w, "one"));
    PGresult *specs = world_specs(1, bytes);
    world_order(&w, ORDER_RUN, 1);
    peers_sync_all(w.s.peers);
    placements_send(&w.s, specs);
    world_receive(&w, 2);
    assert_string_equal(ob_json_str(w.received[0], "type", ""), "place");
    assert_string_equal(ob_json_str(w.received[1], "type", ""), "sync");
    PQclear(specs);
    world_orders_done(&w);
    world_end(&w);
}

static void a_registration_from_before_this_leader_only_asks_for_another(void **state)
{
    static world w;
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "old", 2), NULL, NULL);
    assert_false(world_is_current(&w, "old"));
    assert_int_equal(w.s.peers->n_sync_owed, 1);
    hear_sealed(&w, said_after("registered", "new", 3), NULL, NULL);
    assert_true(world_is_current(&w, "new"));
    world_end(&w);
}

static void a_repeated_message_changes_nothing(void **state)
{
    static world w;
    char *first = NULL;
    size_t len = 0;
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "one", 3), &first, &len);
    hear_sealed(&w, said_after("registered", "two", 3), NULL, NULL);
    world_take(&w, first, len);
    assert_true(world_is_current(&w, "two"));
    assert_int_equal(w.s.repeated_messages, 1);
    reports_again(&w.s); /* as after a round that failed */
    reports_feed(&w.s);
    assert_true(world_is_current(&w, "two"));
    /* Its next process, then one of the first. */
    seal_pair(INSTANCE, 2, &w.s.seal, &w.own);
    hear_sealed(&w, said_after("registered", "three", 3), NULL, NULL);
    assert_true(world_is_current(&w, "three"));
    seal_pair(INSTANCE, 1, &w.s.seal, &w.own);
    hear_sealed(&w, said_after("registered", "four", 3), NULL, NULL);
    assert_true(world_is_current(&w, "three"));
    free(first);
    world_end(&w);
}

static void forged_messages_are_counted_and_change_nothing(void **state)
{
    static world w;
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "one", 3), NULL, NULL);
    ob_seal own = w.own;
    w.own.key[0] ^= 1;
    hear_sealed(&w, said_after("registered", "two", 3), NULL, NULL);
    w.own = own;
    ob_seal launched_before = { 0 };
    seal_pair(INSTANCE, 9, &w.s.seal, &launched_before);
    w.own = launched_before;
    hear_sealed(&w, said_after("registered", "three", 3), NULL, NULL);
    w.own = own;
    world_hear(&w, said_after("registered", "four", 3)); /* in clear, with the token of its row */
    assert_true(world_is_current(&w, "one"));
    assert_int_equal(w.s.forged_messages, 3);
    world_end(&w);
}

/* The upgrade: its executor speaks in clear until it is replaced by one that has a key. */
static void an_executor_that_gets_a_key_is_answered_under_it(void **state)
{
    static world w;
    char token[OB_SEAL_TOKEN_TEXT];
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    world_registered(&w, "old", 0, 1);
    assert_true(world_is_current(&w, "old"));
    ob_seal_owner first = { .instance = INSTANCE, .salt = OB_SEAL_FIRST_SALT };
    ob_seal_token(&w.s.seal, &first, token);
    assert_int_equal(ob_seal_own(&w.own, INSTANCE, token, 1, NULL), 0);
    hear_sealed(&w, said_after("registered", "new", 3), NULL, NULL);
    assert_true(world_is_current(&w, "new"));
    world_registered(&w, "old", 0, 1);
    assert_true(world_is_current(&w, "new"));
    peers_sync_all(w.s.peers);
    placements_send(&w.s, NULL);
    world_receive(&w, 1); /* it opens */
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_in_clear_by_mistake),
        cmocka_unit_test(orders_are_sealed_for_their_instance),
        cmocka_unit_test(a_registration_from_before_this_leader_only_asks_for_another),
        cmocka_unit_test(a_repeated_message_changes_nothing),
        cmocka_unit_test(forged_messages_are_counted_and_change_nothing),
        cmocka_unit_test(an_executor_that_gets_a_key_is_answered_under_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
