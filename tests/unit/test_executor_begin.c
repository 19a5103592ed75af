/* What is collected before a container is started: secrets, credentials for registries, GPUs. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "host/registry_login.h"
#include "host/secrets.h"
#include "runtimes/docker/docker_auth.h"
#include "runtimes/docker/docker_gpus.h"

/* ---- secrets ---- */

static char dir[64];

static void write_secret(const char *name, const char *data, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static int make_dir(void **state)
{
    char sub[128];
    (void)snprintf(dir, sizeof(dir), "/tmp/ob-secrets-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(sub, sizeof(sub), "%s/app", dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    write_secret("plain", "value\n", 6);
    write_secret("app/db", "{\"password\": \"pw\", \"port\": 5432}", 32);
    write_secret("tail-AbCdEf", "exact", 5);
    write_secret("tail", "without", 7);
    write_secret("other", "other", 5);
    write_secret("nul", "a\0b", 3);
    write_secret("latin", "\xe4", 1);
    return 0;
}

static int drop_dir(void **state)
{
    static const char *const names[] = { "plain", "app/db", "tail-AbCdEf", "tail",
                                         "other", "nul",    "latin",       "app" };
    char path[256];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    return rmdir(dir);
}

#define SM "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
#define SSM "arn:aws:ssm:us-east-1:123456789012:parameter/"

static void names_and_arns_become_files(void **state)
{
    static const struct {
        const char *from, *value;
    } cases[] = {
        { "plain", "value" },
        { "/plain", "value" },
        { "app/db", "{\"password\": \"pw\", \"port\": 5432}" },
        { SSM "plain", "value" },
        { SSM "app/db", "{\"password\": \"pw\", \"port\": 5432}" },
        { SM "plain", "value" },
        { SM "plain-a1B2c3", "value" },
        { SM "tail-AbCdEf", "exact" },
        { SM "tail-XyZxYz", "without" },
        { SM "app/db-a1B2c3:password::", "pw" },
        { SM "app/db:port", "5432" },
        { SM "app/db:password:AWSCURRENT:", "pw" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *value = NULL;
        ob_error err = { 0 };
        if (secrets_read(dir, cases[i].from, &value, &err) < 0)
            fail_msg("%s: %s", cases[i].from, err.text);
        assert_string_equal(value, cases[i].value);
        free(value);
    }
}

static void what_is_no_secret_is_said_by_its_name_only(void **state)
{
    static const char *const cases[] = {
        "missing",
        "/plain/deeper",
        "",
        "/",
        "../etc/passwd",
        "app/../plain",
        "app//db",
        ".hidden",
        "app", /* a directory */
        "nul",
        "plain-a1B2c3", /* parameters have no tail */
        SM "missing-a1B2c3",
        SM "app/db:user::",
        SM "plain:key::",
        SM "plain::AWSPREVIOUS:",
        SM "plain:::01234",
        "arn:aws:s3:::bucket",
        "arn:aws:ssm:us-east-1:1:document/plain",
        "arn:aws",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *value = NULL;
        ob_error err = { 0 };
        if (secrets_read(dir, cases[i], &value, &err) == 0)
            fail_msg("%s is %s", cases[i], value);
        assert_non_null(strstr(err.text, cases[i]));
        assert_null(strstr(err.text, "value"));
    }
    ob_error err = { 0 };
    char *value = NULL;
    assert_int_equal(secrets_read("", "plain", &value, &err), -ENOENT);
    assert_non_null(strstr(err.text, "OPENBATCH_SECRETS_DIR"));
}

static void a_list_is_read_whole_or_not_at_all(void **state)
{
    json_auto_t *list = json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "A", "valueFrom", "plain",
                                  "name", "B", "valueFrom", SM "app/db:password::");
    json_t *values = NULL;
    assert_int_equal(secrets_read_all(dir, list, &values, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(values, "A")), "value");
    assert_string_equal(json_string_value(json_object_get(values, "B")), "pw");
    json_decref(values);
    values = NULL;
    json_array_append_new(list, json_pack("{s:s, s:s}", "name", "C", "valueFrom", "latin"));
    assert_int_equal(secrets_read_all(dir, list, &values, NULL), -EINVAL);
    assert_null(values);
    assert_int_equal(secrets_read_all(NULL, NULL, &values, NULL), 0); /* none are asked for */
    assert_int_equal(json_object_size(values), 0);
    json_decref(values);
}

static void values_are_hidden_in_a_text(void **state)
{
    json_auto_t *values = json_pack("{s:s, s:s}", "a", "hunter2", "b", "xy");
    char text[] = "hunter2: bad xy, hunter2hunter2";
    secrets_hide(values, text);
    assert_string_equal(text, "***: bad xy, ******");
    secrets_hide(NULL, text);

    json_auto_t *nested = json_pack("{s:s, s:s, s:s}", "a", "key", "b", "key-of-b", "c", "of-b");
    char longer[] = "key-of-b key";
    secrets_hide(nested, longer);
    assert_string_equal(longer, "*** ***");

    json_auto_t *special = json_pack("{s:s}", "a", "top\"sec\\ret\tva<lue>é");
    char engines[] = "parsing \"top\\\"sec\\\\ret\\tva<lue>é\": invalid syntax";
    secrets_hide(special, engines);
    assert_string_equal(engines, "parsing \"***\": invalid syntax");
}

/* ---- registries ---- */

static void an_image_names_its_registry(void **state)
{
    static const char *const cases[][2] = {
        { "busybox", "docker.io" },
        { "library/busybox:1", "docker.io" },
        { "localhost/a", "localhost" },
        { "localhost:5000/a:b", "localhost:5000" },
        { "123.dkr.ecr.us-east-1.amazonaws.com/a@sha256:0", "123.dkr.ecr.us-east-1.amazonaws.com" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *registry = registry_login_host(cases[i][0]);
        assert_string_equal(registry, cases[i][1]);
        free(registry);
    }
}

static void assert_header(const char *config_text, const char *image, const char *expected)
{
    json_auto_t *config = json_loads(config_text, 0, NULL);
    char *header = docker_auth_from_config(config, image);
    if (expected)
        assert_string_equal(header, expected);
    else
        assert_null(header);
    free(header);
}

static void credentials_are_found_by_registry(void **state)
{
    /* {"username":"u","password":"p?>","serveraddress":"h:1"} */
    static const char pair[] =
        "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InA_PiIsInNlcnZlcmFkZHJlc3MiOiJoOjEifQ==";
    assert_header("{\"auths\":{\"h:1\":{\"auth\":\"dTpwPz4=\"}}}", "h:1/a", pair);
    assert_header("{\"auths\":{\"https://h:1/v2/\":{\"auth\":\"dTpwPz4=\"}}}", "h:1/a", pair);
    assert_header("{\"auths\":{\"h:1\":{\"username\":\"u\",\"password\":\"p?>\"}}}", "h:1/a", pair);
    assert_header("{\"auths\":{\"h:1\":{\"auth\":\"dTpwPz4=\"}}}", "h:2/a", NULL);
    assert_header("{\"auths\":{\"h:1\":{\"auth\":\"dTpwPz4=\"}}}", "a", NULL);
    assert_header("{\"auths\":{\"h:1\":{\"auth\":\"no base64\"}}}", "h:1/a", NULL);
    assert_header("{\"auths\":{\"h:1\":{}}}", "h:1/a", NULL);
    assert_header("{}", "h:1/a", NULL);
    /* {"identitytoken":"t","serveraddress":"docker.io"} */
    assert_header("{\"auths\":{\"https://index.docker.io/v1/\":{\"identitytoken\":\"t\"}}}",
                  "busybox",
                  "eyJpZGVudGl0eXRva2VuIjoidCIsInNlcnZlcmFkZHJlc3MiOiJkb2NrZXIuaW8ifQ==");
}

static void a_missing_configuration_has_no_credentials(void **state)
{
    assert_null(docker_auth_from_file("/nonexistent/config.json", "a"));
}

static void a_secret_may_hold_credentials(void **state)
{
    char *header = NULL;
    ob_error err = { 0 };
    assert_int_equal(docker_auth_from_secret("{\"username\":\"u\",\"password\":\"p?>\"}", "h:1/a",
                                             &header, &err),
                     0);
    assert_string_equal(
        header, "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InA_PiIsInNlcnZlcmFkZHJlc3MiOiJoOjEifQ==");
    free(header);
    assert_int_equal(docker_auth_from_secret("hunter2", "h:1/a", &header, &err), -EINVAL);
    assert_null(strstr(err.text, "hunter2"));
}

/* ---- GPUs ---- */

static void gpus_belong_to_one_container_at_a_time(void **state)
{
    docker d = { .base.config.gpus = 4 };
    container a = { .run = "a", .step = STEP_RUN, .gpus = (char *)"0,2" };
    container b = { .run = "b", .step = STEP_ENDED, .gpus = (char *)"1" };
    char *got = NULL;
    ob_error err = { 0 };
    HASH_ADD_STR(d.containers, run, (&a));
    HASH_ADD_STR(d.containers, run, (&b));
    container *first = &a, *second = &b;
    assert_ptr_equal(d.containers, first);
    assert_int_equal(docker_gpus_take(&d, 2, &got, &err), 0);
    assert_string_equal(got, "1,3");
    free(got);
    got = NULL;
    assert_int_equal(docker_gpus_take(&d, 3, &got, &err), -EBUSY);
    assert_int_equal(docker_gpus_take(&d, 5, &got, &err), -EINVAL);
    assert_non_null(strstr(err.text, "has 4"));
    assert_null(got);
    a.step = STEP_REMOVE;
    assert_int_equal(docker_gpus_take(&d, 4, &got, &err), 0);
    assert_string_equal(got, "0,1,2,3");
    free(got);
    HASH_DEL(d.containers, second);
    HASH_DEL(d.containers, first);
}

static void gpus_are_wanted_by_requirement(void **state)
{
    json_auto_t *with = json_pack("{s:{s:[{s:s, s:s}]}}", "container", "resourceRequirements",
                                  "type", "GPU", "value", "2");
    json_auto_t *without = json_pack("{s:{}}", "container");
    assert_int_equal(docker_gpus_wanted(with), 2);
    assert_int_equal(docker_gpus_wanted(without), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_and_arns_become_files, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(what_is_no_secret_is_said_by_its_name_only, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(a_list_is_read_whole_or_not_at_all, make_dir, drop_dir),
        cmocka_unit_test(values_are_hidden_in_a_text),
        cmocka_unit_test(an_image_names_its_registry),
        cmocka_unit_test(credentials_are_found_by_registry),
        cmocka_unit_test(a_missing_configuration_has_no_credentials),
        cmocka_unit_test(a_secret_may_hold_credentials),
        cmocka_unit_test(gpus_belong_to_one_container_at_a_time),
        cmocka_unit_test(gpus_are_wanted_by_requirement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
