/* What executors report of pods, and what is shown of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ob/json.h"
#include "ob/mem.h"
#include "ob/pod.h"

static json_t *read(const char *text)
{
    json_t *value = ob_json_read_text(text);
    assert_non_null(value);
    return value;
}

static void assert_json(const json_t *value, const char *want)
{
    ob_cleanup(ob_freep) char *text = json_dumps(value, JSON_COMPACT);
    assert_string_equal(text, want);
}

static void only_known_members_within_their_bounds_are_kept(void **state)
{
    (void)state;
    char longer[2 * OB_POD_TEXT_MAX] = { 0 };
    memset(longer, 'x', sizeof(longer) - 1);
    json_auto_t *said = read("{\"name\":\"p\",\"node\":[1],\"other\":1,\"containers\":["
                             "{\"name\":\"a\",\"exitCode\":256,\"reason\":\"r\",\"x\":{}},"
                             "{\"exitCode\":255,\"containerID\":7},3]}");
    (void)json_object_set_new(said, "namespace", json_string(longer));
    json_auto_t *pod = ob_pod_bounded(said);
    assert_int_equal(json_string_length(json_object_get(pod, "namespace")), OB_POD_TEXT_MAX);
    (void)json_object_del(pod, "namespace");
    assert_json(pod, "{\"name\":\"p\",\"containers\":[{\"name\":\"a\",\"reason\":\"r\"},"
                     "{\"exitCode\":255},{}]}");
}

static void of_many_containers_the_first_are_kept(void **state)
{
    (void)state;
    json_auto_t *said = read("{\"containers\":[],\"initContainers\":{}}");
    for (int i = 0; i < 1000; i++)
        (void)json_array_append_new(json_object_get(said, "containers"), json_object());
    json_auto_t *pod = ob_pod_bounded(said);
    assert_int_equal(json_array_size(json_object_get(pod, "containers")), OB_POD_CONTAINERS_MAX);
    assert_null(json_object_get(pod, "initContainers"));
    json_auto_t *list = json_array();
    assert_null(ob_pod_bounded(list));
    assert_null(ob_pod_bounded(NULL));
}

static void containers_are_matched_by_name(void **state)
{
    (void)state;
    json_auto_t *shown = read("{\"containers\":[{\"image\":\"i\"},{\"name\":\"b\"}],"
                              "\"initContainers\":[{\"name\":\"c\"}]}");
    json_auto_t *pod = read("{\"name\":\"p\",\"node\":\"n\",\"containers\":["
                            "{\"name\":\"b\",\"exitCode\":1,\"reason\":\"Error\"},"
                            "{\"name\":\"default\",\"exitCode\":0,\"reason\":\"Completed\"}],"
                            "\"initContainers\":[{\"name\":\"c\",\"exitCode\":0}]}");
    ob_pod_show(shown, pod);
    assert_json(shown, "{\"containers\":[{\"image\":\"i\",\"exitCode\":0,\"reason\":\"Completed\"},"
                       "{\"name\":\"b\",\"exitCode\":1,\"reason\":\"Error\"}],"
                       "\"initContainers\":[{\"name\":\"c\",\"exitCode\":0}],"
                       "\"podName\":\"p\",\"nodeName\":\"n\"}");
}

static void nothing_is_shown_of_an_unknown_pod(void **state)
{
    (void)state;
    json_auto_t *shown = read("{\"containers\":[{\"image\":\"i\"}]}");
    ob_pod_show(shown, NULL);
    assert_json(shown, "{\"containers\":[{\"image\":\"i\"}]}");
    json_auto_t *attempt = ob_pod_attempt(NULL);
    assert_json(attempt, "{\"containers\":[],\"initContainers\":[]}");
}

static void an_attempt_has_all_of_its_pod(void **state)
{
    (void)state;
    json_auto_t *pod = read("{\"name\":\"p\",\"namespace\":\"s\",\"node\":\"n\",\"containers\":["
                            "{\"name\":\"a\",\"containerID\":\"c\",\"exitCode\":7}]}");
    json_auto_t *attempt = ob_pod_attempt(pod);
    assert_json(attempt, "{\"containers\":[{\"name\":\"a\",\"containerID\":\"c\",\"exitCode\":7}],"
                         "\"initContainers\":[],\"podName\":\"p\",\"podNamespace\":\"s\","
                         "\"nodeName\":\"n\"}");
}

static void assert_explained(const char *pod_text, const char *reason, const char *want)
{
    json_auto_t *properties = read("{\"containers\":[{\"name\":\"a\"},{\"image\":\"i\"}]}");
    json_auto_t *pod = pod_text ? read(pod_text) : NULL;
    json_auto_t *explained = ob_pod_explained(pod, properties, reason);
    if (want)
        assert_json(explained, want);
    else
        assert_null(explained);
}

static void a_container_that_did_not_start_says_why(void **state)
{
    (void)state;
    static const char waits[] = "{\"name\":\"p\"}";
    static const char one[] = "{\"containers\":[{\"name\":\"a\",\"reason\":\"Completed\"}]}";
    static const char init[] = "{\"initContainers\":[{\"name\":\"i\",\"exitCode\":6}]}";
    assert_explained(NULL, NULL, NULL);
    assert_explained(waits, "", waits);
    assert_explained(NULL, "why", "{\"containers\":[{\"name\":\"a\",\"reason\":\"why\"}]}");
    assert_explained(waits, "why",
                     "{\"name\":\"p\",\"containers\":[{\"name\":\"a\",\"reason\":\"why\"}]}");
    assert_explained(one, "why",
                     "{\"containers\":[{\"name\":\"a\",\"reason\":\"Completed\"},"
                     "{\"name\":\"Default\",\"reason\":\"why\"}]}");
    assert_explained(init, "why", init);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_known_members_within_their_bounds_are_kept),
        cmocka_unit_test(of_many_containers_the_first_are_kept),
        cmocka_unit_test(containers_are_matched_by_name),
        cmocka_unit_test(nothing_is_shown_of_an_unknown_pod),
        cmocka_unit_test(an_attempt_has_all_of_its_pod),
        cmocka_unit_test(a_container_that_did_not_start_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
