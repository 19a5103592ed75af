/* Messages of batch.job-state, as a tab hears of them. */
#include "unit.h"

#include "changes.h"
#include "ob/job.h"
#include "ob/json.h"
#include "ob/message.h"

#define QUEUE "arn:aws:batch:us-east-1:123456789012:job-queue/q"
#define OTHER "arn:aws:batch:us-east-1:123456789012:job-queue/other"
#define JOB "0199a1b2-0000-7000-8000-000000000001"

static bool read_text(const char *text, job_change *ret)
{
    return change_read(text, strlen(text), ret);
}

static char *event(const char *kind, const char *queue, const char *job, const char *status)
{
    return ob_strf(
        "{\"detail-type\":\"%s\",\"detail\":{\"jobName\":\"<script>\",\"jobQueue\":\"%s\","
        "\"jobId\":\"%s\",\"status\":\"%s\"}}",
        kind, queue, job, status);
}

static void a_change_of_state_is_read(void **state)
{
    (void)state;
    job_change one;
    ob_cleanup(ob_freep) char *text = event("Batch Job State Change", QUEUE, JOB ":7", "RUNNING");
    assert_true(read_text(text, &one));
    assert_string_equal(one.queue, QUEUE);
    assert_string_equal(one.job, JOB ":7");
    assert_int_equal(one.state, OB_JOB_RUNNING);
    assert_false(one.blocked);
    ob_cleanup(ob_freep) char *blocked = event("Batch Job Queue Blocked", QUEUE, JOB, "RUNNABLE");
    assert_true(read_text(blocked, &one));
    assert_true(one.blocked);
    assert_string_equal(one.job, JOB);
}

static void what_is_not_of_ours_is_not_read(void **state)
{
    (void)state;
    job_change one;
    static const char *const parts[][4] = {
        { "Something Else", QUEUE, JOB, "RUNNING" },
        { "Batch Job State Change", "", JOB, "RUNNING" },
        { "Batch Job State Change", QUEUE, "", "RUNNING" },
        { "Batch Job State Change", QUEUE, JOB, "SLEEPING" },
        { "Batch Job State Change", QUEUE, "a\\\"b", "RUNNING" },
        { "Batch Job State Change", QUEUE, "<b>", "RUNNING" },
        { "Batch Job State Change", "q\\n\\ndata: x", JOB, "RUNNING" },
        { "Batch Job State Change", QUEUE,
          "0123456789012345678901234567890123456789012345678901234567890", "RUNNING" },
    };
    static const char *const texts[] = { "", "{", "[]", "null", "{\"detail\":[]}", "\xff\xff" };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        ob_cleanup(ob_freep) char *text = event(parts[i][0], parts[i][1], parts[i][2], parts[i][3]);
        assert_false(read_text(text, &one));
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_false(read_text(texts[i], &one));
}

static void add(changes *c, const char *queue, const char *job, ob_job_state to)
{
    job_change one = { .state = (uint8_t)to, .at_s = 1700000000, .blocked = !*job };
    (void)snprintf(one.reason, sizeof one.reason, "\"a\" <b>\n\xff");
    (void)snprintf(one.queue, sizeof one.queue, "%s", queue);
    (void)snprintf(one.job, sizeof one.job, "%s", job);
    changes_add(c, &one);
}

static json_t *told(const changes *c, change_reader *reader)
{
    ob_buf out = { 0 };
    json_t *object = changes_tell(c, reader, &out) ? ob_json_read_text(out.at) : NULL;
    ob_buf_done(&out);
    return object;
}

static int64_t count_of(const json_t *message, const char *queue, const char *state)
{
    return ob_json_int(json_object_get(json_object_get(message, "queues"), queue), state, 0);
}

static void a_tab_hears_of_its_queues_only_and_once(void **state)
{
    (void)state;
    changes *c = ob_calloc(1, sizeof *c);
    char queues[][CHANGE_QUEUE_TEXT] = { QUEUE };
    change_reader reader = { .queues = queues, .n_queues = 1 };
    add(c, QUEUE, JOB, OB_JOB_RUNNING);
    add(c, OTHER, JOB, OB_JOB_RUNNING);
    add(c, QUEUE, JOB, OB_JOB_SUCCEEDED);
    add(c, QUEUE, "", OB_JOB_RUNNABLE);
    json_auto_t *message = told(c, &reader);
    assert_int_equal(count_of(message, QUEUE, "RUNNING"), 1);
    assert_int_equal(count_of(message, QUEUE, "SUCCEEDED"), 1);
    assert_int_equal(count_of(message, OTHER, "RUNNING"), 0);
    assert_true(
        ob_json_bool(json_object_get(json_object_get(message, "queues"), QUEUE), "blocked", false));
    assert_int_equal(json_array_size(json_object_get(message, "jobs")), 2);
    assert_false(ob_json_bool(message, "missed", true));
    assert_null(told(c, &reader));
    add(c, OTHER, JOB, OB_JOB_FAILED);
    assert_null(told(c, &reader));
    free(c);
}

static void however_much_happens_a_message_is_short(void **state)
{
    (void)state;
    changes *c = ob_calloc(1, sizeof *c);
    char queues[][CHANGE_QUEUE_TEXT] = { QUEUE };
    change_reader reader = { .queues = queues, .n_queues = 1 };
    for (int i = 0; i < 5000; i++)
        add(c, QUEUE, JOB, OB_JOB_RUNNING);
    ob_buf out = { 0 };
    assert_true(changes_tell(c, &reader, &out));
    assert_in_range(out.len, 1, 8192);
    json_auto_t *message = ob_json_read_text(out.at);
    assert_int_equal(json_array_size(json_object_get(message, "jobs")), CHANGE_JOBS_MAX);
    assert_true(ob_json_bool(message, "more", false));
    assert_int_equal(count_of(message, QUEUE, "RUNNING"), 5000);
    ob_buf_done(&out);
    free(c);
}

static void who_is_far_behind_is_told_so(void **state)
{
    (void)state;
    changes *c = ob_calloc(1, sizeof *c);
    char queues[][CHANGE_QUEUE_TEXT] = { QUEUE };
    change_reader reader = { .queues = queues, .n_queues = 1 };
    for (int i = 0; i < CHANGES_KEPT + 1; i++)
        add(c, OTHER, JOB, OB_JOB_RUNNING);
    json_auto_t *message = told(c, &reader);
    assert_true(ob_json_bool(message, "missed", false));
    assert_null(told(c, &reader));
    free(c);
}

static void events_are_filtered_before_they_are_cut(void **state)
{
    (void)state;
    changes *c = ob_calloc(1, sizeof *c);
    char queues[][CHANGE_QUEUE_TEXT] = { QUEUE };
    change_reader reader = { .queues = queues,
                             .n_queues = 1,
                             .events = change_kind("FAILED") | change_kind("BLOCKED") };
    add(c, QUEUE, JOB ":1", OB_JOB_FAILED);
    add(c, OTHER, JOB ":2", OB_JOB_FAILED);
    add(c, QUEUE, "", OB_JOB_RUNNABLE);
    for (int i = 0; i < 3000; i++)
        add(c, QUEUE, JOB, OB_JOB_RUNNING);
    json_auto_t *message = told(c, &reader);
    const json_t *events = json_object_get(message, "events");
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(ob_json_int(message, "cut", -1), 0);
    const json_t *failed = json_array_get(events, 1);
    assert_int_equal(json_integer_value(json_array_get(failed, 1)), 1700000000000);
    assert_string_equal(json_string_value(json_array_get(failed, 2)), QUEUE);
    assert_string_equal(json_string_value(json_array_get(failed, 3)), JOB ":1");
    assert_string_equal(json_string_value(json_array_get(failed, 4)), "FAILED");
    assert_string_equal(json_string_value(json_array_get(failed, 5)), "\"a\" <b>\n\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_array_get(json_array_get(events, 0), 4)), "BLOCKED");

    for (int i = 0; i < CHANGE_EVENTS_MAX + 7; i++)
        add(c, QUEUE, JOB, OB_JOB_FAILED);
    json_auto_t *many = told(c, &reader);
    assert_int_equal(json_array_size(json_object_get(many, "events")), CHANGE_EVENTS_MAX);
    assert_int_equal(ob_json_int(many, "cut", -1), 7);

    reader.next = 0;
    reader.is_new = true;
    json_auto_t *past = told(c, &reader);
    assert_int_equal(json_array_size(json_object_get(past, "events")), CHANGE_EVENTS_MAX);
    assert_int_equal(ob_json_int(past, "cut", -1), 0);
    assert_false(reader.is_new);
    assert_int_equal(change_kind("SLEEPING"), 0);
    reader.events = 0;
    add(c, QUEUE, JOB, OB_JOB_FAILED);
    json_auto_t *few = told(c, &reader);
    assert_null(json_object_get(few, "events"));
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_of_state_is_read),
        cmocka_unit_test(what_is_not_of_ours_is_not_read),
        cmocka_unit_test(a_tab_hears_of_its_queues_only_and_once),
        cmocka_unit_test(however_much_happens_a_message_is_short),
        cmocka_unit_test(who_is_far_behind_is_told_so),
        cmocka_unit_test(events_are_filtered_before_they_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
