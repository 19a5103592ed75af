/* The api's cache of names: entries belong to one caller, and they are dropped. */
#include "unit.h"

#include "request/name_cache.h"

static api_request from(const char *account, const char *region)
{
    return (api_request){ .account = account, .region = region };
}

static void a_caller_finds_only_its_own(void **state)
{
    known *k = known_new();
    api_request me = from("1", "eu"), abroad = from("1", "us"), other = from("2", "eu");
    api_queue found, queue = { .id = 7, .name = "q", .enabled = true };
    known_queue_put(k, &me, "q", &queue);
    assert_true(known_queue(k, &me, "q", &found));
    assert_int_equal(found.id, 7);
    assert_string_equal(found.name, "q");
    assert_false(known_queue(k, &abroad, "q", &found));
    assert_false(known_queue(k, &other, "q", &found));
    assert_false(known_queue(k, &me, "Q", &found));
    assert_false(known_queue(k, &me, NULL, &found));
    api_definition definition;
    assert_false(known_definition(k, &me, "q", &definition));
    known_free(k);
}

static void a_definition_outlives_its_being_forgotten(void **state)
{
    known *k = known_new();
    api_request me = from("1", "eu");
    api_definition made = {
        .id = 3, .revision = 2, .latest = true, .body = json_pack("{s:i}", "a", 1)
    };
    known_definition_put(k, &me, "d", &made);
    api_definition_done(&made);
    api_definition found = { 0 }, gone;
    assert_true(known_definition(k, &me, "d", &found));
    known_forget(k, &me, "q", "d");
    assert_false(known_definition(k, &me, "d", &gone));
    assert_true(found.latest);
    assert_int_equal(json_integer_value(json_object_get(found.body, "a")), 1);
    api_definition_done(&found);
    known_free(k);
}

static void names_without_end_do_not_fill_the_memory(void **state)
{
    known *k = known_new();
    api_request me = from("1", "eu");
    int kept = 0;
    for (int64_t i = 0; i < 5000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "q%lld", (long long)i);
        known_queue_put(k, &me, name, &(api_queue){ .id = i });
    }
    for (int64_t i = 0; i < 5000; i++) {
        char name[32];
        api_queue found;
        (void)snprintf(name, sizeof(name), "q%lld", (long long)i);
        if (known_queue(k, &me, name, &found)) {
            assert_int_equal(found.id, i);
            kept++;
        }
    }
    assert_in_range(kept, 1, 1000);
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    api_queue found;
    known_queue_put(k, &me, text, &(api_queue){ .id = 1 });
    assert_false(known_queue(k, &me, text, &found));
    known_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caller_finds_only_its_own),
        cmocka_unit_test(a_definition_outlives_its_being_forgotten),
        cmocka_unit_test(names_without_end_do_not_fill_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
