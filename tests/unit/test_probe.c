/* The probe through Kafka: only its own messages count, in every partition. */
#include "unit.h"

#include "ob/message.h"
#include "ob/probe.h"
#include "ob/topics.h"

static int sent;
static int32_t last_partition;
static char last_text[300];

/* In place of the bus. */
int ob_bus_send_clear(ob_bus *bus,
                      ob_point point,
                      const char *topic,
                      int32_t partition,
                      const char *key,
                      size_t key_len,
                      const char *data,
                      size_t len,
                      void *ref,
                      ob_error *err)
{
    (void)bus, (void)point, (void)key, (void)key_len, (void)ref, (void)err;
    assert_string_equal(topic, OB_TOPIC_EXECUTIONS);
    assert_true(len < sizeof(last_text));
    memcpy(last_text, data, len);
    last_text[len] = '\0';
    last_partition = partition;
    sent++;
    return 0;
}

static ob_probe probe;

/* What was sent last arrives on a partition. */
static bool arrives(int32_t partition, int64_t now_ms)
{
    json_auto_t *body = NULL;
    const char *type;
    int64_t epoch;
    assert_int_equal(ob_message_parse(last_text, strlen(last_text), &body, &type, &epoch, NULL), 0);
    return ob_probe_take(&probe, partition, type, body, now_ms);
}

static int begin(void **state)
{
    (void)state;
    sent = 0;
    ob_probe_begin(&probe, "scaler", 2, 1000);
    ob_probe_send(&probe, NULL, OB_POINT_SCALER_PROBE, 7, 1000, 500);
    return 0;
}

static void each_partition_gets_one_when_it_is_due(void **state)
{
    (void)state;
    assert_int_equal(sent, 2);
    assert_int_equal(last_partition, 1);
    assert_non_null(strstr(last_text, "\"from\":\"scaler\""));
    assert_non_null(strstr(last_text, "\"epoch\":7"));
    ob_probe_send(&probe, NULL, OB_POINT_SCALER_PROBE, 7, 1499, 500);
    assert_int_equal(sent, 2);
    ob_probe_send(&probe, NULL, OB_POINT_SCALER_PROBE, 7, 1500, 500);
    assert_int_equal(sent, 4);
}

static void the_slowest_partition_counts(void **state)
{
    (void)state;
    assert_int_equal(ob_probe_silent_ms(&probe, 1400), 400);
    assert_true(arrives(0, 1400));
    assert_int_equal(ob_probe_silent_ms(&probe, 1400), 400);
    assert_true(arrives(1, 1450));
    assert_int_equal(ob_probe_silent_ms(&probe, 1500), 100);
}

static void one_that_comes_late_counts(void **state)
{
    (void)state;
    char first[sizeof(last_text)];
    memcpy(first, last_text, sizeof(first));
    ob_probe_send(&probe, NULL, OB_POINT_SCALER_PROBE, 7, 2000, 500);
    memcpy(last_text, first, sizeof(first));
    (void)arrives(0, 2100);
    (void)arrives(1, 2100);
    assert_int_equal(ob_probe_silent_ms(&probe, 2100), 0);
}

static void only_its_own_count(void **state)
{
    (void)state;
    assert_true(arrives(7, 2000));
    assert_true(arrives(-1, 2000));
    json_auto_t *other = ob_message_new("probe", 7);
    assert_true(ob_probe_take(&probe, 0, "probe", other, 2000));
    (void)json_object_set_new(other, "nonce", json_string("0000000000000000-1"));
    assert_true(ob_probe_take(&probe, 0, "probe", other, 2000));
    ob_probe_begin(&probe, "scaler", 2, 1000); /* the next leadership */
    assert_true(arrives(0, 2000));
    assert_true(arrives(1, 2000));
    assert_int_equal(ob_probe_silent_ms(&probe, 2000), 1000);
}

static void other_messages_are_left_to_the_service(void **state)
{
    (void)state;
    json_auto_t *other = ob_message_new("heartbeat", 0);
    assert_false(ob_probe_take(&probe, 0, "heartbeat", other, 2000));
}

static void without_partitions_silence_counts_from_the_beginning(void **state)
{
    (void)state;
    ob_probe_begin(&probe, "scaler", 0, 1000);
    assert_int_equal(ob_probe_silent_ms(&probe, 3000), 2000);
}

static void a_topic_may_be_made_anew_with_another_number_of_partitions(void **state)
{
    (void)state;
    ob_probe_resize(&probe, 1, 2000);
    (void)arrives(0, 2000);
    assert_int_equal(ob_probe_silent_ms(&probe, 2000), 0);
    ob_probe_resize(&probe, 3, 2500);
    assert_int_equal(ob_probe_silent_ms(&probe, 2500), 500);
    (void)arrives(0, 2500);
    assert_int_equal(ob_probe_silent_ms(&probe, 2700), 200);
    ob_probe_resize(&probe, OB_PROBE_MAX_PARTITIONS + 1, 2500);
    assert_int_equal(probe.partitions, OB_PROBE_MAX_PARTITIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_partition_gets_one_when_it_is_due, begin),
        cmocka_unit_test_setup(the_slowest_partition_counts, begin),
        cmocka_unit_test_setup(one_that_comes_late_counts, begin),
        cmocka_unit_test_setup(only_its_own_count, begin),
        cmocka_unit_test_setup(other_messages_are_left_to_the_service, begin),
        cmocka_unit_test_setup(without_partitions_silence_counts_from_the_beginning, begin),
        cmocka_unit_test_setup(a_topic_may_be_made_anew_with_another_number_of_partitions, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
