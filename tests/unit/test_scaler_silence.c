/* When a silent instance counts as lost: after a message could have arrived, and after it was
 * asked. */
#include "unit.h"

#include "ob/message.h"
#include "ob/topics.h"
#include "seal_pair.h"
#include "silence.h"

#define LIMIT 30000
#define ME "i-00000000000000001"
#define TURN 200

static int asked;
static void *ref;
static char said[300];

static ob_seal own; /* its executor's */
static scaler s;

/* In place of the bus. */
int ob_bus_send_clear(ob_bus *bus,
                      ob_point point,
                      const char *topic,
                      int32_t partition,
                      const char *key,
                      size_t key_len,
                      const char *data,
                      size_t len,
                      void *its_ref,
                      ob_error *err)
{
    assert_int_equal(point, OB_POINT_SCALER_ASK);
    assert_string_equal(topic, OB_TOPIC_PLACEMENTS);
    assert_int_equal(partition, ob_instance_partition(ME, 8));
    (void)snprintf(said, sizeof(said), "%.*s", (int)len, data);
    asked++;
    ref = its_ref;
    return 0;
}

int ob_bus_send(ob_bus *bus,
                ob_point point,
                const char *topic,
                int32_t partition,
                const char *key,
                size_t key_len,
                const char *data,
                size_t len,
                void *its_ref,
                ob_error *err)
{
    ob_seal_opened m;
    assert_int_equal(ob_seal_read(&own, topic, data, len, &m, NULL), 0);
    int r =
        ob_bus_send_clear(bus, point, topic, partition, key, key_len, m.text, m.len, its_ref, err);
    free(m.text);
    return r;
}

static instance in;

static int begin(void **state)
{
    memset(&s, 0, sizeof(s));
    memset(&in, 0, sizeof(in));
    s.config.lost_after_ms = LIMIT;
    s.placements = 8;
    s.scheduler_epoch = 7;
    memset(&own, 0, sizeof(own));
    seal_pair(ME, 1, &s.seal, &own);
    (void)snprintf(in.id, sizeof(in.id), ME);
    ob_seal_trust_set(&in.trust, own.self.salt, NULL);
    HASH_ADD_STR(s.instances, id, &in);
    asked = 0;
    return 0;
}

static int end(void **state)
{
    HASH_CLEAR(hh, s.instances);
    return 0;
}

/* Time passes in which silence counts. After how much of it is it lost? 0: it is not. */
static int64_t lost_after(int64_t ms, bool arrive)
{
    for (int64_t t = TURN; t <= ms; t += TURN) {
        int before = asked;
        if (silence_turn(&s, &in, TURN))
            return t;
        if (arrive && asked > before)
            silence_on_delivery(ref, true, 0, &s);
    }
    return 0;
}

static void a_silent_instance_is_asked_and_then_lost(void **state)
{
    assert_int_equal(lost_after(10 * LIMIT, true), LIMIT + TURN);
    assert_in_range(asked, 3, 5);
    json_auto_t *msg = json_loads(said, 0, NULL);
    assert_string_equal(ob_json_str(msg, "type", ""), "sync");
    assert_string_equal(ob_json_str(msg, "instance", ""), ME);
    assert_int_equal(ob_json_int(msg, "epoch", 0), 7);
}

static void whom_no_question_reaches_has_twice_the_time(void **state)
{
    assert_int_equal(lost_after(10 * LIMIT, false), 2 * LIMIT + TURN);
}

static void a_question_that_failed_asked_nothing(void **state)
{
    assert_int_equal(lost_after(LIMIT / 2, false), 0);
    silence_on_delivery(ref, false, -1, &s);
    assert_int_equal(lost_after(LIMIT, false), 0);
}

/* The broker was slow with the question: there is time for the answer all the same. */
static void who_was_asked_late_has_time_to_answer(void **state)
{
    assert_int_equal(lost_after(LIMIT - 2 * TURN, false), 0);
    silence_on_delivery(ref, true, 0, &s);
    int64_t more = lost_after(LIMIT, false);
    assert_in_range(more, LIMIT / 3, LIMIT / 3 + 2 * TURN);
}

static void a_broken_link_gives_everybody_all_of_the_time_again(void **state)
{
    assert_int_equal(lost_after(LIMIT - TURN, true), 0);
    assert_false(silence_turn(&s, &in, LINK_BROKEN));
    assert_int_equal(lost_after(LIMIT, true), 0);
    assert_true(silence_turn(&s, &in, TURN));
}

static void a_sign_of_life_ends_the_silence(void **state)
{
    assert_int_equal(lost_after(LIMIT, true), 0);
    silence_end(&in);
    asked = 0;
    assert_int_equal(lost_after(LIMIT / 3, true), 0);
    assert_int_equal(asked, 0);
    /* What arrives of an earlier question is none of this silence. */
    silence_on_delivery(ref, true, 0, &s);
    assert_int_equal(in.silence.asked_ms, 0);
}

static void time_that_does_not_count_loses_nobody(void **state)
{
    for (int i = 0; i < 1000; i++)
        assert_false(silence_turn(&s, &in, 0));
    assert_int_equal(asked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_silent_instance_is_asked_and_then_lost),
        TEST(whom_no_question_reaches_has_twice_the_time),
        TEST(a_question_that_failed_asked_nothing),
        TEST(who_was_asked_late_has_time_to_answer),
        TEST(a_broken_link_gives_everybody_all_of_the_time_again),
        TEST(a_sign_of_life_ends_the_silence),
        TEST(time_that_does_not_count_loses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
