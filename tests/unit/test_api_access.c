/* What operations touch: no operation is without its row, and no row without its operation. */
#include "unit.h"

#include "operations.h"

#include "auth/access_container.h"

static const api_field *member_of(const api_field *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static void every_operation_says_what_it_touches(void **state)
{
    (void)state;
    for (const api_operation *op = NULL; (op = api_operation_next(op));)
        if (op->handler && !op->access)
            fail_msg("%s has no access_rule", op->name);
}

/* A misspelled member would be one that no request names. */
static void what_is_touched_are_members_of_the_request(void **state)
{
    (void)state;
    for (const api_operation *op = NULL; (op = api_operation_next(op));) {
        const access_use *use = op->access ? op->access->uses : NULL;
        for (; use && use->kind != ACCESS_NONE; use++) {
            ob_cleanup(ob_freep) char *first =
                ob_strf("%.*s", (int)strcspn(use->member, ".["), use->member);
            if (op->fields && strcmp(first, "resourceArn") != 0 && !member_of(op->fields, first))
                fail_msg("%s has no member %s", op->name, first);
        }
        for (const access_fact *fact = op->facts; fact && fact->key; fact++) {
            ob_cleanup(ob_freep) char *first =
                ob_strf("%.*s", (int)strcspn(fact->member, "."), fact->member);
            assert_non_null(member_of(op->fields, first));
        }
    }
}

static void operations_that_list_touch_nothing_before(void **state)
{
    (void)state;
    for (const api_operation *op = NULL; (op = api_operation_next(op));)
        if (op->access && op->access->shows.list) {
            assert_int_equal(op->access->uses[0].kind, ACCESS_NONE);
            assert_non_null(op->access->shows.arn);
        }
}

/* A misspelled action would be one that no policy names. */
static void actions_are_operations(void **state)
{
    (void)state;
    for (const api_operation *op = NULL; (op = api_operation_next(op));)
        if (op->access && op->access->action && !api_operation_named(op->access->action))
            fail_msg("%s asks for the action %s", op->name, op->access->action);
}

/* What a container asks of its host, as rights; an ordinary one asks for none. */
static void a_container_asks_for_rights_by_what_it_has(void **state)
{
    (void)state;
#define MOUNT(path)                                                                                \
    "{\"volumes\":[{\"name\":\"v\",\"host\":{\"sourcePath\":\"" path "\"}}],\"mountPoints\":["     \
    "{\"sourceVolume\":\"v\",\"containerPath\":\"/v\"}]}"
    static const struct {
        const char *container, *actions;
    } cases[] = {
        { "{}", "" },
        { "{\"privileged\":false,\"volumes\":[{\"name\":\"v\"}]}", "" },
        { "{\"privileged\":true}", "RunPrivileged " },
        { MOUNT("/data"), "MountHost " },
        { MOUNT("/dev/shm"), "MountHost " },
        { MOUNT("/dev/vda"), "MountHost UseDevices " },
        { MOUNT("/x/../dev"), "MountHost UseDevices " },
        { "{\"linuxParameters\":{\"devices\":[{\"hostPath\":\"/dev/x\"}]}}", "UseDevices " },
        { "{\"linuxParameters\":{\"devices\":[],\"tmpfs\":[{\"size\":1}]}}", "" },
        { "{\"logConfiguration\":{\"logDriver\":\"awslogs\"}}", "" },
        { "{\"logConfiguration\":{\"logDriver\":\"json-file\"}}", "" },
        { "{\"logConfiguration\":{\"logDriver\":\"journald\"}}", "UseLogDriver " },
        { "{\"logConfiguration\":{\"logDriver\":\"fluentd\"}}", "UseLogDriver " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *actions[8];
        char found[128] = "";
        json_auto_t *container = json_loads(cases[i].container, 0, NULL);
        assert_non_null(container);
        size_t n = access_container_actions(container, actions, 8);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(strncmp(actions[k], "openbatch:", 10), 0);
            size_t len = strlen(found);
            (void)snprintf(found + len, sizeof found - len, "%s ", actions[k] + 10);
        }
        assert_string_equal(found, cases[i].actions);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_says_what_it_touches),
        cmocka_unit_test(what_is_touched_are_members_of_the_request),
        cmocka_unit_test(operations_that_list_touch_nothing_before),
        cmocka_unit_test(actions_are_operations),
        cmocka_unit_test(a_container_asks_for_rights_by_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
