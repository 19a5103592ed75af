/* Links that sign in once, within a minute. */
#include "unit.h"

#include "ob/text.h"
#include "sign_in_link.h"

#define NOW 1800000000000LL

static const uint8_t key[SEALED_KEY] = { 7 }, other_key[SEALED_KEY] = { 8 };

static char *made_at(const char *key_id, int64_t at_ms)
{
    web_session s = { .ends_ms = NOW + 3600000 };
    char *link = NULL;
    (void)ob_text_into(s.who, sizeof s.who, "AKIA");
    (void)ob_text_into(s.key_id, sizeof s.key_id, key_id);
    (void)ob_text_into(s.region, sizeof s.region, "us-east-1");
    memset(s.pass, 'a', PASS_DIGITS);
    assert_int_equal(link_make(key, &s, at_ms, &link, NULL), 0);
    return link;
}

static int redeem(link_keeper *k, const char *link, int64_t at_ms)
{
    web_session s = { 0 };
    int r = link_redeem(k, link, at_ms, &s, NULL);
    if (r == 0)
        assert_string_equal(s.who, "AKIA");
    return r;
}

static void a_link_counts_once(void **state)
{
    (void)state;
    link_keeper *k = link_keeper_new(key, NOW - 1000);
    ob_cleanup(ob_freep) char *one = made_at("ASIA1", NOW), *two = made_at("ASIA2", NOW);
    assert_int_equal(redeem(k, one, NOW + 1000), 0);
    assert_int_equal(redeem(k, one, NOW + 1000), -EACCES);
    assert_int_equal(redeem(k, one, NOW + 59000), -EACCES);
    assert_int_equal(redeem(k, two, NOW + 59000), 0);
    link_keeper_free(k);
}

static void another_sealing_of_its_session_is_the_same_link(void **state)
{
    (void)state;
    link_keeper *k = link_keeper_new(key, NOW - 1000);
    ob_cleanup(ob_freep) char *one = made_at("ASIA1", NOW), *again = made_at("ASIA1", NOW + 5);
    assert_string_not_equal(one, again);
    assert_int_equal(redeem(k, one, NOW + 10), 0);
    assert_int_equal(redeem(k, again, NOW + 10), -EACCES);
    link_keeper_free(k);
}

static void a_link_ends_after_a_minute(void **state)
{
    (void)state;
    link_keeper *k = link_keeper_new(key, NOW - 1000);
    ob_cleanup(ob_freep) char *one = made_at("ASIA1", NOW);
    assert_int_equal(redeem(k, one, NOW + LINK_LASTS_MS + 1), -EACCES);
    assert_int_equal(redeem(k, one, NOW - 60000), -EACCES);
    assert_int_equal(redeem(k, one, NOW + LINK_LASTS_MS), 0);
    link_keeper_free(k);
}

static void after_a_restart_no_earlier_link_counts(void **state)
{
    (void)state;
    link_keeper *k = link_keeper_new(key, NOW + 1);
    ob_cleanup(ob_freep) char *before = made_at("ASIA1", NOW), *after = made_at("ASIA2", NOW + 2);
    assert_int_equal(redeem(k, before, NOW + 10), -EACCES);
    assert_int_equal(redeem(k, after, NOW + 10), 0);
    link_keeper_free(k);
}

static void its_time_cannot_be_changed(void **state)
{
    (void)state;
    link_keeper *k = link_keeper_new(key, NOW - 1000);
    ob_cleanup(ob_freep) char *old = made_at("ASIA1", NOW - 120000);
    ob_cleanup(ob_freep) char *younger = ob_strf("%lld%s", NOW, strchr(old, '.'));
    assert_int_equal(redeem(k, younger, NOW), -EACCES);
    link_keeper_free(k);
}

static void what_is_no_link_is_refused(void **state)
{
    (void)state;
    link_keeper *k = link_keeper_new(other_key, NOW - 1000);
    ob_cleanup(ob_freep) char *of_another = made_at("ASIA1", NOW);
    static const char *const wrong[] = {
        "", ".", "1800000000000", "1800000000000.", "x.y", "99999999999999999999999.AAAA", "-1.AAAA"
    };
    assert_int_equal(redeem(k, of_another, NOW), -EACCES);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(redeem(k, wrong[i], NOW), -EACCES);
    link_keeper_free(k);
}

static void when_too_many_links_are_used_the_next_is_refused_not_forgotten(void **state)
{
    (void)state;
    link_keeper *k = link_keeper_new(key, NOW - 1000);
    int taken = 0;
    for (int i = 0; i < 300; i++) {
        ob_cleanup(ob_freep) char *name = ob_strf("ASIA%d", i);
        ob_cleanup(ob_freep) char *link = made_at(name, NOW);
        if (redeem(k, link, NOW) == 0)
            taken++;
        assert_int_equal(redeem(k, link, NOW), -EACCES);
    }
    assert_int_equal(taken, 256);
    ob_cleanup(ob_freep) char *later = made_at("ASIALATER", NOW + 120000);
    assert_int_equal(redeem(k, later, NOW + 120000), 0);
    link_keeper_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_counts_once),
        cmocka_unit_test(another_sealing_of_its_session_is_the_same_link),
        cmocka_unit_test(a_link_ends_after_a_minute),
        cmocka_unit_test(after_a_restart_no_earlier_link_counts),
        cmocka_unit_test(its_time_cannot_be_changed),
        cmocka_unit_test(what_is_no_link_is_refused),
        cmocka_unit_test(when_too_many_links_are_used_the_next_is_refused_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
