/* Ids of traces and spans, and W3C's traceparent. */
#include "unit.h"

#include "ob/trace.h"

#define JOB "01900000-0000-7000-8000-00000000abcd"
#define TRACE "0190000000007000800000000000abcd"
#define GOOD "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static ob_run_ref run_of(const char *text)
{
    ob_run_ref run;
    assert_true(ob_run_ref_parse(text, &run));
    return run;
}

static void a_trace_is_the_job_and_spans_differ(void **state)
{
    (void)state;
    static const char *const runs[] = { JOB "/1", JOB "/2", JOB ":0/1", JOB ":1/1" };
    char trace[OB_TRACE_ID_TEXT], spans[ARRAY_SIZE(runs) * OB_TRACE_PHASE_COUNT][OB_SPAN_ID_TEXT];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        ob_run_ref run = run_of(runs[i]);
        ob_trace_id(&run.id, trace);
        assert_string_equal(trace, TRACE);
        for (ob_trace_phase phase = 0; phase < OB_TRACE_PHASE_COUNT; phase++)
            ob_span_id(&run, phase, spans[n++]);
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strspn(spans[i], "0123456789abcdef"), OB_SPAN_ID_TEXT - 1);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(spans[i], spans[k]);
    }
}

/* Containers and receivers of before an upgrade have them. */
static void ids_stay_the_same_in_all_versions(void **state)
{
    (void)state;
    const ob_run_ref run = run_of(JOB ":7/3");
    char parent[OB_TRACEPARENT_TEXT];
    ob_traceparent read;
    ob_traceparent_format(&run, OB_TRACE_RUN, parent);
    assert_string_equal(parent, "00-" TRACE "-1d220ac7123bf373-01");
    assert_true(ob_traceparent_parse(parent, &read));
    assert_string_equal(read.trace_id, TRACE);
    assert_int_equal(read.flags, 1);
}

static void a_traceparent_is_read_by_its_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        { "00-" GOOD, true },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true },
        { "01-" GOOD, true }, /* a later version */
        { "fe-" GOOD "-more", true },
        { "01-" GOOD "more", false },
        { "00-" GOOD "-more", false },
        { "00-" GOOD " ", false },
        { "ff-" GOOD, false },
        { "0x-" GOOD, false },
        { "", false },
        { "00", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false },
        { "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", false },
        { "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", false },
        { "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", false },
        { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", false },
    };
    ob_traceparent read;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (ob_traceparent_parse(cases[i].text, &read) != cases[i].valid)
            fail_msg("%s", cases[i].text);
    assert_true(
        ob_traceparent_parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-a3", &read));
    assert_string_equal(read.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(read.span_id, "00f067aa0ba902b7");
    assert_int_equal(read.flags, 0xa3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_the_job_and_spans_differ),
        cmocka_unit_test(ids_stay_the_same_in_all_versions),
        cmocka_unit_test(a_traceparent_is_read_by_its_rules),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
