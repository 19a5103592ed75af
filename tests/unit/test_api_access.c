/* Access rules: every operation has a row, and every row an operation. */
#include "unit.h"

#include "auth/keys.h"
#include "definitions/definition_operations.h"
#include "jobs/job_detail.h"
#include "ob/json.h"
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

static void operations_that_list_say_what_each_entry_is(void **state)
{
    (void)state;
    for (const api_operation *op = NULL; (op = api_operation_next(op));)
        if (op->access && op->access->shows.list)
            assert_non_null(op->access->shows.arn);
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
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
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

#define PRIVILEGED "{\"image\":\"i\",\"vcpus\":1,\"memory\":64,\"privileged\":true}"
#define SECRETS                                                                                    \
    "{\"image\":\"i\",\"vcpus\":1,\"memory\":64,\"volumes\":[{\"name\":\"v\",\"host\":{"           \
    "\"sourcePath\":\"/srv/ob/secrets\"}}]}"

static api_ctx ctx;

static api_request request(const char *operation, const api_key *key, json_t *body)
{
    return (api_request){ .op = api_operation_named(operation),
                          .operation = operation,
                          .account = "123456789012",
                          .region = "r",
                          .key_id = "AKIA",
                          .key = key,
                          .request_id = "id",
                          .body = body,
                          .ctx = &ctx };
}

/* The refusal; "" when there is none. */
static char *submitted(const api_key *key, const char *container)
{
    api_queue queue = { .id = 1, .name = "q" };
    ob_cleanup(api_definition_done) api_definition definition = { .name = "d", .revision = 1 };
    ob_cleanup(submission_done) submission job = { .id = ob_uuid_new() };
    json_auto_t *body =
        json_pack("{s:s, s:s, s:s}", "jobName", "n", "jobQueue", "q", "jobDefinition", "d");
    api_request req = request("SubmitJob", key, body);
    api_reply rep = { 0 };
    definition.body = json_pack("{s:s, s:o}", "type", "container", "containerProperties",
                                ob_json_read_text(container));
    int r = job_detail_resolve(&req, &queue, &definition, &job, &rep);
    char *why = ob_strdup(rep.message);
    assert_int_equal(r == 0, *why == '\0');
    api_reply_done(&rep);
    return why;
}

/* As above; what is not refused would be stored, so it must be. */
static char *registered(const api_key *key, const char *container)
{
    json_auto_t *body = json_pack("{s:s, s:s, s:o}", "jobDefinitionName", "d", "type", "container",
                                  "containerProperties", ob_json_read_text(container));
    api_request req = request("RegisterJobDefinition", key, body);
    api_reply rep = { 0 };
    assert_true(op_register_job_definition(&req, &rep) < 0);
    char *why = ob_strdup(rep.message);
    api_reply_done(&rep);
    return why;
}

static api_key key_with(const char *actions)
{
    api_key key = { .key_id = "AKIA" };
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":[%s],"
                "\"Resource\":\"*\"}}",
                actions);
    assert_int_equal(policy_parse(text, strlen(text), &key.policy, NULL), 0);
    return key;
}

static void assert_says(char *why, const char *part)
{
    if (!*part != !*why || !strstr(why, part))
        fail_msg("'%s' is not '%s'", why, part);
    free(why);
}

/* At registration and at each submission: what a definition has was somebody else's right, and
 * overrides and older versions may have let through more. */
static void rights_of_a_container_are_asked_for_by_register_and_submit(void **state)
{
    (void)state;
    api_key batch = key_with("\"batch:*\""), more = key_with("\"batch:*\",\"openbatch:R*\"");
    ctx.guard = ob_host_guard_new("/srv/ob", NULL, NULL, NULL);
    assert_says(registered(&batch, PRIVILEGED), "openbatch:RunPrivileged");
    assert_says(submitted(&batch, PRIVILEGED), "openbatch:RunPrivileged");
    assert_says(submitted(&more, PRIVILEGED), "");
    ob_host_guard_free(ctx.guard);
    api_key_done(&batch);
    api_key_done(&more);
}

/* Also to who may do everything. */
static void folders_of_this_service_are_refused_by_register_and_submit(void **state)
{
    (void)state;
    api_key all = key_with("\"*\""), root = { .key_id = "AKIA", .root = true };
    ctx.guard = ob_host_guard_new("/srv/ob", NULL, NULL, NULL);
    const api_key *const keys[] = { &all, &root };
    for (size_t i = 0; i < 2; i++) {
        assert_says(registered(keys[i], SECRETS),
                    "sourcePath /srv/ob/secrets is, contains or is inside");
        assert_says(submitted(keys[i], SECRETS),
                    "sourcePath /srv/ob/secrets is, contains or is inside");
    }
    ob_host_guard_free(ctx.guard);
    api_key_done(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_says_what_it_touches),
        cmocka_unit_test(what_is_touched_are_members_of_the_request),
        cmocka_unit_test(operations_that_list_say_what_each_entry_is),
        cmocka_unit_test(actions_are_operations),
        cmocka_unit_test(a_container_asks_for_rights_by_what_it_has),
        cmocka_unit_test(rights_of_a_container_are_asked_for_by_register_and_submit),
        cmocka_unit_test(folders_of_this_service_are_refused_by_register_and_submit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
