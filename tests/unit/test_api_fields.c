/* Checks of requests with their tables: types, limits, values, members that are not supported yet;
 * and the tables of the operations themselves. */
#include "unit.h"

#include "operations.h"

#include "definitions/container_check.h"
#include "request/fields.h"
#include "request/operation.h"

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

static void tags_have_awss_characters(void **state)
{
    static const char *const good[] = { "a_b.c:d/e=f+g-h@i 9", "\xc3\xa9\xc3\x9f",
                                        "\xe6\x97\xa5\xe6\x9c\xac", "\xd9\xa3", "a\xe3\x80\x80z" };
    static const char *const bad[] = {
        "a!", "#", "a\\tb", "a\\nb", "\xf0\x9f\x98\x80", "a,b", "$"
    };
    char extra[100];
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        (void)snprintf(extra, sizeof extra, "{\"tags\":{\"%s\":\"%s\"}}", good[i], good[i]);
        expect(extra, NULL);
    }
    expect("{\"tags\":{\"a\":\"\"}}", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        (void)snprintf(extra, sizeof extra, "{\"tags\":{\"x\":\"%s\"}}", bad[i]);
        expect(extra, "tags.x: tags may contain only letters, digits, spaces and _.:/=+-@.");
    }
    expect("{\"tags\":{\"a*\":\"\"}}",
           "tags.a*: tags may contain only letters, digits, spaces and _.:/=+-@.");
}

/* What no table knows is not kept: it would be stored unchecked, and as deep as was sent. */
static void unknown_members_go(void **state)
{
    json_auto_t *body = json_loads("{\"name\":\"n\",\"said\":\"s\",\"x\":[[1]],\"inner\":{\"type\":"
                                   "\"EC2\",\"y\":{}},\"list\":[{\"z\":1,\"type\":\"EC2\"}]}",
                                   0, NULL);
    api_reply rep = { 0 };
    assert_int_equal(fields_check(fields, body, NULL, &rep), 0);
    ob_cleanup(ob_freep) char *left = json_dumps(body, JSON_COMPACT);
    assert_string_equal(left, "{\"name\":\"n\",\"said\":\"s\",\"inner\":{\"type\":\"EC2\"},"
                              "\"list\":[{\"type\":\"EC2\"}]}");
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
    for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
        (void)snprintf(extra, sizeof extra, "{\"soon\":%s}", nothing[i]);
        expect(extra, NULL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(something); i++) {
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

static void register_definition(const char *members, const char *message)
{
    const api_operation *op = api_operation_find(API_BATCH, "POST", "/v1/registerjobdefinition");
    ob_cleanup(ob_freep) char *text = ob_strf("{\"jobDefinitionName\":\"d\",%s}", members);
    json_t *body = json_loads(text, 0, NULL);
    api_reply rep = { 0 };
    assert_non_null(body);
    int r = api_operation_check(op, body, NULL, &rep);
    if (message) {
        assert_string_equal(rep.message, message);
        assert_int_equal(r, -EINVAL);
    } else if (r < 0) {
        fail_msg("%s: %s", members, rep.message);
    }
    json_decref(body);
    api_reply_done(&rep);
}

static void container_on(const char *platform, const char *members, const char *message)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("\"type\":\"container\",\"platformCapabilities\":[%s],\"containerProperties\":"
                "{\"image\":\"a\"%s}",
                platform, members);
    register_definition(text, message);
}

static void container(const char *members, const char *message)
{
    container_on("\"EC2\"", members, message);
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
        ",\"volumes\":[{\"name\":\"v\",\"host\":{\"sourcePath\":\"/x\"}},{\"name\":\"w\"}],"
        "\"mountPoints\":[{\"sourceVolume\":\"v\",\"containerPath\":\"/x\",\"readOnly\":true}]",
        NULL);
    container(SIZE ",\"volumes\":[{\"name\":\"v\"}],\"mountPoints\":[{\"sourceVolume\":\"v\","
                   "\"containerPath\":\"/:a\"}]",
              "containerProperties.mountPoints[0].containerPath must be an absolute path without "
              "colons.");
    container(SIZE ",\"volumes\":[{\"name\":\"v\",\"host\":{\"sourcePath\":\"/a:b\"}}]",
              "containerProperties.volumes[0].host.sourcePath must be an absolute path without "
              "colons.");
    container(SIZE ",\"volumes\":[{\"name\":\"v\",\"efsVolumeConfiguration\":{\"fileSystemId\":"
                   "\"fs-1\"}}]",
              "containerProperties.volumes[0].efsVolumeConfiguration is not supported by "
              "OpenBatch yet.");
    container(SIZE ",\"linuxParameters\":{},\"secrets\":[],\"ulimits\":[]", NULL);
    container(SIZE ",\"ulimits\":[{\"name\":\"nofile\",\"softLimit\":2,\"hardLimit\":1}]",
              "containerProperties.ulimits[0]: softLimit must not be greater than hardLimit.");
    container(SIZE ",\"networkConfiguration\":{\"assignPublicIp\":\"ENABLED\"}",
              "networkConfiguration not applicable for EC2.");
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-"
                   "group\":\"mine\"}}",
              NULL);
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-"
                   "region\":\"no region\"}}",
              "containerProperties.logConfiguration.options.awslogs-region no region is not "
              "valid.");
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"tag\":\"x\"}}",
              "Log driver awslogs disallows options: tag");
    container(SIZE ",\"logConfiguration\":{\"logDriver\":\"splunk\",\"options\":{\"tag\":\"x\"}}",
              NULL);
}

static void a_stream_prefix_leaves_room_for_the_rest_of_the_name(void **state)
{
#define WITH_PREFIX                                                                                \
    SIZE ",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":"                           \
         "{\"awslogs-stream-prefix\":\"%0*d\"}}"
    (void)state;
    ob_cleanup(ob_freep) char *longest = ob_strf(WITH_PREFIX, 471, 0);
    ob_cleanup(ob_freep) char *longer = ob_strf(WITH_PREFIX, 472, 0);
    container(longest, NULL);
    container(longer, "containerProperties.logConfiguration.options.awslogs-stream-prefix must "
                      "have length less than or equal to 471.");
}

#define FARGATE(vcpus, memory)                                                                     \
    ",\"executionRoleArn\":\"r\",\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"" vcpus  \
    "\"},{\"type\":\"MEMORY\",\"value\":\"" memory "\"}]"

static void fargate_has_sizes_and_members_of_its_own(void **state)
{
    static const char on[] = "\"FARGATE\"";
    container_on(on, FARGATE("0.25", "512"), NULL);
    container_on(on, FARGATE("1", "1024"),
                 "Fargate resource requirements (1.00 vCPU, 1024 MiB) not valid.");
    container_on(on, SIZE,
                 "vcpus is not applicable for Fargate. Use resource requirements instead.");
    container_on(on, FARGATE("1", "2048") ",\"privileged\":true",
                 "privileged is not applicable for Fargate.");
    container_on(on, FARGATE("1", "2048") ",\"linuxParameters\":{\"maxSwap\":1}",
                 "maxSwap is not applicable for Fargate.");
    container_on(on,
                 FARGATE("1", "2048") ",\"networkConfiguration\":{\"assignPublicIp\":\"ENABLED\"}",
                 NULL);
    container(FARGATE("0.25", "512"),
              "Value 0.25 for type VCPU in resourceRequirement is not valid. Please provide a "
              "numeric value.");
}

#define IMAGE "{\"image\":\"a\",\"vcpus\":1,\"memory\":4}"
#define NODES(n, main, ranges)                                                                     \
    "\"type\":\"multinode\",\"nodeProperties\":{\"numNodes\":" n ",\"mainNode\":" main             \
    ",\"nodeRangeProperties\":[" ranges "]}"
#define TASK(containers)                                                                           \
    "\"type\":\"container\",\"ecsProperties\":{\"taskProperties\":[{\"containers\":[" containers   \
    "]}]}"

static void parts_that_are_only_kept_make_sense(void **state)
{
    register_definition("\"type\":\"container\"", "containerProperties is required.");
    register_definition("\"type\":\"multinode\"", "nodeProperties is required.");
    register_definition(NODES("4", "0", "{\"targetNodes\":\"0:\",\"container\":" IMAGE "}"), NULL);
    register_definition(NODES("4", "4", "{\"targetNodes\":\"0:\",\"container\":" IMAGE "}"),
                        "nodeProperties.mainNode must be less than numNodes.");
    register_definition(NODES("4", "0", "{\"targetNodes\":\"1:\",\"container\":" IMAGE "}"),
                        "nodeProperties.nodeRangeProperties: no range has node 0.");
    register_definition(NODES("4", "0", "{\"targetNodes\":\"0:9\",\"container\":" IMAGE "}"),
                        "nodeProperties.nodeRangeProperties[0].targetNodes 0:9 is not valid.");
    register_definition(TASK("{\"name\":\"a\",\"image\":\"i\"}"), NULL);
    register_definition(TASK("{\"name\":\"a\",\"image\":\"i\",\"essential\":false}"),
                        "ecsProperties.taskProperties: at least one container must be essential.");
    register_definition(
        TASK("{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"i\",\"dependsOn\":"
             "[{\"containerName\":\"a\",\"condition\":\"COMPLETE\"}]}"),
        "dependsOn: the condition for the essential container a must be START.");
    register_definition(
        "\"type\":\"container\",\"eksProperties\":{\"podProperties\":{\"containers\":"
        "[{\"image\":\"i\",\"resources\":{\"limits\":{\"memory\":\"1Gi\"}}}]}}",
        "eksProperties.podProperties.containers[0].resources.limits.memory 1Gi is "
        "not valid.");
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
    for (const api_operation *op = NULL; (op = api_operation_next(op));) {
        assert_ptr_equal(
            api_operation_find(op->protocol, op->method ? op->method : "POST", op->key), op);
        if (!op->handler)
            continue;
        assert_non_null(op->fields);
        check_table(op->name, op->fields);
    }
    assert_null(api_operation_find(API_LOGS, "POST", "/v1/submitjob"));
    assert_null(api_operation_find(API_BATCH, "POST", "/v1/SubmitJob"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_members_are_named),
        cmocka_unit_test(types_are_checked),
        cmocka_unit_test(limits_are_checked),
        cmocka_unit_test(tags_have_awss_characters),
        cmocka_unit_test(unknown_members_go),
        cmocka_unit_test(choices_take_the_tables_spelling),
        cmocka_unit_test(what_is_not_effective_is_refused_by_name),
        cmocka_unit_test(the_long_form_carries_the_request_id),
        cmocka_unit_test(copies_hold_only_what_is_effective),
        cmocka_unit_test(containers_are_held_to_their_rules),
        cmocka_unit_test(a_stream_prefix_leaves_room_for_the_rest_of_the_name),
        cmocka_unit_test(fargate_has_sizes_and_members_of_its_own),
        cmocka_unit_test(parts_that_are_only_kept_make_sense),
        cmocka_unit_test(every_operation_declares_its_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
