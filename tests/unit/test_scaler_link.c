/* When silence counts: only while the scaler's own probe comes back through every partition. */
#include "unit.h"

#include "kafka_probe.h"

/* The nonce that the link's probes carry. */
static const char *nonce_of(const probe_link *link)
{
    static char nonce[64];
    (void)snprintf(nonce, sizeof(nonce), "%016llx-1", (unsigned long long)link->session);
    return nonce;
}

static void the_link_is_good_while_every_partition_answers(void **state)
{
    probe_link link;
    link_init(&link, 1000, 2);
    link_update(&link, 1100, 300);
    assert_int_equal(link_good_ms(&link, 1400), 300);
    link_seen(&link, 0, nonce_of(&link), 1400);
    link_update(&link, 1400, 300); /* partition 1 is silent for 400 */
    assert_int_equal(link_good_ms(&link, 1400), 0);
    assert_int_equal(link_silent_ms(&link, 1400), 400);
    link_seen(&link, 1, nonce_of(&link), 1450);
    link_update(&link, 1450, 300);
    assert_int_equal(link_good_ms(&link, 1460), 10); /* counted anew */
}

static void only_its_own_probes_count(void **state)
{
    probe_link link;
    link_init(&link, 1000, 1);
    link_seen(&link, 0, "0000000000000000-1", 2000);
    link_seen(&link, 0, "", 2000);
    link_seen(&link, 7, nonce_of(&link), 2000);
    link_seen(&link, -1, nonce_of(&link), 2000);
    assert_int_equal(link_silent_ms(&link, 2000), 1000);
    link_seen(&link, 0, nonce_of(&link), 2000);
    assert_int_equal(link_silent_ms(&link, 2000), 0);
}

static void without_partitions_it_is_never_good(void **state)
{
    probe_link link;
    link_init(&link, 1000, 0);
    link_update(&link, 1000, 300);
    assert_int_equal(link_good_ms(&link, 2000), 0);
}

/* Turns of 200 ms, whose probes come back: the time in which silence counts. */
static int64_t heard(probe_link *link, int64_t *now_ms, int64_t ms)
{
    int64_t sum = 0;
    for (int64_t end = *now_ms + ms; *now_ms < end;) {
        *now_ms += 200;
        link_seen(link, 0, nonce_of(link), *now_ms);
        link_update(link, *now_ms, 3000);
        int64_t one = link_heard_ms(link, *now_ms, 5000, 1000, 30000);
        assert_int_not_equal(one, LINK_BROKEN);
        sum += one;
    }
    return sum;
}

static void silence_counts_while_the_link_is_good_and_this_process_listens(void **state)
{
    probe_link link;
    int64_t now_ms = 1000;
    link_init(&link, now_ms, 1);
    assert_int_equal(heard(&link, &now_ms, 5200), 0); /* grace */
    assert_int_equal(heard(&link, &now_ms, 10000), 10000);

    now_ms += 2500; /* a stall: neither this time counts, nor as much again */
    link_update(&link, now_ms, 3000);
    assert_int_equal(link_heard_ms(&link, now_ms, 5000, 1000, 30000), 0);
    assert_int_equal(heard(&link, &now_ms, 2400), 0);
    assert_int_equal(heard(&link, &now_ms, 1200), 1100);
}

static void what_is_owed_for_stalls_is_bounded(void **state)
{
    probe_link link;
    int64_t now_ms = 1000;
    link_init(&link, now_ms, 1);
    (void)heard(&link, &now_ms, 6000);
    for (int i = 0; i < 100; i++) {
        now_ms += 2000;
        link_seen(&link, 0, nonce_of(&link), now_ms);
        link_update(&link, now_ms, 3000);
        assert_int_equal(link_heard_ms(&link, now_ms, 5000, 1000, 30000), 0);
    }
    assert_int_equal(heard(&link, &now_ms, 40000), 10000);
}

static void a_broken_link_is_told(void **state)
{
    probe_link link;
    int64_t now_ms = 1000;
    link_init(&link, now_ms, 1);
    (void)heard(&link, &now_ms, 10000);
    for (int i = 0; i < 20; i++) {
        now_ms += 200;
        link_update(&link, now_ms, 3000);
        int64_t one = link_heard_ms(&link, now_ms, 5000, 1000, 30000);
        assert_int_equal(one, i < 15 ? 200 : LINK_BROKEN);
    }
    assert_int_equal(heard(&link, &now_ms, 5200), 0);
    assert_int_equal(heard(&link, &now_ms, 1000), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_link_is_good_while_every_partition_answers),
        cmocka_unit_test(only_its_own_probes_count),
        cmocka_unit_test(without_partitions_it_is_never_good),
        cmocka_unit_test(silence_counts_while_the_link_is_good_and_this_process_listens),
        cmocka_unit_test(what_is_owed_for_stalls_is_bounded),
        cmocka_unit_test(a_broken_link_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
