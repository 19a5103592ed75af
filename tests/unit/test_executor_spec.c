/* From specs to the engine's containers, log streams and the null runtime's plans. */
#include "unit.h"

#include "ob/trace.h"
#include "output_text.h"
#include "runtimes/docker/docker_spec.h"
#include "runtimes/null/null_plan.h"
#include "runtimes/properties.h"
#include "runtimes/rfc3339.h"

#define JOB "018f0000-0000-7000-8000-00000000000a"

static json_t *parse(const char *text)
{
    json_error_t err;
    json_t *value = json_loads(text, 0, &err);
    if (!value)
        fail_msg("%s: %s", err.text, text);
    return value;
}

/* A spec with these members in its container, written with ' for ". */
static json_t *spec_of(const char *members)
{
    char text[4096];
    (void)snprintf(text, sizeof(text),
                   "{'name':'n','definition':'def:7','queue':'q','ce':'c','account':'1',"
                   "'region':'r','container':{'image':'img'%s%s}}",
                   *members ? "," : "", members);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    return parse(text);
}

static const char *const limits = "'resourceRequirements':[{'type':'VCPU','value':'2'},"
                                  "{'type':'MEMORY','value':'128'}]";

static int
make_ref(const char *members, const char *run, json_t **body, json_t **volumes, ob_error *err)
{
    json_auto_t *spec = spec_of(members);
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(run, &ref));
    docker_spec in = {
        .ref = &ref, .attempt = 3, .spec = spec, .home = "/h", .instance = "i-1", .ce = "own"
    };
    return docker_spec_body(&in, body, volumes, err);
}

static json_t *make(const char *more)
{
    char members[2048];
    json_t *body = NULL;
    json_auto_t *volumes = NULL;
    (void)snprintf(members, sizeof(members), "%s%s%s", limits, *more ? "," : "", more);
    assert_int_equal(make_ref(members, JOB "/1", &body, &volumes, NULL), 0);
    return body;
}

static void assert_json(const json_t *value, const char *expected_text)
{
    json_auto_t *expected = json_loads(expected_text, JSON_DECODE_ANY, NULL);
    if (!json_equal(value, expected)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
        fail_msg("is %s, not %s", text ? text : "absent", expected_text);
    }
}

static const json_t *host(const json_t *body, const char *name)
{
    return json_object_get(json_object_get(body, "HostConfig"), name);
}

static void limits_become_shares_and_a_hard_limit_with_swap_of_the_same(void **state)
{
    json_auto_t *body = make("");
    assert_json(host(body, "CpuShares"), "2048");
    assert_json(host(body, "Memory"), "134217728");
    assert_json(host(body, "MemorySwap"), "268435456");
    assert_json(host(body, "NetworkMode"), "\"host\"");
    assert_json(host(body, "CapDrop"), "[\"NET_RAW\"]");
    assert_json(json_object_get(host(body, "LogConfig"), "Type"), "\"local\"");
    assert_json(json_object_get(body, "Labels"),
                "{\"openbatch.home\":\"/h\",\"openbatch.instance\":\"i-1\",\"openbatch.run\":\"" JOB
                "/1\",\"openbatch.ce\":\"own\",\"openbatch.copy\":\"\",\"openbatch.gpus\":\"\","
                "\"openbatch.executor\":\"\",\"com.docker.compose.project\":\"\"}");
    assert_null(json_object_get(body, "Cmd"));
    assert_null(json_object_get(body, "User"));
    assert_null(host(body, "Privileged"));
    assert_null(host(body, "Binds"));
}

/* No sum of them overflows. */
static void amounts_beyond_any_machine_are_cut(void **state)
{
    json_t *body = NULL;
    json_auto_t *volumes = NULL;
    assert_int_equal(make_ref("'vcpus':1e300,'memory':1e300,'linuxParameters':{'maxSwap':"
                              "9223372036854775807,'sharedMemorySize':9223372036854775807}",
                              JOB "/1", &body, &volumes, NULL),
                     0);
    assert_json(host(body, "Memory"), "2305843009212645376");
    assert_json(host(body, "MemorySwap"), "4611686018425290752");
    assert_json(host(body, "ShmSize"), "2305843009212645376");
    assert_json(host(body, "CpuShares"), "262144");
    json_decref(body);
}

static void old_members_count_when_there_are_no_requirements(void **state)
{
    json_t *body = NULL;
    json_auto_t *volumes = NULL;
    assert_int_equal(make_ref("'vcpus':1,'memory':4", JOB "/1", &body, &volumes, NULL), 0);
    assert_json(host(body, "CpuShares"), "1024");
    assert_json(host(body, "Memory"), "6291456"); /* the engine takes no less than 6 MiB */
    json_decref(body);
}

static void the_service_s_variables_come_last(void **state)
{
    json_t *body = NULL;
    json_auto_t *volumes = NULL;
    char members[1024];
    (void)snprintf(members, sizeof(members),
                   "%s,'environment':[{'name':'A','value':'x=y'},{'name':'B'}]", limits);
    assert_int_equal(make_ref(members, JOB ":12/4", &body, &volumes, NULL), 0);
    assert_json(json_object_get(body, "Env"),
                "[\"A=x=y\",\"B=\",\"AWS_BATCH_JOB_ID=" JOB ":12\",\"AWS_BATCH_JOB_ATTEMPT=3\","
                "\"AWS_BATCH_CE_NAME=c\",\"AWS_BATCH_JQ_NAME=q\",\"AWS_BATCH_JOB_ARRAY_INDEX=12\","
                "\"AWS_EXECUTION_ENV=AWS_ECS_EC2\"]");
    json_decref(body);
}

static bool has_env(const json_t *body, const char *pair)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(body, "Env"), i, item)
    {
        if (strcmp(json_string_value(item), pair) == 0)
            return true;
    }
    return false;
}

/* A child of a part of an array is what its index in the whole says; so is a single job. */
static void a_part_of_an_array_has_the_indexes_of_the_whole(void **state)
{
    static const struct {
        const char *ref, *part, *index, *size;
    } cases[] = {
        { JOB ":2/4", "3,7,11-18/40", "AWS_BATCH_JOB_ARRAY_INDEX=11",
          "AWS_BATCH_JOB_ARRAY_SIZE=40" },
        { JOB "/4", "7/40", "AWS_BATCH_JOB_ARRAY_INDEX=7", "AWS_BATCH_JOB_ARRAY_SIZE=40" },
        { JOB ":2/4", "3,7/40", "AWS_BATCH_JOB_ARRAY_INDEX=2", NULL }, /* it names no third one */
        { JOB ":2/4", "nonsense", "AWS_BATCH_JOB_ARRAY_INDEX=2", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *body = NULL;
        json_auto_t *volumes = NULL;
        char members[1024];
        (void)snprintf(members, sizeof(members),
                       "%s,'environment':[{'name':'OPENBATCH_ARRAY_PART','value':'%s'}]", limits,
                       cases[i].part);
        assert_int_equal(make_ref(members, cases[i].ref, &body, &volumes, NULL), 0);
        assert_true(has_env(body, cases[i].index));
        if (cases[i].size)
            assert_true(has_env(body, cases[i].size));
        json_decref(body);
    }
}

static void command_user_and_flags_are_passed_on(void **state)
{
    json_auto_t *body = make("'command':['sh','-c','x y'],'user':'1:2','privileged':true,"
                             "'readonlyRootFilesystem':true,"
                             "'ulimits':[{'name':'nofile','softLimit':5,'hardLimit':6}]");
    assert_json(json_object_get(body, "Cmd"), "[\"sh\",\"-c\",\"x y\"]");
    assert_json(json_object_get(body, "User"), "\"1:2\"");
    assert_json(host(body, "Privileged"), "true");
    assert_null(host(body, "CapDrop"));
    assert_json(host(body, "ReadonlyRootfs"), "true");
    assert_json(host(body, "Ulimits"), "[{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":6}]");
    json_auto_t *empty = make("'command':[],'user':''");
    assert_null(json_object_get(empty, "Cmd"));
    assert_null(json_object_get(empty, "User"));
}

static void volumes_are_bound_or_made_for_the_run(void **state)
{
    json_t *body = NULL, *volumes = NULL;
    char members[1024];
    (void)snprintf(members, sizeof(members),
                   "%s,'volumes':[{'name':'src','host':{'sourcePath':'/data'}},{'name':'tmp'}],"
                   "'mountPoints':[{'sourceVolume':'src','containerPath':'/in','readOnly':true},"
                   "{'sourceVolume':'src','containerPath':'/out'},"
                   "{'sourceVolume':'tmp','containerPath':'/t'}]",
                   limits);
    assert_int_equal(make_ref(members, JOB ":3/1", &body, &volumes, NULL), 0);
    assert_json(host(body, "Binds"), "[\"/data:/in:ro\",\"/data:/out\",\"ob-" JOB "-3-1-tmp:/t\"]");
    assert_json(volumes, "[\"ob-" JOB "-3-1-tmp\"]");
    json_decref(body);
    json_decref(volumes);
}

static void linux_parameters_become_host_settings(void **state)
{
    json_auto_t *body = make(
        "'linuxParameters':{'initProcessEnabled':true,'sharedMemorySize':64,'maxSwap':0,"
        "'swappiness':10,'tmpfs':[{'containerPath':'/t','size':8,'mountOptions':['noexec']}],"
        "'devices':[{'hostPath':'/dev/fuse','permissions':['READ','MKNOD']},{'hostPath':'/dev/x',"
        "'containerPath':'/dev/y'}]}");
    assert_json(host(body, "Init"), "true");
    assert_json(host(body, "ShmSize"), "67108864");
    assert_json(host(body, "MemorySwap"), "134217728"); /* none */
    assert_json(host(body, "MemorySwappiness"), "10");
    assert_json(host(body, "Tmpfs"), "{\"/t\":\"size=8m,noexec\"}");
    assert_json(host(body, "Devices"),
                "[{\"PathOnHost\":\"/dev/fuse\",\"PathInContainer\":\"/dev/fuse\","
                "\"CgroupPermissions\":\"rm\"},{\"PathOnHost\":\"/dev/x\",\"PathInContainer\":"
                "\"/dev/y\",\"CgroupPermissions\":\"rwm\"}]");
}

static void what_cannot_be_served_is_refused_with_its_name(void **state)
{
    static const struct {
        const char *members, *text;
    } cases[] = {
        { "'vcpus':1", "memory" },
        { "'memory':64,'volumes':[{'name':'h','host':{'sourcePath':'/a:b'}}],'mountPoints':"
          "[{'sourceVolume':'h','containerPath':'/x'}]",
          "/a:b" },
        { "'memory':64,'volumes':[{'name':'h'}],'mountPoints':[{'sourceVolume':'h','containerPath':"
          "'x'}]",
          "containerPath" },
        { "'memory':64,'mountPoints':[{'sourceVolume':'x','containerPath':'/x'}]", "volume x" },
        { "'memory':64,'volumes':[{'name':'e','efsVolumeConfiguration':{'fileSystemId':'f'}}],"
          "'mountPoints':[{'sourceVolume':'e','containerPath':'/x'}]",
          "EFS" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *body = NULL, *volumes = NULL;
        ob_error err = { 0 };
        assert_int_equal(make_ref(cases[i].members, JOB "/1", &body, &volumes, &err), -EINVAL);
        assert_non_null(strstr(err.text, cases[i].text));
    }
}

static json_t *make_with(const char *members, docker_spec in)
{
    json_t *body = NULL;
    json_auto_t *volumes = NULL;
    char all[2048];
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(JOB ":4/1", &ref));
    (void)snprintf(all, sizeof(all), "%s%s%s", limits, *members ? "," : "", members);
    json_auto_t *spec = spec_of(all);
    if (in.spec)
        (void)json_object_update(spec, (json_t *)in.spec);
    in.ref = &ref;
    in.attempt = 1;
    in.spec = spec;
    in.home = "/h";
    in.instance = "i-1";
    in.ce = "own";
    assert_int_equal(docker_spec_body(&in, &body, &volumes, NULL), 0);
    return body;
}

static void gpus_become_a_device_request_and_a_label(void **state)
{
    json_auto_t *body = make_with("", (docker_spec){ .gpus = "0,3" });
    assert_json(host(body, "DeviceRequests"),
                "[{\"Driver\":\"nvidia\",\"DeviceIDs\":[\"0\",\"3\"],\"Capabilities\":"
                "[[\"gpu\"]]}]");
    assert_json(json_object_get(json_object_get(body, "Labels"), "openbatch.gpus"), "\"0,3\"");
    json_auto_t *without = make("");
    assert_null(host(without, "DeviceRequests"));
}

static void fargate_is_a_hard_limit_of_cpu(void **state)
{
    json_auto_t *body = make_with("'fargatePlatformConfiguration':{'platformVersion':'LATEST'}",
                                  (docker_spec){ 0 });
    assert_json(host(body, "NanoCpus"), "2000000000");
    assert_true(has_env(body, "AWS_EXECUTION_ENV=AWS_ECS_FARGATE"));
    json_auto_t *ec2 = make("");
    assert_null(host(ec2, "NanoCpus"));
    assert_true(has_env(ec2, "AWS_EXECUTION_ENV=AWS_ECS_EC2"));
}

static void secrets_become_environment_before_ours(void **state)
{
    json_auto_t *secrets = parse("{\"TOKEN\":\"s3\"}");
    json_auto_t *body =
        make_with("'environment':[{'name':'A','value':'1'}]", (docker_spec){ .secrets = secrets });
    const json_t *env = json_object_get(body, "Env");
    assert_json(json_array_get(env, 0), "\"A=1\"");
    assert_json(json_array_get(env, 1), "\"TOKEN=s3\"");
    assert_json(json_array_get(env, 2), "\"AWS_BATCH_JOB_ID=" JOB ":4\"");
}

/* The first: one of the job's own counts. */
static void a_traced_run_knows_its_span(void **state)
{
    json_auto_t *more = parse("{\"trace\":true}");
    json_auto_t *body =
        make_with("'environment':[{'name':'A','value':'1'}]", (docker_spec){ .spec = more });
    const json_t *env = json_object_get(body, "Env");
    ob_run_ref run;
    char parent[OB_TRACEPARENT_TEXT], text[80];
    assert_true(ob_run_ref_parse(JOB ":4/1", &run));
    ob_traceparent_format(&run, OB_TRACE_RUN, parent);
    (void)snprintf(text, sizeof(text), "TRACEPARENT=%s", parent);
    assert_string_equal(json_string_value(json_array_get(env, 0)), text);
    assert_json(json_array_get(env, 1), "\"A=1\"");
}

static void children_know_the_size_of_their_array(void **state)
{
    json_auto_t *more = parse("{\"arraySize\":7}");
    json_auto_t *body = make_with("", (docker_spec){ .spec = more });
    assert_true(has_env(body, "AWS_BATCH_JOB_ARRAY_SIZE=7"));
    assert_true(has_env(body, "AWS_BATCH_JOB_ARRAY_INDEX=4"));
}

static void tags_become_labels_with_a_prefix_and_ours_are_always_set(void **state)
{
    json_auto_t *more = parse("{\"tags\":{\"team\":\"x\",\"openbatch.run\":\"forged\","
                              "\"exitCode\":\"0\",\"com.docker.compose.project\":\"p\"}}");
    json_auto_t *body = make_with("", (docker_spec){ .spec = more });
    const json_t *labels = json_object_get(body, "Labels");
    assert_json(json_object_get(labels, "openbatch.tag.team"), "\"x\"");
    assert_json(json_object_get(labels, "openbatch.tag.openbatch.run"), "\"forged\"");
    assert_null(json_object_get(labels, "team"));
    assert_null(json_object_get(labels, "exitCode")); /* the engine merges labels into events */
    /* An image may have labels with these names: the container's win, also empty ones. */
    assert_json(json_object_get(labels, "openbatch.copy"), "\"\"");
    assert_json(json_object_get(labels, "openbatch.gpus"), "\"\"");
    assert_json(json_object_get(labels, "openbatch.executor"), "\"\"");
    assert_json(json_object_get(labels, "com.docker.compose.project"), "\"\"");
    assert_json(json_object_get(labels, "openbatch.run"), "\"" JOB ":4/1\"");
    json_auto_t *composed = make_with("", (docker_spec){ .spec = more, .copy = "c" });
    assert_json(json_object_get(json_object_get(composed, "Labels"), "openbatch.copy"), "\"c\"");
}

static void secret_options_join_the_log_driver_s(void **state)
{
    json_auto_t *secrets = parse("{\"splunk-token\":\"s3\"}");
    json_auto_t *body = make_with("'logConfiguration':{'logDriver':'splunk','options':{'tag':'x'}}",
                                  (docker_spec){ .log_secrets = secrets });
    assert_json(host(body, "LogConfig"),
                "{\"Type\":\"splunk\",\"Config\":{\"tag\":\"x\",\"splunk-token\":\"s3\"}}");
}

static void a_platform_is_named_as_docker_names_it(void **state)
{
    static const struct {
        const char *members, *platform;
        int result;
    } cases[] = {
        { "", NULL, 0 },
        { "'runtimePlatform':{}", NULL, 0 },
        { "'runtimePlatform':{'operatingSystemFamily':'LINUX'}", NULL, 0 },
        { "'runtimePlatform':{'cpuArchitecture':'ARM64'}", "linux/arm64", 0 },
        { "'runtimePlatform':{'cpuArchitecture':'X86_64'}", "linux/amd64", 0 },
        { "'runtimePlatform':{'cpuArchitecture':'Z80'}", NULL, -EINVAL },
        { "'runtimePlatform':{'operatingSystemFamily':'WINDOWS_SERVER_2022_CORE'}", NULL, -EINVAL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *spec = spec_of(cases[i].members);
        const char *platform = "?";
        assert_int_equal(property_platform(spec, &platform, NULL), cases[i].result);
        if (cases[i].platform)
            assert_string_equal(platform, cases[i].platform);
        else
            assert_null(platform);
    }
}

static void another_log_driver_is_the_engine_s_own(void **state)
{
    json_auto_t *body = make("'logConfiguration':{'logDriver':'syslog','options':{'tag':'x'}}");
    assert_json(host(body, "LogConfig"), "{\"Type\":\"syslog\",\"Config\":{\"tag\":\"x\"}}");
    json_auto_t *spec = spec_of("'logConfiguration':{'logDriver':'syslog'}");
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(JOB "/1", &ref));
    assert_null(log_target(spec, &ref));
}

static void a_stream_is_named_by_definition_and_task(void **state)
{
    ob_run_ref ref;
    char task[OB_TASK_TEXT], expected[512];
    assert_true(ob_run_ref_parse(JOB "/1", &ref));
    ob_run_task_id(&ref, task);
    json_auto_t *spec = spec_of("");
    json_auto_t *target = log_target(spec, &ref);
    (void)snprintf(expected, sizeof(expected),
                   "{\"account\":\"1\",\"region\":\"r\",\"group\":\"/aws/batch/job\",\"stream\":"
                   "\"def/default/%s\"}",
                   task);
    assert_json(target, expected);

    (void)json_object_set_new(spec, "definition",
                              json_string("arn:aws:batch:r:1:job-definition/by-arn:12"));
    json_auto_t *by_arn = log_target(spec, &ref);
    (void)snprintf(expected, sizeof(expected), "by-arn/default/%s", task);
    assert_string_equal(json_string_value(json_object_get(by_arn, "stream")), expected);

    json_auto_t *chosen = spec_of("'logConfiguration':{'logDriver':'awslogs','options':"
                                  "{'awslogs-group':'g','awslogs-stream-prefix':'p'}}");
    json_auto_t *other = log_target(chosen, &ref);
    (void)snprintf(expected, sizeof(expected), "p/default/%s", task);
    assert_string_equal(json_string_value(json_object_get(other, "stream")), expected);
    assert_string_equal(json_string_value(json_object_get(other, "group")), "g");
}

static void pulls_name_one_tag(void **state)
{
    static const struct {
        const char *image, *query;
    } cases[] = {
        { "busybox", "fromImage=busybox&tag=latest" },
        { "busybox:1.2", "fromImage=busybox%3A1.2" },
        { "host:5000/a/b", "fromImage=host%3A5000%2Fa%2Fb&tag=latest" },
        { "host:5000/a/b:t", "fromImage=host%3A5000%2Fa%2Fb%3At" },
        { "a@sha256:00", "fromImage=a%40sha256%3A00" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *query = docker_spec_pull_query(cases[i].image, NULL);
        assert_string_equal(query, cases[i].query);
        free(query);
    }
    char *query = docker_spec_pull_query("a:1", "linux/arm64");
    assert_string_equal(query, "fromImage=a%3A1&platform=linux/arm64");
    free(query);
}

static int64_t time_ns(const char *text)
{
    return rfc3339_ns(text, strlen(text), NULL);
}

static void times_are_read_to_the_nanosecond(void **state)
{
    assert_int_equal(time_ns("1970-01-01T00:00:01Z"), 1000000000);
    assert_int_equal(time_ns("2024-02-29T12:34:56.000000007Z"), 1709210096000000007);
    assert_int_equal(time_ns("2024-02-29T12:34:56.5+01:30"), 1709204696500000000);
    assert_int_equal(time_ns("0001-01-01T00:00:00Z"), 0);
    assert_int_equal(time_ns("2024-02-29T12:34:56"), 0);
    assert_int_equal(time_ns("2024-02-29T12:34:56+ab:cd"), 0);
    assert_int_equal(time_ns("yesterday at around noon Z"), 0);
    assert_int_equal(time_ns(""), 0);
}

static void times_beyond_nanoseconds_are_none(void **state)
{
    assert_int_equal(time_ns("2262-04-11T23:47:14.999999999Z"), 9223372034999999999);
    assert_int_equal(time_ns("2262-04-11T23:47:17Z"), 0);
    assert_int_equal(time_ns("9999-12-31T23:59:59Z"), 0);
    assert_int_equal(time_ns("1969-12-31T23:59:59Z"), 0);
}

static void the_null_runtime_reads_the_command(void **state)
{
    static const struct {
        const char *members;
        int64_t ms;
        int code;
        int failures;
    } cases[] = {
        { "'command':['sleep','2.5']", 2500, 0 },
        { "'command':['fail','2']", 0, 0, 2 },
        { "'command':['exit','7']", 0, 7 },
        { "'command':['sh','-c','exit 3']", 0, 3 },
        { "'command':['sh','-c','sleep 1']", 1000, 0 },
        { "'command':['sleep']", 0, 0 },
        { "'command':['sleep','-1']", 0, 0 },
        { "'command':['echo','sleep','9']", 0, 0 },
        { "", 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *spec = spec_of(cases[i].members);
        null_plan plan = null_plan_of(spec);
        assert_int_equal(plan.duration_ms, cases[i].ms);
        assert_int_equal(plan.exit_code, cases[i].code);
        assert_int_equal(plan.failures, cases[i].failures);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_become_shares_and_a_hard_limit_with_swap_of_the_same),
        cmocka_unit_test(amounts_beyond_any_machine_are_cut),
        cmocka_unit_test(old_members_count_when_there_are_no_requirements),
        cmocka_unit_test(the_service_s_variables_come_last),
        cmocka_unit_test(a_part_of_an_array_has_the_indexes_of_the_whole),
        cmocka_unit_test(command_user_and_flags_are_passed_on),
        cmocka_unit_test(volumes_are_bound_or_made_for_the_run),
        cmocka_unit_test(linux_parameters_become_host_settings),
        cmocka_unit_test(what_cannot_be_served_is_refused_with_its_name),
        cmocka_unit_test(another_log_driver_is_the_engine_s_own),
        cmocka_unit_test(a_stream_is_named_by_definition_and_task),
        cmocka_unit_test(pulls_name_one_tag),
        cmocka_unit_test(times_are_read_to_the_nanosecond),
        cmocka_unit_test(times_beyond_nanoseconds_are_none),
        cmocka_unit_test(the_null_runtime_reads_the_command),
        cmocka_unit_test(gpus_become_a_device_request_and_a_label),
        cmocka_unit_test(fargate_is_a_hard_limit_of_cpu),
        cmocka_unit_test(secrets_become_environment_before_ours),
        cmocka_unit_test(a_traced_run_knows_its_span),
        cmocka_unit_test(children_know_the_size_of_their_array),
        cmocka_unit_test(tags_become_labels_with_a_prefix_and_ours_are_always_set),
        cmocka_unit_test(secret_options_join_the_log_driver_s),
        cmocka_unit_test(a_platform_is_named_as_docker_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
