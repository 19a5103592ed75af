/* The ec2 provider's requests to EC2, and how it reads the answers. */
#include "unit.h"

#include <jansson.h>

#include "ob/error.h"
#include "ob/text.h"
#include "providers/ec2/ec2_request.h"
#include "providers/ec2/ec2_xml.h"
#include "random_bytes.h"

static const char described[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
    "<requestId>r</requestId><reservationSet><item><reservationId>r-1</reservationId>"
    "<instancesSet><item><instanceId>i-0aaa</instanceId>"
    "<instanceState><code>16</code><name>running</name></instanceState>"
    "<stateReason><code>x</code><message>y</message></stateReason>"
    "<tagSet><item><key>Name</key><value>a &amp; b</value></item>"
    "<item><key>openbatch:instance</key><value>i-0123456789abcdef0</value></item></tagSet>"
    "<networkInterfaceSet><item><tagSet><item><key>openbatch:instance</key><value>no</value></item>"
    "</tagSet></item></networkInterfaceSet>"
    "</item><item><instanceId>i-0bbb</instanceId>"
    "<instanceState><code>48</code><name>terminated</name></instanceState></item></instancesSet>"
    "</item></reservationSet><nextToken>more</nextToken></DescribeInstancesResponse>";

static void instances_are_read_with_the_tag_of_ours(void **state)
{
    ec2_answer a;
    assert_int_equal(ec2_answer_read(described, strlen(described), &a), 0);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.instances[0].ec2_id, "i-0aaa");
    assert_string_equal(a.instances[0].state, "running");
    assert_string_equal(a.instances[0].id, "i-0123456789abcdef0");
    assert_string_equal(a.instances[1].ec2_id, "i-0bbb");
    assert_string_equal(a.instances[1].id, "");
    assert_string_equal(a.next_token, "more");
    assert_string_equal(a.kind, "DescribeInstancesResponse");
    ec2_answer_done(&a);
}

static void a_tag_that_is_no_id_of_ours_is_none(void **state)
{
    static const struct {
        const char *tags, *id;
    } cases[] = {
        { "<item><key>openbatch:instance</key><value>i-0123456789abcdef01</value></item>", "" },
        { "<item><key>openbatch:instance</key><value>i-0123456789abcdef0</value></item>"
          "<item><value>i-00000000000000001</value></item>",
          "i-0123456789abcdef0" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *xml = ob_strf(
            "<r><instancesSet><item><tagSet>%s</tagSet></item></instancesSet></r>", cases[i].tags);
        ec2_answer a;
        assert_int_equal(ec2_answer_read(xml, strlen(xml), &a), 0);
        assert_string_equal(a.instances[0].id, cases[i].id);
        ec2_answer_done(&a);
    }
}

static void an_error_is_read_with_code_and_text(void **state)
{
    static const char error[] =
        "<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code>"
        "<Message>We have none</Message></Error></Errors><RequestID>r</RequestID></Response>";
    ec2_answer a;
    assert_int_equal(ec2_answer_read(error, strlen(error), &a), 0);
    assert_int_equal(a.n, 0);
    assert_string_equal(a.code, "InsufficientInstanceCapacity");
    assert_string_equal(a.message, "We have none");
    assert_int_equal(ec2_answer_meaning(500, &a), -ENOSPC);
    ec2_answer_done(&a);
}

/* A launch whose answer cannot be read may have succeeded: it is asked for again. */
static void an_answer_that_says_nothing_is_no_refusal(void **state)
{
    static const struct {
        int status;
        const char *code;
        int meaning;
    } cases[] = { { 0, "", -EAGAIN },
                  { 200, "", -EAGAIN },
                  { 503, "", -EAGAIN },
                  { 400, "RequestLimitExceeded", -EAGAIN },
                  { 400, "InvalidParameterValue", -EINVAL },
                  { 400, "VcpuLimitExceeded", -ENOSPC } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ec2_answer a = { 0 };
        (void)snprintf(a.code, sizeof(a.code), "%s", cases[i].code);
        assert_int_equal(ec2_answer_meaning(cases[i].status, &a), cases[i].meaning);
    }
}

static void what_is_no_xml_is_nothing(void **state)
{
    static const char *const bodies[] = { "", "<", "{}", "<a><b></a>", "<a/>" };
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        ec2_answer a;
        bool is_xml = strcmp(bodies[i], "<a/>") == 0;
        assert_int_equal(ec2_answer_read(bodies[i], strlen(bodies[i]), &a), is_xml ? 0 : -EBADMSG);
        assert_int_equal(a.n, 0);
        assert_string_equal(a.code, "");
        ec2_answer_done(&a);
    }
    /* Cut anywhere: never more than was there, no sanitizer's finding. */
    for (size_t len = 0; len < strlen(described); len++) {
        ec2_answer a;
        assert_int_equal(ec2_answer_read(described, len, &a), -EBADMSG);
        assert_true(a.n <= 2);
        ec2_answer_done(&a);
    }
}

/* Any text at any length: cut between characters, for it goes to PostgreSQL. */
static void long_texts_are_cut_between_characters(void **state)
{
    uint64_t seed = 3;
    for (int i = 0; i < 500; i++) {
        char raw[1001];
        random_string(&seed, raw, sizeof(raw) - 1);
        for (char *c = raw; *c; c++)
            *c = strchr("<&\n", *c) || ((unsigned char)*c < 0x20) ? '.' : *c;
        ob_cleanup(ob_freep) char *text = ob_text_dup(raw, sizeof(raw));
        ob_cleanup(ob_freep) char *xml =
            ob_strf("<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors>"
                    "<instancesSet><item><instanceId>%s</instanceId></item></instancesSet>"
                    "</Response>",
                    text, text, text);
        ec2_answer a;
        assert_int_equal(ec2_answer_read(xml, strlen(xml), &a), 0);
        assert_true(ob_text_is_utf8(a.code, strlen(a.code)));
        assert_true(ob_text_is_utf8(a.message, strlen(a.message)));
        assert_memory_equal(a.message, text, strlen(a.message));
        assert_true(strlen(a.message) + 4 >= (strlen(text) < 399 ? strlen(text) : 399));
        assert_int_equal(a.n, 1);
        assert_true(ob_text_is_utf8(a.instances[0].ec2_id, strlen(a.instances[0].ec2_id)));
        ec2_answer_done(&a);
    }
}

static const ec2_settings settings = { .image = "",
                                       .copy = "home 1",
                                       .kafka = "kafka.example:9092",
                                       .kafka_settings = "a=b\\n",
                                       .kafka_password = "p",
                                       .user_data = "@INSTANCE@ @TYPE@ @UNKNOWN@ @TOKEN@ "
                                                    "@KAFKA@ @KAFKA_SETTINGS@" };

static char *form_with(const ec2_settings *of, const char *resources)
{
    json_auto_t *r = json_loads(resources, 0, NULL);
    assert_non_null(r);
    const provider_launch_spec spec = { .id = "i-00000000000000001",
                                        .token = "t",
                                        .ce_name = "spot",
                                        .type = "m5.large",
                                        .spot = true,
                                        .resources = r };
    char *form = NULL;
    ob_error err = { 0 };
    if (ec2_run_instances(of, &spec, &form, &err) < 0)
        assert_non_null(strstr(err.text, "no machine image"));
    return form;
}

static char *form_of(const char *resources)
{
    return form_with(&settings, resources);
}

static void a_launch_says_what_its_environment_asks_for(void **state)
{
    ob_cleanup(ob_freep) char *form =
        form_of("{\"imageId\": \"ami-1\", \"instanceRole\": \"role\", \"ec2KeyPair\": \"key\","
                " \"placementGroup\": \"group\", \"subnets\": [\"subnet-1\"],"
                " \"securityGroupIds\": [\"sg-1\", \"sg-2\"], \"tags\": {\"team\": \"a b\"},"
                " \"launchTemplate\": {\"launchTemplateName\": \"lt\", \"version\": \"7\"}}");
    assert_non_null(form);
    static const char *const parts[] = {
        "Action=RunInstances",
        "ClientToken=i-00000000000000001",
        "ImageId=ami-1",
        "InstanceType=m5.large",
        "IamInstanceProfile.Name=role",
        "KeyName=key",
        "Placement.GroupName=group",
        "SubnetId=subnet-1",
        "SecurityGroupId.1=sg-1",
        "SecurityGroupId.2=sg-2",
        "InstanceMarketOptions.MarketType=spot",
        "LaunchTemplate.LaunchTemplateName=lt",
        "LaunchTemplate.Version=7",
        "TagSpecification.1.Tag.1.Key=openbatch%3Ainstance",
        "TagSpecification.1.Tag.1.Value=i-00000000000000001",
        "TagSpecification.1.Tag.2.Value=home%201",
        "Key=team",
        "Value=a%20b",
        /* "i-00000000000000001 m5.large @UNKNOWN@ t kafka.example:9092 a=b\n", as it stands */
        "UserData="
        "aS0wMDAwMDAwMDAwMDAwMDAwMSBtNS5sYXJnZSBAVU5LTk9XTkAgdCBrYWZrYS5leGFtcGxlOjkwOTIgYT1iXG4%"
        "3D",
    };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (!strstr(form, parts[i]))
            fail_msg("%s is not in %s", parts[i], form);
}

static void the_image_comes_from_the_configuration_too_and_must_come_from_somewhere(void **state)
{
    ob_cleanup(ob_freep) char *form =
        form_of("{\"ec2Configuration\": [{\"imageType\": \"x\", \"imageIdOverride\": \"ami-2\"}]}");
    assert_non_null(strstr(form, "ImageId=ami-2"));
    ob_cleanup(ob_freep) char *by_template =
        form_of("{\"launchTemplate\": {\"launchTemplateId\": \"lt-1\"}}");
    assert_non_null(strstr(by_template, "LaunchTemplate.Version=%24Default"));
    assert_null(strstr(by_template, "ImageId"));
    assert_null(form_of("{}"));
}

/* The operator's is for environments that name none, by a launch template neither. */
static void the_operators_image_goes_behind_a_launch_templates(void **state)
{
    (void)state;
    ec2_settings with_image = settings;
    with_image.image = "ami-operator";
    ob_cleanup(ob_freep) char *plain = form_with(&with_image, "{}");
    assert_non_null(strstr(plain, "ImageId=ami-operator"));
    ob_cleanup(ob_freep) char *by_template =
        form_with(&with_image, "{\"launchTemplate\": {\"launchTemplateName\": \"lt\"}}");
    assert_non_null(strstr(by_template, "LaunchTemplate.LaunchTemplateName=lt"));
    assert_null(strstr(by_template, "ImageId"));
    ob_cleanup(ob_freep) char *both =
        form_with(&with_image,
                  "{\"imageId\": \"ami-1\", \"launchTemplate\": {\"launchTemplateName\": \"lt\"}}");
    assert_non_null(strstr(both, "ImageId=ami-1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_are_read_with_the_tag_of_ours),
        cmocka_unit_test(a_tag_that_is_no_id_of_ours_is_none),
        cmocka_unit_test(an_error_is_read_with_code_and_text),
        cmocka_unit_test(an_answer_that_says_nothing_is_no_refusal),
        cmocka_unit_test(what_is_no_xml_is_nothing),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(a_launch_says_what_its_environment_asks_for),
        cmocka_unit_test(the_image_comes_from_the_configuration_too_and_must_come_from_somewhere),
        cmocka_unit_test(the_operators_image_goes_behind_a_launch_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
