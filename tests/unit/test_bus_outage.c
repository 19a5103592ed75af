/* The bus during outages: brokers that go and come back, producers that fail, lost positions and
 * topics. */
#include "bus_mock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../shared/src/bus_internal.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/topics.h"

static void a_broker_that_goes_and_comes_is_noticed_and_nothing_read_is_lost(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("outage", 1);
    assign(bus, "outage");
    say(bus, "outage", NULL, "1", NULL);
    poll_until(bus, &s.n, 1);
    assert_int_equal(s.up, 1);
    assert_int_equal(rd_kafka_mock_broker_set_down(cluster, 1), 0);
    poll_until(bus, &s.down, 1);
    assert_false(ob_bus_is_up(bus));
    say(bus, "outage", NULL, "2", NULL); /* waits in the queue */
    poll_for(bus, 500);
    assert_int_equal(rd_kafka_mock_broker_set_up(cluster, 1), 0);
    poll_until(bus, &s.up, 2);
    assert_true(ob_bus_is_up(bus));
    say(bus, "outage", NULL, "3", NULL);
    poll_until(bus, &s.n, 3);
    assert_true(s.got[2] && s.got[3]);
    ob_bus_free(bus);
}

/* As an executor's: the broker answers more slowly than one step of a repair lasts, and the owner
 * does not wait. */
static void an_instance_is_followed_without_waiting_for_a_slow_broker(void **state)
{
    static seen s;
    ob_error err = { 0 };
    make_topic("followed", 4);
    make_topic("told", 1);
    ob_bus *bus = open_bus(&s, NULL);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(cluster, 1, 2500), 0);
    int64_t slowest = 0, began = ob_mono_ms();
    assert_int_equal(ob_bus_follow_end(bus, "followed", "i-7", "told", &err), 0);
    for (int64_t end = began + 120000; s.reassigned == 0 && ob_mono_ms() < end;) {
        int64_t at = ob_mono_ms();
        (void)ob_bus_poll(bus, 0, 100);
        if (ob_mono_ms() - at > slowest)
            slowest = ob_mono_ms() - at;
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(s.reassigned, 1);
    assert_true(slowest < 1000);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(cluster, 1, 0), 0);

    int32_t partitions = 0;
    assert_int_equal(ob_bus_partitions(bus, "followed", 20000, &partitions, &err), 0);
    int32_t mine = ob_instance_partition("i-7", partitions);
    assert_int_equal(ob_bus_send(bus, OB_POINT_API_RING, "followed", (mine + 1) % 4, NULL, 0, "1",
                                 1, NULL, &err),
                     0);
    assert_int_equal(
        ob_bus_send(bus, OB_POINT_API_RING, "followed", mine, NULL, 0, "2", 1, NULL, &err), 0);
    poll_until(bus, &s.n, 1);
    assert_int_equal(s.partition, mine);
    assert_true(s.got[2]);
    ob_bus_free(bus);
}

static void without_traffic_the_return_is_noticed_too(void **state)
{
    static seen s;
    assert_int_equal(rd_kafka_mock_broker_set_down(cluster, 1), 0);
    ob_bus *bus = open_bus(&s, NULL);
    poll_for(bus, 1000);
    assert_int_equal(s.up, 0);
    assert_false(ob_bus_is_up(bus));
    ob_error err = { 0 };
    const char *const topics[] = { "outage", NULL };
    assert_int_equal(ob_bus_assign_end(bus, topics, NULL, 500, &err), -EIO);
    assert_true(err.retriable);
    assert_int_equal(ob_bus_make_topics(bus, 500, &err), -EIO);
    assert_true(err.retriable);
    assert_int_equal(rd_kafka_mock_broker_set_up(cluster, 1), 0);
    poll_until(bus, &s.up, 1);
    ob_bus_free(bus);
}

/* Others could use up its producer's id. Only a producer with an id fails for good. */
static void only_who_writes_alone_has_a_producer_id(void **state)
{
    for (int alone = 0; alone < 2; alone++) {
        static seen s;
        char has[16] = "";
        size_t size = sizeof(has);
        ob_bus *bus = alone ? open_bus_alone(&s) : open_bus(&s, NULL);
        assert_int_equal(
            rd_kafka_conf_get(rd_kafka_conf(bus_producer(bus)), "enable.idempotence", has, &size),
            RD_KAFKA_CONF_OK);
        assert_string_equal(has, alone ? "true" : "false");
        ob_bus_free(bus);
    }
}

static void a_producer_that_failed_for_good_is_replaced(void **state)
{
    static seen s;
    ob_bus *bus = open_bus_alone(&s);
    make_topic("fatal", 1);
    assign(bus, "fatal");
    say(bus, "fatal", NULL, "1", &s);
    poll_until(bus, &s.delivered, 1);
    for (int round = 0; round < 3; round++) {
        rd_kafka_t *old = bus_producer(bus);
        (void)rd_kafka_test_fatal_error(old, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                        "test");
        ob_error err = { 0 };
        assert_int_equal(
            ob_bus_send(bus, OB_POINT_API_RING, "fatal", -1, NULL, 0, "x", 1, &s, &err), -EIO);
        assert_true(err.retriable);
        int64_t end = ob_mono_ms() + 20000;
        while (bus_producer(bus) == old) {
            assert_true(ob_mono_ms() < end);
            (void)ob_bus_poll(bus, 50, 10);
        }
        say(bus, "fatal", NULL, "2", &s);
        poll_until(bus, &s.delivered, 2 + round);
        poll_until(bus, &s.n, 2 + round);
    }
    ob_bus_free(bus);
}

/* The owner of one that refuses all that is sent may have no reason to poll. */
static void a_producer_that_failed_is_replaced_without_a_poll(void **state)
{
    static seen s;
    ob_bus *bus = open_bus_alone(&s);
    make_topic("unpolled", 1);
    say(bus, "unpolled", NULL, "1", &s);
    poll_until(bus, &s.delivered, 1);
    rd_kafka_t *old = bus_producer(bus);
    (void)rd_kafka_test_fatal_error(old, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "test");
    ob_error err = { 0 };
    int64_t end = ob_mono_ms() + 20000;
    while (bus_producer(bus) == old) {
        assert_true(ob_mono_ms() < end);
        (void)ob_bus_send(bus, OB_POINT_API_RING, "unpolled", -1, NULL, 0, "x", 1, &s, &err);
        (void)usleep(50000);
    }
    say(bus, "unpolled", NULL, "2", &s);
    poll_until(bus, &s.delivered, 2);
    ob_bus_free(bus);
}

static void what_a_failed_producer_held_is_reported_as_failed(void **state)
{
    static seen s;
    ob_bus *bus = open_bus_alone(&s);
    make_topic("held", 1);
    say(bus, "held", NULL, "1", &s);
    poll_until(bus, &s.delivered, 1);
    assert_int_equal(rd_kafka_mock_broker_set_down(cluster, 1), 0);
    poll_until(bus, &s.down, 1);
    for (int i = 0; i < 10; i++)
        say(bus, "held", NULL, "2", &s);
    (void)rd_kafka_test_fatal_error(bus_producer(bus),
                                    RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test");
    poll_until(bus, &s.failed, 10);
    assert_int_equal(s.delivered, 1);
    assert_int_equal(rd_kafka_mock_broker_set_up(cluster, 1), 0);
    poll_until(bus, &s.up, 2);
    ob_bus_free(bus);
}

static void a_producer_that_sends_nothing_is_replaced(void **state)
{
    static seen s;
    char settings[] = "/tmp/ob-settings-XXXXXX";
    int fd = mkstemp(settings);
    assert_true(fd >= 0 && dprintf(fd, "message.timeout.ms=3000\n") > 0);
    (void)close(fd);
    ob_bus *bus = open_bus_set(&s, NULL, settings);
    make_topic("stuck", 1);
    say(bus, "stuck", NULL, "1", &s);
    poll_until(bus, &s.delivered, 1);
    rd_kafka_t *old = bus_producer(bus);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(all, "stuck", 0);
    assert_int_equal(rd_kafka_pause_partitions(old, all), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(all);
    say(bus, "stuck", NULL, "2", &s);
    for (int64_t end = ob_mono_ms() + 90000; bus_producer(bus) == old;) {
        assert_true(ob_mono_ms() < end);
        (void)ob_bus_poll(bus, 50, 10);
    }
    assert_int_equal(s.failed, 1);
    say(bus, "stuck", NULL, "3", &s);
    poll_until(bus, &s.delivered, 2);
    ob_bus_free(bus);
    (void)unlink(settings);
}

/* A position that is not there any more: read on from the end, and say so. */
static void a_lost_position_is_resolved_anew(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    /* The mock cluster makes no topics on request; some it made by itself. */
    for (const ob_topic *t = ob_topics; t->name; t++)
        (void)rd_kafka_mock_topic_create(cluster, t->name, 1, 1);
    assign(bus, OB_TOPIC_DEMAND);
    say(bus, OB_TOPIC_DEMAND, NULL, "1", NULL);
    poll_until(bus, &s.n, 1);
    /* As after a wipe: the position lies behind the end of what is there. */
    assert_int_equal(rd_kafka_seek(bus->reading.at[0].rkt, 0, 1000, 5000), 0);
    poll_until(bus, &s.reassigned, 1);
    say(bus, OB_TOPIC_DEMAND, NULL, "2", NULL);
    poll_until(bus, &s.n, 2);
    assert_true(s.got[2]);
    poll_for(bus, 1500);
    assert_int_equal(s.reassigned, 1); /* once, not for ever */
    ob_bus_free(bus);
}

static bool repairing(ob_bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    bool wanted = bus->repair_wanted;
    (void)pthread_mutex_unlock(&bus->lock);
    return wanted;
}

static void a_topic_that_went_away_is_read_again_when_it_is_back(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    for (const ob_topic *t = ob_topics; t->name; t++)
        (void)rd_kafka_mock_topic_create(cluster, t->name, 1, 1);
    assign(bus, OB_TOPIC_COMMANDS);
    say(bus, OB_TOPIC_COMMANDS, NULL, "1", NULL);
    poll_until(bus, &s.n, 1);
    rd_kafka_mock_topic_set_error(cluster, OB_TOPIC_COMMANDS,
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    /* The client looks at its topics every 5 s; then it is known that there is something to repair.
     */
    for (int64_t end = ob_mono_ms() + 20000; !repairing(bus);) {
        assert_true(ob_mono_ms() < end);
        (void)ob_bus_poll(bus, 50, 10);
    }
    poll_for(bus, 2000);
    assert_int_equal(s.reassigned, 0); /* not before it is back */
    rd_kafka_mock_topic_set_error(cluster, OB_TOPIC_COMMANDS, RD_KAFKA_RESP_ERR_NO_ERROR);
    poll_until(bus, &s.reassigned, 1);
    int before = s.n;
    say(bus, OB_TOPIC_COMMANDS, NULL, "2", NULL);
    poll_until(bus, &s.n, before + 1);
    assert_true(s.got[2]);
    ob_bus_free(bus);
}

/* Nothing of it is left then; the sanitizer looks. */
static void a_client_that_ends_late_is_not_waited_for(void **state)
{
    static seen s;
    ob_error err = { 0 };
    const char *const topics[] = { "late", NULL };
    make_topic("late", 1);
    int threads = rd_kafka_thread_cnt();
    ob_bus *bus = open_bus(&s, "openbatch-late");
    assert_int_equal(ob_bus_subscribe(bus, topics, &err), 0);
    say(bus, "late", NULL, "1", NULL);
    poll_until(bus, &s.n, 1);
    /* The group hears late that its member leaves. */
    assert_int_equal(rd_kafka_mock_broker_set_rtt(cluster, -1, 6000), 0);
    int64_t began_ms = ob_mono_ms();
    ob_bus_free(bus);
    bus = s.bus = NULL;
    assert_true(ob_mono_ms() - began_ms < 5500);
    assert_true(rd_kafka_thread_cnt() > threads);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(cluster, -1, 0), 0);
    for (int64_t end = ob_mono_ms() + 20000; rd_kafka_thread_cnt() > threads;) {
        assert_true(ob_mono_ms() < end);
        (void)poll(NULL, 0, 50);
    }
}

int main(void)
{
    cmocka_set_test_filter(getenv("OB_TEST_FILTER"));
    ob_log_init("test_bus_outage", getenv("OB_TEST_DEBUG") ? OB_LOG_DEBUG : OB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_that_goes_and_comes_is_noticed_and_nothing_read_is_lost),
        cmocka_unit_test(an_instance_is_followed_without_waiting_for_a_slow_broker),
        cmocka_unit_test(without_traffic_the_return_is_noticed_too),
        cmocka_unit_test(only_who_writes_alone_has_a_producer_id),
        cmocka_unit_test(a_producer_that_failed_for_good_is_replaced),
        cmocka_unit_test(a_producer_that_failed_is_replaced_without_a_poll),
        cmocka_unit_test(what_a_failed_producer_held_is_reported_as_failed),
        cmocka_unit_test(a_producer_that_sends_nothing_is_replaced),
        cmocka_unit_test(a_lost_position_is_resolved_anew),
        cmocka_unit_test(a_topic_that_went_away_is_read_again_when_it_is_back),
        cmocka_unit_test(a_client_that_ends_late_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
