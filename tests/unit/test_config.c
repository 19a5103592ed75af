/* Configuration: defaults and their variables, refusals that name the variable, secrets. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "ob/config.h"

typedef struct config {
    ob_config_common common;
    char *pg;
    char *token;
    char *socket;
    int64_t beat_ms, beat_again_ms;
} config;

static const ob_config_field fields[] = {
    { "OPENBATCH_PG", OB_CONFIG_STRING, offsetof(config, pg), OB_CONFIG_PG_DEFAULT,
      "libpq conninfo" },
    { "OPENBATCH_TOKEN", OB_CONFIG_SECRET, offsetof(config, token), "", "a secret" },
    { "OPENBATCH_SOCKET", OB_CONFIG_PATH, offsetof(config, socket), "${OPENBATCH_RUN_DIR}/x.sock",
      "socket" },
    { "OPENBATCH_BEAT_MS", OB_CONFIG_INT, offsetof(config, beat_ms), "1000", "heartbeat", 10,
      60000 },
    /* Two parts of a program may want one variable. */
    { "OPENBATCH_BEAT_MS", OB_CONFIG_INT, offsetof(config, beat_again_ms), "1000", "heartbeat", 10,
      60000 },
    { 0 },
};

static int clean_environment(void **state)
{
    (void)clearenv();
    (void)setenv("OPENBATCH_HOME", "/h", 1);
    (void)setenv("OPENBATCH_RUN_DIR", "/r", 1);
    return 0;
}

static void defaults_are_filled_and_expanded(void **state)
{
    config c = { 0 };
    ob_error err = { 0 };
    assert_int_equal(ob_config_load(&c, fields, true, &err), 0);
    assert_string_equal(c.common.home, "/h");
    assert_string_equal(c.common.account, "123456789012");
    assert_string_equal(c.common.kafka_user, "");
    assert_int_equal(c.common.kafka_partitions, 1);
    assert_string_equal(c.pg, "host=/r user=openbatch dbname=openbatch");
    assert_string_equal(c.socket, "/r/x.sock");
    assert_int_equal(c.beat_ms, 1000);
    ob_config_done(&c, fields, true);
    assert_null(c.pg);
}

static void the_environment_goes_before_defaults_and_others_are_not_looked_at(void **state)
{
    config c = { 0 };
    ob_error err = { 0 };
    (void)setenv("OPENBATCH_BEAT_MS", "60000", 1);
    (void)setenv("OPENBATCH_PG", "host=db", 1);
    (void)setenv("OPENBATCH_SOMETHING_ELSE", "!", 1);
    (void)setenv("OPENBATCH_SOCKET", "", 1);
    assert_int_equal(ob_config_load(&c, fields, true, &err), 0);
    assert_string_equal(c.pg, "host=db");
    assert_int_equal(c.beat_ms, 60000);
    assert_string_equal(c.socket, "/r/x.sock");
    ob_config_done(&c, fields, true);
}

static void the_error_names_the_variable(void **state)
{
    static const struct {
        const char *name, *value;
    } bad[] = {
        { "OPENBATCH_HOME", "" },
        { "OPENBATCH_RUN_DIR", "relative/dir" },
        { "OPENBATCH_BEAT_MS", "9" },
        { "OPENBATCH_BEAT_MS", "60001" },
        { "OPENBATCH_BEAT_MS", "10s" },
        { "OPENBATCH_BEAT_MS", " 10" },
        { "OPENBATCH_BEAT_MS", "0x10" },
        { "OPENBATCH_BEAT_MS", "99999999999999999999" },
        { "OPENBATCH_BEAT_MS", "-" },
        { "OPENBATCH_KAFKA_PARTITIONS", "0" },
        { "OPENBATCH_LOG_LEVEL", "verbose" },
        { "OPENBATCH_ACCOUNT", "12345678901" },
        { "OPENBATCH_ACCOUNT", "12345678901a" },
        { "OPENBATCH_SOCKET", "x.sock" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        (void)clean_environment(state);
        (void)setenv(bad[i].name, bad[i].value, 1);
        config c = { 0 };
        ob_error err = { 0 };
        assert_int_equal(ob_config_load(&c, fields, true, &err), -EINVAL);
        if (!strstr(err.text, bad[i].name))
            fail_msg("%s=%s: %s", bad[i].name, bad[i].value, err.text);
        assert_null(c.common.home);
        assert_null(c.pg);
    }
}

static void a_kafka_user_needs_a_password_file(void **state)
{
    config c = { 0 };
    ob_error err = { 0 };
    (void)setenv("OPENBATCH_KAFKA_USER", "api", 1);
    assert_int_equal(ob_config_load(&c, fields, true, &err), -EINVAL);
    assert_non_null(strstr(err.text, "OPENBATCH_KAFKA_PASSWORD_FILE"));
}

/* Runs the argument handling with its output in a file. */
static char *run_cli(char *argument, int *ret_code, bool *ret_exit)
{
    static char text[8192];
    char path[] = "/tmp/ob-test-config-XXXXXX";
    int fd = mkstemp(path);
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    (void)dup2(fd, STDOUT_FILENO);
    config c = { 0 };
    char *argv[] = { "prog", argument, NULL };
    *ret_exit = ob_config_cli(argument ? 2 : 1, argv, "prog", &c, fields, true, ret_code);
    ob_config_done(&c, fields, true);
    (void)fflush(stdout);
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(saved);
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    (void)close(fd);
    (void)unlink(path);
    return text;
}

static void check_config_prints_values_and_masks_secrets(void **state)
{
    int code = -1;
    bool exits = false;
    (void)setenv("OPENBATCH_TOKEN", "hunter2", 1);
    const char *text = run_cli("--check-config", &code, &exits);
    assert_true(exits);
    assert_int_equal(code, 0);
    assert_non_null(strstr(text, "OPENBATCH_HOME=/h\n"));
    assert_non_null(strstr(text, "OPENBATCH_BEAT_MS=1000\n"));
    assert_non_null(strstr(text, "OPENBATCH_TOKEN=********\n"));
    assert_null(strstr(text, "hunter2"));

    (void)unsetenv("OPENBATCH_HOME");
    (void)run_cli("--check-config", &code, &exits);
    assert_int_equal(code, 1);
}

static void every_variable_is_in_help_and_table(void **state)
{
    int code = -1;
    bool exits = false;
    (void)unsetenv("OPENBATCH_HOME"); /* asking must not need a configuration */
    const char *const arguments[] = { "--help", "--config-table" };
    for (size_t i = 0; i < 2; i++) {
        ob_cleanup(ob_freep) char *argument = ob_strdup(arguments[i]);
        const char *text = run_cli(argument, &code, &exits);
        assert_int_equal(code, 0);
        for (const ob_config_field *f = fields; f->name; f++)
            assert_non_null(strstr(text, f->name));
        for (const ob_config_field *f = ob_config_common_fields; f->name; f++)
            assert_non_null(strstr(text, f->name));
    }
    assert_non_null(
        strstr(run_cli("--config-table", &code, &exits), "OPENBATCH_BEAT_MS\t1000\theartbeat\n"));
    assert_non_null(strstr(run_cli("--version", &code, &exits), OB_VERSION));
    (void)run_cli(NULL, &code, &exits);
    assert_false(exits);
}

static void a_variable_of_two_parts_is_read_by_both_and_told_once(void **state)
{
    config c = { 0 };
    int code = -1;
    bool exits = false;
    ob_error err = { 0 };
    (void)clean_environment(state);
    (void)setenv("OPENBATCH_BEAT_MS", "500", 1);
    assert_int_equal(ob_config_load(&c, fields, true, &err), 0);
    assert_int_equal(c.beat_ms, 500);
    assert_int_equal(c.beat_again_ms, 500);
    ob_config_done(&c, fields, true);
    const char *const arguments[] = { "--help", "--config-table", "--check-config" };
    for (size_t i = 0; i < 3; i++) {
        ob_cleanup(ob_freep) char *argument = ob_strdup(arguments[i]);
        const char *first = strstr(run_cli(argument, &code, &exits), "OPENBATCH_BEAT_MS");
        assert_non_null(first);
        assert_null(strstr(first + 1, "OPENBATCH_BEAT_MS"));
    }
}

static void a_secret_is_read_without_its_newline(void **state)
{
    char path[] = "/tmp/ob-test-secret-XXXXXX";
    int fd = mkstemp(path);
    char *secret = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_config_read_secret(path, &secret, &err), -EINVAL); /* empty */
    assert_int_equal(write(fd, "a b\nc\n\n", 7), 7);
    assert_int_equal(ob_config_read_secret(path, &secret, &err), 0);
    assert_string_equal(secret, "a b\nc");
    free(secret);
    secret = NULL;
    assert_int_equal(ftruncate(fd, 70000), 0);
    assert_int_equal(ob_config_read_secret(path, &secret, &err), -EFBIG);
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(ob_config_read_secret(path, &secret, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_null(secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_filled_and_expanded, clean_environment),
        cmocka_unit_test_setup(the_environment_goes_before_defaults_and_others_are_not_looked_at,
                               clean_environment),
        cmocka_unit_test_setup(the_error_names_the_variable, clean_environment),
        cmocka_unit_test_setup(a_kafka_user_needs_a_password_file, clean_environment),
        cmocka_unit_test_setup(check_config_prints_values_and_masks_secrets, clean_environment),
        cmocka_unit_test_setup(every_variable_is_in_help_and_table, clean_environment),
        cmocka_unit_test(a_variable_of_two_parts_is_read_by_both_and_told_once),
        cmocka_unit_test(a_secret_is_read_without_its_newline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
