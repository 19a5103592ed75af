/* When silence counts: only while the scaler's own probe comes back through every partition. */
#include "unit.h"

#include "link.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_link_is_good_while_every_partition_answers),
        cmocka_unit_test(only_its_own_probes_count),
        cmocka_unit_test(without_partitions_it_is_never_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
