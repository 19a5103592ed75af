/* Requests against their tables: types, limits, values, what is not effective yet; and the tables
 * of the operations themselves. */
#include "unit.h"

#include "container_check.h"
#include "fields.h"
#include "ops.h"

static const api_field inner[] = {
    { .name = "type",
      .kind = KIND_STRING,
      .flags = FIELD_REQUIRED | FIELD_ANY_CASE,
      .choice = "EC2|SPOT",
      .refused_choice = "FARGATE" },
    { .name = "later", .support = REFUSED },
    { 0 },
};
static const api_field fields[] = {
    { .name = "name", .kind = KIND_STRING, .flags = FIELD_REQUIRED },
    { .name = "said", .kind = KIND_STRING, .flags = FIELD_REQUIRED, .text = "It must be said." },
    { .name = "short", .kind = KIND_STRING, .min = 1, .max = 3 },
    { .name = "count", .kind = KIND_INT, .min = 1, .max = 10, .refused_above = 2 },
    { .name = "any", .kind = KIND_INT },
    { .name = "flag", .kind = KIND_BOOL },
    { .name = "inner", .kind = KIND_OBJECT, .of = inner },
    { .name = "list", .kind = KIND_LIST, .item = KIND_OBJECT, .of = inner, .max = 2 },
    { .name = "words", .kind = KIND_LIST, .item = KIND_STRING },
    { .name = "tags", .kind = KIND_MAP, .flags = FIELD_TAGS },
    { .name = "soon", .support = REFUSED },
    { .name = "never", .support = REFUSED, .text = "never not applicable for EC2." },
    { 0 },
};

/* Merges 'extra' into a body that passes, checks it, expects the message (NULL: it passes). */
static void
expect_with(const api_field *table, const char *base, const char *extra, const char *message)
{
    json_t *body = json_loads(base, 0, NULL), *more = json_loads(extra, 0, NULL);
    api_reply rep = { 0 };
    assert_non_null(body);
    assert_non_null(more);
    json_object_update(body, more);
    int r = fields_check(table, body, NULL, &rep);
    if (message) {
        assert_int_equal(r, -EINVAL);
        assert_string_equal(rep.message, message);
        assert_int_equal(rep.status, 400);
    } else if (r < 0) {
        fail_msg("%s: %s", extra, rep.message);
    }
    json_decref(body);
    json_decref(more);
    api_reply_done(&rep);
}

static void expect(const char *extra, const char *message)
{
    expect_with(fields, "{\"name\":\"n\",\"said\":\"s\"}", extra, message);
}

static void required_members_are_named(void **state)
{
    expect("{}", NULL);
    expect("{\"name\":null}", "name is required.");
    expect("{\"name\":\"\"}", "name is required.");
    expect("{\"said\":null}", "It must be said.");
    expect("{\"inner\":{}}", "inner.type is required.");
    expect("{\"list\":[{\"type\":\"EC2\"},{}]}", "list[1].type is required.");
}

static void types_are_checked(void **state)
{
    expect("{\"name\":1}", "name must be a string.");
    expect("{\"count\":1.0}", "count must be a whole number.");
    expect("{\"count\":\"1\"}", "count must be a whole number.");
    expect("{\"any\":3000000000}", "any must be between -2147483648 and 2147483647.");
    expect("{\"flag\":\"true\"}", "flag must be true or false.");
    expect("{\"inner\":[]}", "inner must be an object.");
    expect("{\"list\":{}}", "list must be a list.");
    expect("{\"list\":[1]}", "list[0] must be an object.");
    expect("{\"words\":[\"a\",null]}", "words[1] must be a string.");
    expect("{\"tags\":{\"a\":1}}", "tags.a must be a string.");
    expect("{\"tags\":[]}", "tags must be a map of strings.");
    expect("{\"unknown\":{\"x\":[1,2]}}", NULL);
}

static void limits_are_checked(void **state)
{
    expect("{\"short\":\"abcd\"}", "short must have length less than or equal to 3.");
    expect("{\"short\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}", NULL); /* characters, not bytes */
    expect("{\"count\":0}", "count must be between 1 and 10.");
    expect("{\"count\":11}", "count must be between 1 and 10.");
    expect("{\"count\":2}", NULL);
    expect("{\"count\":3}", "count greater than 2 is not supported by OpenBatch yet.");
    expect("{\"list\":[{\"type\":\"EC2\"},{\"type\":\"EC2\"},{\"type\":\"EC2\"}]}",
           "list may have at most 2 entries.");
    expect("{\"tags\":{\"aws:x\":\"y\"}}", "tags.aws:x: keys that begin with aws: are reserved.");
    expect("{\"tags\":{\"\":\"y\"}}", "tags: a key must have 1 to 128 characters.");
}

static void choices_take_the_tables_spelling(void **state)
{
    json_t *body = json_loads("{\"type\":\"spot\"}", 0, NULL);
    api_reply rep = { 0 };
    assert_int_equal(fields_check(inner, body, NULL, &rep), 0);
    assert_string_equal(json_string_value(json_object_get(body, "type")), "SPOT");
    json_decref(body);
    expect("{\"inner\":{\"type\":\"EC\"}}",
           "inner.type EC is not valid. It must be one of [EC2, SPOT].");
    expect("{\"inner\":{\"type\":\"fargate\"}}",
           "inner.type FARGATE is not supported by OpenBatch yet.");
}

static void what_is_not_effective_is_refused_by_name(void **state)
{
    static const char *const nothing[] = { "null", "{}", "[]", "\"\"", "false", "0", "0.0" };
    static const char *const something[] = { "{\"a\":1}", "[0]", "\"x\"", "true", "1", "-0.5" };
    char extra[64];
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        (void)snprintf(extra, sizeof extra, "{\"soon\":%s}", nothing[i]);
        expect(extra, NULL);
    }
    for (size_t i = 0; i < sizeof something / sizeof something[0]; i++) {
        (void)snprintf(extra, sizeof extra, "{\"soon\":%s}", something[i]);
        expect(extra, "soon is not supported by OpenBatch yet.");
    }
    expect("{\"never\":{\"x\":1}}", "never not applicable for EC2.");
    expect("{\"inner\":{\"type\":\"EC2\",\"later\":1}}",
           "inner.later is not supported by OpenBatch yet.");
}

static void the_long_form_carries_the_request_id(void **state)
{
    json_t *body = json_object();
    api_reply rep = { 0 };
    assert_int_equal(fields_check(fields, body, "id-1", &rep), -EINVAL);
    assert_string_equal(rep.message,
                        "Error executing request, Exception : name is required., RequestId: id-1");
    json_decref(body);
}

static void copies_hold_only_what_is_effective(void **state)
{
    json_t *body = json_loads(
        "{\"name\":\"n\",\"x\":1,\"soon\":[],\"list\":[{\"type\":\"EC2\",\"later\":0,\"y\":2}],"
        "\"tags\":{\"a\":\"b\"}}",
        0, NULL);
    json_t *copy = fields_copy(fields, body);
    char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text,
                        "{\"list\":[{\"type\":\"EC2\"}],\"name\":\"n\",\"tags\":{\"a\":\"b\"}}");
    free(text);
    json_decref(copy);
    json_decref(body);
}

#define CONTAINER "{\"jobDefinitionName\":\"d\",\"type\":\"container\"}"
static void container(const char *members, const char *message)
{
    char extra[600];
    const api_operation *op = api_operation_find(API_BATCH, "/v1/registerjobdefinition");
    (void)snprintf(extra, sizeof extra, "{\"containerProperties\":{\"image\":\"a\"%s}}", members);
    expect_with(op->fields, CONTAINER, extra, message);
}
#define SIZE ",\"vcpus\":1,\"memory\":4"

static void containers_are_held_to_their_rules(void **state)
{
    container(SIZE, NULL);
    container("", "vCPU is not provided.");
    container(",\"vcpus\":1", "Memory is not provided.");
    container(",\"vcpus\":1,\"memory\":3",
              "containerProperties.memory must be between 4 and 2147483647.");
    container(
        SIZE ",\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"1\"}]",
        "containerProperties.vcpus and resourceRequirements of type VCPU cannot both be set.");
    container(",\"memory\":4,\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"1.0\"}]",
              "Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a "
              "numeric value.");
    container(SIZE ",\"environment\":[{\"name\":\"AWS_BATCH_X\",\"value\":\"1\"}]",
              "Environment variable names may not start with AWS_BATCH: AWS_BATCH_X");
    container(SIZE ",\"user\":\"Root\"", "User 'Root' does not match regex");
    container(SIZE ",\"user\":\"1000:users\"", NULL);
    container(SIZE ",\"mountPoints\":[{\"sourceVolume\":\"v\",\"containerPath\":\"/x\"}]",
              "Unknown volume 'v'.");
    container(
        SIZE
        ",\"volumes\":[{\"name\":\"v\",\"host\":{\"sourcePath\":\"/x\"}}],"
        "\"mountPoints\":[{\"sourceVolume\":\"v\",\"containerPath\":\"/x\",\"readOnly\":true}]",
        NULL);
    container(SIZE ",\"volumes\":[{\"name\":\"v\"}]",
              "containerProperties.volumes[0] without host.sourcePath is not supported by "
              "OpenBatch yet.");
    container(SIZE ",\"linuxParameters\":{},\"secrets\":[],\"ulimits\":[]", NULL);
    container(
        SIZE ",\"linuxParameters\":{\"sharedMemorySize\":64}",
        "containerProperties.linuxParameters.sharedMemorySize is not supported by OpenBatch yet.");
    container(SIZE ",\"networkConfiguration\":{\"assignPublicIp\":\"ENABLED\"}",
              "networkConfiguration not applicable for EC2.");
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\"}", NULL);
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-"
                   "group\":\"mine\"}}",
              "containerProperties.logConfiguration.options.awslogs-group is not supported by "
              "OpenBatch yet.");
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-"
                   "region\":\"eu-west-1\"}}",
              NULL);
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-"
                   "region\":\"no region\"}}",
              "containerProperties.logConfiguration.options.awslogs-region is not supported by "
              "OpenBatch yet.");
    container(
        SIZE ",\"logConfiguration\":{\"logDriver\":\"splunk\"}",
        "containerProperties.logConfiguration.logDriver splunk is not supported by OpenBatch yet.");
}

static void check_table(const char *operation, const api_field *table)
{
    for (const api_field *f = table; f->name; f++) {
        for (const api_field *other = table; other != f; other++)
            if (strcmp(other->name, f->name) == 0)
                fail_msg("%s has %s twice", operation, f->name);
        if (f->kind == KIND_OBJECT && !f->of && !(f->support == REFUSED))
            fail_msg("%s: %s says nothing of its members", operation, f->name);
        if (f->of)
            check_table(operation, f->of);
    }
}

static void every_operation_declares_its_members(void **state)
{
    for (const api_operation *op = api_operations; op->key; op++) {
        assert_ptr_equal(api_operation_find(op->protocol, op->key), op);
        assert_non_null(op->handler);
        assert_non_null(op->fields);
        check_table(op->name, op->fields);
    }
    assert_null(api_operation_find(API_LOGS, "/v1/submitjob"));
    assert_null(api_operation_find(API_BATCH, "/v1/SubmitJob"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_members_are_named),
        cmocka_unit_test(types_are_checked),
        cmocka_unit_test(limits_are_checked),
        cmocka_unit_test(choices_take_the_tables_spelling),
        cmocka_unit_test(what_is_not_effective_is_refused_by_name),
        cmocka_unit_test(the_long_form_carries_the_request_id),
        cmocka_unit_test(copies_hold_only_what_is_effective),
        cmocka_unit_test(containers_are_held_to_their_rules),
        cmocka_unit_test(every_operation_declares_its_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
