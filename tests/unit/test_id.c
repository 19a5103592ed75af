/* Identifiers: order, layout, texts and what is refused. */
#include "unit.h"

#include <pthread.h>

#include "ob/clock.h"
#include "ob/id.h"

static void uuids_strictly_increase(void **state)
{
    ob_uuid last = ob_uuid_new();
    for (int i = 0; i < 200000; i++) {
        ob_uuid next = ob_uuid_new();
        assert_true(ob_uuid_cmp(&last, &next) < 0);
        last = next;
    }
}

static void uuids_increase_when_the_clock_is_set_back(void **state)
{
    int64_t now = ob_wall_ms();
    ob_uuid ahead = ob_uuid_new_at(now + 3600 * 1000);
    ob_uuid back = ob_uuid_new_at(now);
    assert_int_equal(ob_uuid_ms(&ahead), now + 3600 * 1000);
    assert_true(ob_uuid_cmp(&ahead, &back) < 0);
    /* As far ahead as before, not further. */
    assert_true(ob_uuid_ms(&back) - ob_uuid_ms(&ahead) <= 1);
}

#define PER_THREAD 20000
static ob_uuid made[4][PER_THREAD];

static void *make_many(void *arg)
{
    ob_uuid *to = arg;
    for (int i = 0; i < PER_THREAD; i++)
        to[i] = ob_uuid_new();
    return NULL;
}

static int by_id(const void *a, const void *b)
{
    return ob_uuid_cmp(a, b);
}

static void uuids_of_threads_differ(void **state)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, made[i]), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    ob_uuid *all = &made[0][0];
    qsort(all, sizeof(made) / sizeof(*all), sizeof(*all), by_id);
    for (size_t i = 1; i < sizeof(made) / sizeof(*all); i++)
        assert_true(ob_uuid_cmp(&all[i - 1], &all[i]) < 0);
}

static void a_uuid_is_version_7_and_tells_its_time(void **state)
{
    int64_t before = ob_wall_ms();
    ob_uuid id = ob_uuid_new();
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    assert_true(ms >= before && ms <= ob_wall_ms() + 1000);
    char text[OB_UUID_TEXT];
    ob_uuid_format(&id, text);
    assert_int_equal(strlen(text), 36);
    assert_int_equal(text[14], '7');
    assert_non_null(strchr("89ab", text[19]));
}

static void uuid_text_goes_round(void **state)
{
    const char *text = "0193a5c8-0000-7abc-8def-0123456789ab";
    ob_uuid id = { 0 };
    char out[OB_UUID_TEXT];
    assert_true(ob_uuid_parse(text, 36, &id));
    ob_uuid_format(&id, out);
    assert_string_equal(out, text);
    assert_true(ob_uuid_parse("0193A5C8-0000-7ABC-8DEF-0123456789AB", 36, &id));
    ob_uuid_format(&id, out);
    assert_string_equal(out, text);
}

static void what_is_no_uuid_is_refused(void **state)
{
    ob_uuid id = { { 1 } };
    const char *const bad[] = { "",
                                "0193a5c8-0000-7abc-8def-0123456789a",
                                "0193a5c8-0000-7abc-8def-0123456789abc",
                                "0193a5c800000-7abc-8def-0123456789ab",
                                "0193a5c8-0000-7abc-8def-0123456789ag",
                                "0193a5c8-0000-7abc-8def0-123456789ab" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(ob_uuid_parse(bad[i], strlen(bad[i]), &id));
    assert_false(ob_uuid_parse(NULL, 36, &id));
    assert_int_equal(id.b[0], 1);
}

#define JOB "0193a5c8-0000-7abc-8def-0123456789ab"

static void job_references_go_round(void **state)
{
    ob_job_ref ref = { 0 };
    char out[OB_RUN_TEXT];
    assert_true(ob_job_ref_parse(JOB, &ref));
    assert_int_equal(ref.index, -1);
    ob_job_ref_format(&ref, out);
    assert_string_equal(out, JOB);
    assert_true(ob_job_ref_parse(JOB ":9999", &ref));
    assert_int_equal(ref.index, 9999);
    ob_job_ref_format(&ref, out);
    assert_string_equal(out, JOB ":9999");
    const char *const bad[] = {
        "",       "x",       JOB ":", JOB ":-1", JOB ":01", JOB ":1x", JOB ":99999999999",
        JOB "/1", JOB ": 1", JOB "x"
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(ob_job_ref_parse(bad[i], &ref));
    assert_false(ob_job_ref_parse(NULL, &ref));
}

static void run_references_go_round(void **state)
{
    ob_run_ref ref = { 0 };
    char out[OB_RUN_TEXT];
    assert_true(ob_run_ref_parse(JOB "/2", &ref));
    assert_int_equal(ref.index, -1);
    assert_int_equal(ref.run, 2);
    ob_run_container_name(&ref, out);
    assert_string_equal(out, "ob-" JOB "-2");
    assert_true(ob_run_ref_parse(JOB ":7/2147483647", &ref));
    ob_run_ref_format(&ref, out);
    assert_string_equal(out, JOB ":7/2147483647");
    ob_run_container_name(&ref, out);
    assert_string_equal(out, "ob-" JOB "-7-2147483647");
    const char *const bad[] = { JOB, JOB "/", JOB "/0", JOB "/-1", JOB "/1/", JOB ":7", JOB ":/1" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(ob_run_ref_parse(bad[i], &ref));
}

static void the_longest_references_fit(void **state)
{
    ob_run_ref ref = { .index = INT32_MAX, .run = INT32_MAX };
    char out[OB_RUN_TEXT];
    ob_run_ref_format(&ref, out);
    assert_string_equal(out, "00000000-0000-0000-0000-000000000000:2147483647/2147483647");
    ob_run_container_name(&ref, out);
    assert_string_equal(out, "ob-00000000-0000-0000-0000-000000000000-2147483647-2147483647");
}

static void a_token_is_stored_as_its_sha256(void **state)
{
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash("abc", hash); /* FIPS 180-2, example B.1 */
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void a_task_id_is_the_hash_of_the_run(void **state)
{
    ob_run_ref ref;
    char out[OB_TASK_TEXT];
    assert_true(ob_run_ref_parse(JOB ":7/2", &ref));
    ob_run_task_id(&ref, out);
    /* printf '<run>' | sha256sum | head -c 32 */
    assert_string_equal(out, "9e57fe746b750116ed7431aea6f5edb9");
}

static void instance_ids_and_tokens_are_hexadecimal(void **state)
{
    char id[OB_INSTANCE_TEXT], other[OB_INSTANCE_TEXT], token[33];
    ob_instance_id_new(id);
    ob_instance_id_new(other);
    assert_int_equal(strlen(id), 19);
    assert_memory_equal(id, "i-", 2);
    assert_int_equal(strspn(id + 2, "0123456789abcdef"), 17);
    assert_string_not_equal(id, other);
    ob_token_new(token, 16);
    assert_int_equal(strspn(token, "0123456789abcdef"), 32);
    assert_int_equal(strlen(token), 32);
}

static void a_uuid_lies_between_those_of_the_milliseconds_around_it(void **state)
{
    ob_uuid id = ob_uuid_new();
    int64_t ms = ob_uuid_ms(&id);
    ob_uuid low = ob_uuid_from_ms(ms), high = ob_uuid_from_ms(ms + 1);
    assert_true(ob_uuid_cmp(&low, &id) <= 0);
    assert_true(ob_uuid_cmp(&id, &high) < 0);
    assert_int_equal(ob_uuid_ms(&low), ms);
    ob_uuid least = ob_uuid_from_ms(-5), most = ob_uuid_from_ms(INT64_MAX);
    assert_int_equal(ob_uuid_ms(&least), 0);
    assert_true(ob_uuid_cmp(&id, &most) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_strictly_increase),
        cmocka_unit_test(uuids_of_threads_differ),
        cmocka_unit_test(a_uuid_is_version_7_and_tells_its_time),
        cmocka_unit_test(a_uuid_lies_between_those_of_the_milliseconds_around_it),
        cmocka_unit_test(uuid_text_goes_round),
        cmocka_unit_test(what_is_no_uuid_is_refused),
        cmocka_unit_test(job_references_go_round),
        cmocka_unit_test(run_references_go_round),
        cmocka_unit_test(the_longest_references_fit),
        cmocka_unit_test(a_token_is_stored_as_its_sha256),
        cmocka_unit_test(a_task_id_is_the_hash_of_the_run),
        cmocka_unit_test(instance_ids_and_tokens_are_hexadecimal),
        /* The last one: from then on ids are an hour ahead. */
        cmocka_unit_test(uuids_increase_when_the_clock_is_set_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
