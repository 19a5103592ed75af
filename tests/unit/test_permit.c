/* What operators permit containers to use of the host. */
#include "unit.h"

#include <jansson.h>

#include "ob/permit.h"

static json_t *greedy(void)
{
    json_t *container = json_loads(
        "{\"privileged\":true,\"volumes\":[{\"name\":\"h\",\"host\":{\"sourcePath\":\"/d\"}},"
        "{\"name\":\"v\"},{\"name\":\"e\",\"host\":{}}],\"mountPoints\":["
        "{\"sourceVolume\":\"h\",\"containerPath\":\"/a\"},"
        "{\"sourceVolume\":\"v\",\"containerPath\":\"/b\"},"
        "{\"sourceVolume\":\"h\",\"containerPath\":\"/c\"},"
        "{\"sourceVolume\":\"e\",\"containerPath\":\"/e\"}],"
        "\"linuxParameters\":{\"devices\":[{\"hostPath\":\"/dev/x\"}],\"swappiness\":1}}",
        0, NULL);
    assert_non_null(container);
    return container;
}

static void three_words_are_understood(void **state)
{
    ob_permits p;
    ob_error err = { 0 };
    assert_int_equal(ob_permits_parse("allow", "refuse", "drop", &p, &err), 0);
    assert_int_equal(p.privileged, OB_PERMIT_ALLOW);
    assert_int_equal(p.host_mounts, OB_PERMIT_REFUSE);
    assert_int_equal(p.devices, OB_PERMIT_DROP);
    assert_int_equal(ob_permits_parse("allow", "no", "drop", &p, &err), -EINVAL);
    assert_non_null(strstr(err.text, "OPENBATCH_HOST_MOUNTS"));
}

static void what_is_refused_is_named(void **state)
{
    json_auto_t *all = greedy();
    json_auto_t *modest = json_object();
    static const struct {
        ob_permits permits;
        const char *variable;
    } cases[] = {
        { { .privileged = OB_PERMIT_REFUSE }, "OPENBATCH_PRIVILEGED" },
        { { .host_mounts = OB_PERMIT_REFUSE }, "OPENBATCH_HOST_MOUNTS" },
        { { .devices = OB_PERMIT_REFUSE }, "OPENBATCH_DEVICES" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_error err = { 0 };
        assert_int_equal(ob_permits_check(&cases[i].permits, all, &err), -EPERM);
        assert_non_null(strstr(err.text, cases[i].variable));
        assert_int_equal(ob_permits_check(&cases[i].permits, modest, &err), 0);
    }
    ob_permits lenient = { .privileged = OB_PERMIT_DROP };
    ob_error err = { 0 };
    assert_int_equal(ob_permits_check(&lenient, all, NULL), 0);
    assert_int_equal(ob_permits_check_whole(&lenient, all, &err), -EPERM);
    assert_non_null(strstr(err.text, "(OPENBATCH_PRIVILEGED=drop)"));
    assert_int_equal(ob_permits_check_whole(&lenient, modest, NULL), 0);
    assert_null(ob_permits_note(&lenient, modest));
}

static void what_is_dropped_is_gone_and_said(void **state)
{
    ob_permits p = { OB_PERMIT_DROP, OB_PERMIT_DROP, OB_PERMIT_DROP };
    json_auto_t *container = greedy();
    char *note = ob_permits_note(&p, container);
    assert_string_equal(note, "Ran without privileged mode (OPENBATCH_PRIVILEGED=drop), folders of "
                              "the host (OPENBATCH_HOST_MOUNTS=drop), devices of the host "
                              "(OPENBATCH_DEVICES=drop)");
    free(note);
    ob_permits_drop(&p, container);
    assert_null(ob_permits_note(&p, container));
    const json_t *mounts = json_object_get(container, "mountPoints");
    assert_int_equal(json_array_size(mounts), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(mounts, 0), "containerPath")), "/b");
    assert_int_equal(json_object_size(json_object_get(container, "linuxParameters")), 1);
}

static void what_is_allowed_stays(void **state)
{
    ob_permits p = { 0 };
    json_auto_t *container = greedy(), *same = greedy();
    assert_null(ob_permits_note(&p, container));
    ob_permits_drop(&p, container);
    assert_true(json_equal(container, same));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_words_are_understood),
        cmocka_unit_test(what_is_refused_is_named),
        cmocka_unit_test(what_is_dropped_is_gone_and_said),
        cmocka_unit_test(what_is_allowed_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
