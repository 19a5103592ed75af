/* The bus with librdkafka's mock cluster: positions, keys, reports, groups, settings. */
#include "bus_mock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../shared/src/bus_internal.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/log.h"

static void only_what_comes_after_the_assignment_is_seen(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("after", 4);
    char text[16];
    for (int i = 1; i <= 100; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        say(bus, "after", text, text, &s);
    }
    poll_until(bus, &s.delivered, 100);
    assign(bus, "after");
    for (int i = 101; i <= 200; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        say(bus, "after", text, text, NULL);
    }
    poll_until(bus, &s.n, 100);
    poll_for(bus, 300);
    assert_int_equal(s.n, 100);
    for (int i = 1; i <= 200; i++)
        assert_int_equal(s.got[i], i > 100);
    assert_string_equal(s.topic, "after");
    assert_true(ob_bus_is_up(bus));
    assert_int_equal(s.up, 1);
    assert_int_equal(s.down, 0);

    ob_bus_unassign(bus);
    say(bus, "after", NULL, "300", &s);
    poll_until(bus, &s.delivered, 101);
    poll_for(bus, 500);
    assert_int_equal(s.n, 100);
    ob_bus_free(bus);
}

static void a_new_assignment_replaces_the_old_one(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("old", 1);
    make_topic("new", 1);
    assign(bus, "old");
    assign(bus, "new");
    say(bus, "old", NULL, "1", &s);
    say(bus, "new", NULL, "2", &s);
    poll_until(bus, &s.n, 1);
    poll_for(bus, 500);
    assert_true(s.got[2]);
    assert_false(s.got[1]);
    assign(bus, "old"); /* and back: what was missed stays missed */
    say(bus, "old", NULL, "3", &s);
    poll_until(bus, &s.n, 2);
    poll_for(bus, 300);
    assert_true(s.got[3]);
    assert_false(s.got[1]);
    ob_bus_free(bus);
}

static void one_partition_can_be_chosen(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    ob_error err = { 0 };
    make_topic("chosen", 3);
    make_topic("whole", 2);
    const char *const topics[] = { "chosen", "whole", NULL };
    const int32_t only[] = { 1, -1 };
    assert_int_equal(ob_bus_assign_end(bus, topics, only, 10000, &err), 0);
    for (int32_t p = 0; p < 3; p++)
        assert_int_equal(ob_bus_send(bus, OB_POINT_API_RING, "chosen", p, NULL, 0,
                                     p == 1 ? "1" : "9", 1, NULL, &err),
                         0);
    for (int32_t p = 0; p < 2; p++)
        assert_int_equal(
            ob_bus_send(bus, OB_POINT_API_RING, "whole", p, "k", 1, "2", 1, NULL, &err), 0);
    poll_until(bus, &s.n, 3);
    poll_for(bus, 300);
    assert_int_equal(s.n, 3);
    assert_true(s.got[1] && s.got[2] && !s.got[9]);
    const int32_t beyond[] = { 3, -1 };
    assert_int_equal(ob_bus_assign_end(bus, topics, beyond, 10000, &err), -ENOENT);
    assert_true(err.retriable);
    ob_bus_free(bus);
}

static void equal_keys_meet_on_one_partition_and_arrive_whole(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("keyed", 4);
    assign(bus, "keyed");
    int32_t first = -1;
    for (int i = 0; i < 5; i++) {
        say(bus, "keyed", "i-0123456789abcdef0", "x", NULL);
        poll_until(bus, &s.n, i + 1);
        assert_string_equal(s.key, "i-0123456789abcdef0");
        if (first < 0)
            first = s.partition;
        assert_int_equal(s.partition, first);
        assert_int_equal(s.offset, i);
    }
    say(bus, "keyed", NULL, "", NULL); /* neither key nor text */
    poll_until(bus, &s.n, 6);
    assert_string_equal(s.text, "");
    assert_string_equal(s.key, "");
    ob_bus_free(bus);
}

static void partitions_and_watermarks_are_told(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    ob_error err = { 0 };
    make_topic("counted", 3);
    int32_t count = 0;
    assert_int_equal(ob_bus_partitions(bus, "counted", 10000, &count, &err), 0);
    assert_int_equal(count, 3);
    assert_int_equal(ob_bus_partitions(bus, "counted", 0, &count, &err),
                     0); /* cached: no time needed */
    for (int i = 0; i < 7; i++)
        assert_int_equal(
            ob_bus_send(bus, OB_POINT_API_RING, "counted", 2, NULL, 0, "x", 1, &s, &err), 0);
    poll_until(bus, &s.delivered, 7);
    int64_t low = -1, high = -1;
    assert_int_equal(ob_bus_watermarks(bus, "counted", 2, 10000, &low, &high, &err), 0);
    assert_int_equal(low, 0);
    assert_int_equal(high, 7);
    assert_int_equal(ob_bus_watermarks(bus, "counted", 0, 10000, NULL, &high, &err), 0);
    assert_int_equal(high, 0);
    ob_bus_free(bus);
}

static void poll_takes_at_most_max_and_its_descriptor_says_when_there_is_more(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("many", 1);
    assign(bus, "many");
    char text[16];
    for (int i = 1; i <= 1000; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        say(bus, "many", NULL, text, NULL);
    }
    /* As an epoll loop does: poll only when the descriptor is readable. */
    for (int64_t end = ob_mono_ms() + 20000; s.n < 1000;) {
        struct pollfd fd = { .fd = ob_bus_fd(bus), .events = POLLIN };
        assert_true(poll(&fd, 1, 10000) == 1 && ob_mono_ms() < end);
        int before = s.n;
        int n = ob_bus_poll(bus, 0, 7);
        assert_true(n <= 7);
        assert_int_equal(s.n - before, n);
    }
    for (int i = 1; i <= 1000; i++)
        assert_true(s.got[i]);
    ob_bus_free(bus);
}

static void take_20_ms(seen *s)
{
    (void)poll(NULL, 0, 20);
}

/* As an epoll loop does, again. */
static void handle_slowly(ob_bus *bus, seen *s, int many)
{
    for (int64_t end = ob_mono_ms() + 20000; s->n < many;) {
        struct pollfd fd = { .fd = ob_bus_fd(bus), .events = POLLIN };
        assert_true(poll(&fd, 1, 10000) == 1 && ob_mono_ms() < end);
        int n = ob_bus_poll(bus, 0, 1000);
        assert_true(n <= OB_BUS_HANDLE_MS / 20 + 1);
    }
}

static void slow_messages_do_not_keep_the_caller_from_its_turn(void **state)
{
    enum { MANY = 40 };
    static seen s;
    ob_bus *bus = open_bus(&s, "openbatch-slow");
    make_topic("slow", 1);
    make_topic("slow-grouped", 1);
    assign(bus, "slow");
    s.in_handler = take_20_ms;
    for (int i = 0; i < MANY; i++)
        say(bus, "slow", NULL, "x", &s);
    (void)poll(NULL, 0, 1000); /* so that many wait */
    handle_slowly(bus, &s, MANY);
    assert_int_equal(s.n, MANY);

    const char *const topics[] = { "slow-grouped", NULL };
    ob_error err = { 0 };
    s.n = 0;
    for (int i = 0; i < MANY; i++)
        say(bus, "slow-grouped", NULL, "x", &s);
    assert_int_equal(ob_bus_subscribe(bus, topics, &err), 0);
    for (int64_t end = ob_mono_ms() + 20000; s.n < MANY;) {
        assert_true(ob_mono_ms() < end);
        int n = ob_bus_poll(bus, 100, 1000);
        assert_true(n <= OB_BUS_HANDLE_MS / 20 + 1);
    }
    assert_int_equal(s.n, MANY);
    ob_bus_free(bus);
}

static void stop_reading_in_handler(seen *s)
{
    ob_bus_unassign(s->bus);
}

static void after_unassign_in_a_handler_nothing_more_is_handled(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("deposed", 1);
    assign(bus, "deposed");
    s.in_handler = stop_reading_in_handler;
    for (int i = 0; i < 50; i++)
        say(bus, "deposed", NULL, "x", &s);
    (void)poll(NULL, 0, 1000); /* so that many wait */
    poll_until(bus, &s.delivered, 50);
    poll_for(bus, 500);
    assert_int_equal(s.n, 1);
    ob_bus_free(bus);
}

static void a_report_brings_its_reference_and_ends_a_wait(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("report", 1);
    int mine = 0;
    say(bus, "report", NULL, "x", &mine);
    int64_t start = ob_mono_ms();
    while (!s.delivered)
        (void)ob_bus_poll(bus, 15000, 10);
    assert_true(ob_mono_ms() - start < 10000);
    assert_ptr_equal(s.last_ref, &mine);
    ob_bus_free(bus);
}

static void too_large_a_message_is_refused(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    ob_error err = { 0 };
    size_t size = 2 * 1024 * 1024;
    char *text = calloc(1, size);
    assert_int_equal(
        ob_bus_send(bus, OB_POINT_API_RING, "large", -1, NULL, 0, text, size, NULL, &err),
        -EMSGSIZE);
    assert_false(err.retriable);
    free(text);
    ob_bus_free(bus);
}

static void *send_many(void *arg)
{
    seen *s = arg;
    for (int i = 1; i <= 1000; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", i);
        say(s->bus, "threads", text, text, s);
    }
    return NULL;
}

static void any_thread_may_send(void **state)
{
    static seen s;
    ob_bus *bus = open_bus(&s, NULL);
    make_topic("threads", 2);
    assign(bus, "threads");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &s), 0);
    poll_until(bus, &s.delivered, 4000);
    poll_until(bus, &s.n, 4000);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    ob_bus_free(bus);
}

static void a_group_goes_on_where_it_committed(void **state)
{
    static seen s;
    ob_error err = { 0 };
    make_topic("grouped", 1);
    const char *const topics[] = { "grouped", NULL };
    ob_bus *bus = open_bus(&s, NULL);
    assert_int_equal(ob_bus_subscribe(bus, topics, &err), -EINVAL); /* no group configured */
    assert_int_equal(ob_bus_commit(bus, OB_POINT_API_LOG_OFFSETS, &err), -EINVAL);
    say(bus, "grouped", NULL, "1", &s);
    poll_until(bus, &s.delivered, 1);
    ob_bus_free(bus);

    bus = open_bus(&s, "openbatch-test");
    assert_int_equal(ob_bus_subscribe(bus, topics, &err), 0);
    poll_until(bus, &s.n, 1); /* from the beginning: nothing was committed */
    assert_true(s.got[1]);
    assert_int_equal(ob_bus_commit(bus, OB_POINT_API_LOG_OFFSETS, &err), 0);
    say(bus, "grouped", NULL, "2", &s);
    poll_until(bus, &s.n, 2);
    ob_bus_free(bus); /* the second is not committed */

    bus = open_bus(&s, "openbatch-test");
    assert_int_equal(ob_bus_subscribe(bus, topics, &err), 0);
    poll_until(bus, &s.n, 1);
    poll_for(bus, 300);
    assert_int_equal(s.n, 1);
    assert_true(s.got[2]);
    ob_bus_free(bus);
}

static void freeing_sends_what_is_queued(void **state)
{
    static seen s, other;
    make_topic("flushed", 1);
    ob_bus *reader = open_bus(&other, NULL);
    assign(reader, "flushed");
    ob_bus *bus = open_bus(&s, NULL);
    for (int i = 0; i < 100; i++)
        say(bus, "flushed", NULL, "x", &s);
    ob_bus_free(bus);
    assert_int_equal(s.delivered, 100);
    poll_until(reader, &other.n, 100);
    ob_bus_free(reader);
    ob_bus_free(NULL);
}

static int open_with_settings(const char *text, ob_error *err)
{
    char path[] = "/tmp/test_bus.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    const ob_bus_config config = {
        .servers = rd_kafka_mock_cluster_bootstraps(cluster),
        .client_id = "test",
        .settings = path,
        .on_msg = on_msg,
        .arg = &(seen){ 0 },
    };
    ob_bus *bus = NULL;
    int r = ob_bus_new(&config, &bus, err);
    ob_bus_free(bus);
    assert_int_equal(unlink(path), 0);
    return r;
}

static void an_operators_settings_are_taken_or_refused_by_name(void **state)
{
    ob_error err = { 0 };
    assert_int_equal(open_with_settings("# ours\n\nlinger.ms=3\n", &err), 0);
    assert_int_equal(open_with_settings("no.such.setting=1\n", &err), -EINVAL);
    assert_non_null(strstr(err.text, "no.such.setting"));
    assert_int_equal(open_with_settings("linger.ms\n", &err), -EINVAL);
    assert_non_null(strstr(err.text, "name=value"));
}

static void a_pem_takes_one_line_of_the_settings(void **state)
{
    static const char settings[] =
        "security.protocol=SSL\n"
        "ssl.ca.pem="
        "-----BEGIN CERTIFICATE-----\\n"
        "MIIBdjCCARugAwIBAgIUFeQK+8DtLwMKTZ6NAugKk2HEuuowCgYIKoZIzj0EAwIw\\n"
        "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQwMDM2NDNaGA8yMTI2MTAzMTAwMzY0\\n"
        "M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJJo\\n"
        "fzcq3FeXbx1fgvhlVXkOPiFu3GazDIOpLN+L3GsmX8dVAN8TJEYjr9qc+bI+s7qa\\n"
        "U70T48RPi2oUMpZ5nBejUzBRMB0GA1UdDgQWBBTd9CkWftnIn/l+LPKNXa4f+nIx\\n"
        "KDAfBgNVHSMEGDAWgBTd9CkWftnIn/l+LPKNXa4f+nIxKDAPBgNVHRMBAf8EBTAD\\n"
        "AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCJTiQ0svTITchWjhPiTAbwMa75ydJwcgKc\\n"
        "skmDfHVXDwIhAIkjJRv1mIuULYJ0ZchwqcrTIQiz6OcgsBajoOW/Y7K0\\n"
        "-----END CERTIFICATE-----\\n";
    ob_error err = { 0 };
    assert_int_equal(open_with_settings(settings, &err), 0);
    assert_int_equal(
        open_with_settings("security.protocol=SSL\nssl.ca.pem=-----BEGIN CERTIFICATE\n", &err),
        -EINVAL);
}

static void a_service_s_password_is_read_from_its_file(void **state)
{
    ob_error err = { 0 };
    ob_bus *bus = NULL;
    char servers[200], password[] = "/no/such/file";
    (void)snprintf(servers, sizeof(servers), "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    ob_config_common service = { .kafka = servers, .kafka_partitions = 1 };
    const ob_bus_config config = { .client_id = "test", .on_msg = on_msg, .arg = &(seen){ 0 } };
    assert_int_equal(ob_bus_open(&service, &config, &bus, &err), 0);
    ob_bus_free(bus);
    service.kafka_password_file = password;
    assert_int_equal(ob_bus_open(&service, &config, &bus, &err), -ENOENT);
    assert_non_null(strstr(err.text, password));
}

/* ---- who is at the other end ---- */

static void write_pid(const char *path, int pid)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "%d\n", pid);
    assert_int_equal(fclose(file), 0);
}

static int listen_here(struct sockaddr_in *ret)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(*ret);
    *ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

static void who_has_the_other_end_is_found_out(void **state)
{
    char path[] = "/tmp/ob-pid-XXXXXX";
    struct sockaddr_in address;
    int file = mkstemp(path), listener = listen_here(&address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(file >= 0 && fd >= 0);
    (void)close(file);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    int other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(other >= 0);
    for (int ask = 0; ask <= 1; ask++) {
        write_pid(path, getpid());
        assert_true(bus_peer_is(fd, path, ask));
        write_pid(path, getppid());
        assert_false(bus_peer_is(fd, path, ask));
        write_pid(path, 0);
        assert_false(bus_peer_is(fd, path, ask));
        (void)unlink(path);
        assert_false(bus_peer_is(fd, path, ask));
    }
    (void)close(other);
    (void)close(fd);
    (void)close(listener);
}

/* Nothing is said to one that is not Kafka's process, whatever it would answer. */
static void another_process_on_kafkas_port_hears_nothing(void **state)
{
    char path[] = "/tmp/ob-pid-XXXXXX", said[16];
    struct sockaddr_in address;
    int file = mkstemp(path), listener = listen_here(&address);
    assert_true(file >= 0);
    (void)close(file);
    write_pid(path, getppid());
    ob_cleanup(ob_freep) char *servers = ob_strf("127.0.0.1:%d", ntohs(address.sin_port));
    const ob_bus_config config = { .servers = servers,
                                   .user = "scheduler",
                                   .password = "secret",
                                   .client_id = "test",
                                   .pid_file = path };
    ob_bus *bus = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_bus_new(&config, &bus, &err), 0);
    int other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(other >= 0);
    assert_int_equal(recv(other, said, sizeof(said), 0), 0); /* closed */
    (void)close(other);
    ob_bus_free(bus);
    (void)close(listener);
    (void)unlink(path);
}

int main(void)
{
    cmocka_set_test_filter(getenv("OB_TEST_FILTER"));
    ob_log_init("test_bus", getenv("OB_TEST_DEBUG") ? OB_LOG_DEBUG : OB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_comes_after_the_assignment_is_seen),
        cmocka_unit_test(a_new_assignment_replaces_the_old_one),
        cmocka_unit_test(one_partition_can_be_chosen),
        cmocka_unit_test(equal_keys_meet_on_one_partition_and_arrive_whole),
        cmocka_unit_test(partitions_and_watermarks_are_told),
        cmocka_unit_test(poll_takes_at_most_max_and_its_descriptor_says_when_there_is_more),
        cmocka_unit_test(slow_messages_do_not_keep_the_caller_from_its_turn),
        cmocka_unit_test(after_unassign_in_a_handler_nothing_more_is_handled),
        cmocka_unit_test(a_report_brings_its_reference_and_ends_a_wait),
        cmocka_unit_test(too_large_a_message_is_refused),
        cmocka_unit_test(any_thread_may_send),
        cmocka_unit_test(a_group_goes_on_where_it_committed),
        cmocka_unit_test(freeing_sends_what_is_queued),
        cmocka_unit_test(an_operators_settings_are_taken_or_refused_by_name),
        cmocka_unit_test(a_pem_takes_one_line_of_the_settings),
        cmocka_unit_test(a_service_s_password_is_read_from_its_file),
        cmocka_unit_test(who_has_the_other_end_is_found_out),
        cmocka_unit_test(another_process_on_kafkas_port_hears_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
