/* Random bytes at each place where an executor accepts, cuts, packs or stores text: the process
 * survives, what it stores can be read again, and what it sends is valid text. */
#include "executor_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "adopt.h"
#include "host/secrets.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "output_text.h"
#include "random_bytes.h"
#include "runtimes/docker/docker_auth.h"
#include "runtimes/docker/docker_error.h"
#include "runtimes/docker/docker_spec.h"
#include "runtimes/properties.h"

#define ROUNDS 400
#define LONG_MAX 900

static void assert_text(const char *text)
{
    if (!ob_text_is_utf8(text, strlen(text)))
        fail_msg("no text: %s", text);
}

/* Whatever is in it, it is one whole message. */
static void assert_message(const json_t *value)
{
    assert_non_null(value);
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    json_auto_t *again = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_true(json_equal(value, again));
    free(text);
}

static void spool_is_readable(world *w)
{
    ob_error err = { 0 };
    assert_int_equal(spool_sync(w->spool, &err), 0);
    char path[DIR_MAX + 16], *line = NULL;
    size_t cap = 0;
    (void)snprintf(path, sizeof(path), "%s/spool", w->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (ssize_t n; (n = getline(&line, &cap, file)) > 0;) {
        json_auto_t *entry = json_loadb(line, (size_t)n, 0, NULL);
        assert_true(json_is_string(json_object_get(entry, "k")));
    }
    free(line);
    (void)fclose(file);
}

static void a_spool_takes_nothing_for_a_value(void **state)
{
    world *w = *state;
    spool_set(w->spool, "k", "n", NULL, true);
    spool_is_readable(w);
    assert_true(json_is_null(json_object_get(spool_get(w->spool, "k"), "n")));
}

/* What an engine, a runtime or a file says of a run's end, through the spool and a restart. */
static void ends_with_any_reason_are_kept_and_told(void **state)
{
    world *w = *state;
    uint64_t seed = 21;
    for (int i = 0; i < ROUNDS; i++) {
        char run[OB_RUN_TEXT], text[LONG_MAX + 1];
        (void)snprintf(run, sizeof(run), JOB ":%d/1", i);
        random_string(&seed, text, LONG_MAX);
        bool refused = i % 2;
        start_result = refused ? -EINVAL : 0;
        start_text = text;
        asked[0] = '\0';
        place(w, run, false);
        if (!refused)
            attempts_exited(&w->a, run,
                            &(runtime_end){ .started = i % 4, .exit_code = 1, .reason = text });
        attempt *at = attempts_find(&w->a, run);
        assert_int_equal(at->state, ATTEMPT_EXITED);
        assert_text(at->reason);
        assert_true(strlen(at->reason) <= 255);
        json_auto_t *said = told_state(at);
        assert_message(said);
        assert_true(!at->reason[0] || json_is_string(json_object_get(said, "reason")));
    }
    spool_is_readable(w);
    restart(w);
    asked[0] = '\0';
    adopt_listed(&w->a);
    for (int i = 1; i < ROUNDS; i += 2) { /* those without a container */
        char run[OB_RUN_TEXT];
        (void)snprintf(run, sizeof(run), JOB ":%d/1", i);
        assert_int_equal(state_of(w, run), ATTEMPT_EXITED);
    }
}

/* The members of a spec are text, for they were JSON; where they are cut is what differs. */
static char *random_member(uint64_t *seed, size_t max)
{
    char raw[LONG_MAX + 1];
    random_string(seed, raw, max);
    char *text = ob_text_dup(raw, max);
    return text;
}

static json_t *random_spec(uint64_t *seed)
{
    static const char *const paths[][2] = { { "container", "image" },
                                            { "container", "user" },
                                            { "container", "executionRoleArn" },
                                            { "runtimePlatform", "operatingSystemFamily" },
                                            { "runtimePlatform", "cpuArchitecture" },
                                            { "logConfiguration", "logDriver" } };
    json_t *properties =
        json_pack("{s:[{s:s, s:s}, {s:s, s:s}], s:[{}], s:[{s:{}}], s:{}, s:{}}",
                  "resourceRequirements", "type", "VCPU", "value", "1", "type", "MEMORY", "value",
                  "64", "mountPoints", "volumes", "host", "runtimePlatform", "logConfiguration");
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        json_t *to = strcmp(paths[i][0], "container") ? json_object_get(properties, paths[i][0])
                                                      : properties;
        ob_cleanup(ob_freep) char *text = random_member(seed, LONG_MAX);
        if (random_next(seed) % 2)
            (void)json_object_set_new(to, paths[i][1], ob_json_text(text));
    }
    json_t *mount = json_array_get(json_object_get(properties, "mountPoints"), 0);
    json_t *volume = json_array_get(json_object_get(properties, "volumes"), 0);
    ob_cleanup(ob_freep) char *name = random_member(seed, 300);
    ob_cleanup(ob_freep) char *target = random_member(seed, LONG_MAX);
    ob_cleanup(ob_freep) char *source = random_member(seed, LONG_MAX);
    ob_cleanup(ob_freep) char *bad_target = ob_strf("/:a%s", target);
    (void)json_object_set_new(volume, "name", ob_json_text(name));
    (void)json_object_set_new(mount, "sourceVolume", ob_json_text(name));
    (void)json_object_set_new(mount, "containerPath", ob_json_text(bad_target));
    (void)json_object_set_new(json_object_get(volume, "host"), "sourcePath", ob_json_text(source));
    return json_pack("{s:o, s:s}", "container", properties, "definition", target);
}

static void specs_with_any_text_are_made_or_refused_in_words(void **state)
{
    uint64_t seed = 8;
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(RUN, &ref));
    for (int i = 0; i < ROUNDS; i++) {
        json_auto_t *spec = random_spec(&seed);
        json_t *body = NULL, *volumes = NULL;
        const char *platform;
        ob_error err = { 0 };
        docker_spec in = { .ref = &ref, .spec = spec, .home = "/h\xff", .instance = "i\xc3" };
        in.ce = "\xe2\x82";
        if (docker_spec_body(&in, &body, &volumes, &err) == 0)
            assert_message(body);
        else
            assert_text(err.text);
        json_decref(body);
        json_decref(volumes);
        if (property_platform(spec, &platform, &err) < 0)
            assert_text(err.text);
        json_auto_t *target = log_target(spec, &ref);
        if (target)
            assert_message(target);
    }
}

/* As it was met: the path is cut where a character stands. */
static void the_path_that_ended_executors_is_refused_in_words(void **state)
{
    world *w = *state;
    char path[400] = "/:a";
    for (int i = 0; i < 150; i++)
        memcpy(path + 3 + 2 * i, "é", 3);
    json_auto_t *spec = json_pack("{s:{s:s, s:[{s:s, s:s}], s:[{s:s}], s:i}}", "container", "image",
                                  "i", "mountPoints", "sourceVolume", "v", "containerPath", path,
                                  "volumes", "name", "v", "memory", 64);
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(RUN, &ref));
    json_t *body = NULL, *volumes = NULL;
    ob_error err = { 0 };
    docker_spec in = { .ref = &ref, .spec = spec, .home = "/h", .instance = "i", .ce = "c" };
    assert_int_equal(docker_spec_body(&in, &body, &volumes, &err), -EINVAL);
    start_result = -EINVAL;
    start_text = err.text;
    place(w, RUN, false);
    assert_int_equal(state_of(w, RUN), ATTEMPT_EXITED);
    assert_non_null(strstr(attempts_find(&w->a, RUN)->reason, "is not an absolute path"));
    spool_is_readable(w);
}

static void what_an_engine_answers_becomes_text(void **state)
{
    uint64_t seed = 4;
    for (int i = 0; i < ROUNDS; i++) {
        char raw[LONG_MAX + 1], out[200];
        random_string(&seed, raw, LONG_MAX);
        ob_http_reply reply = { .error = raw, .body = raw, .len = strlen(raw) };
        assert_text(docker_error_text(&reply, out, sizeof(out)));
        reply.status = 500;
        assert_text(docker_error_text(&reply, out, sizeof(out)));
        json_auto_t *message = json_object();
        (void)json_object_set_new(message, "message", ob_json_text(raw));
        ob_cleanup(ob_freep) char *body = json_dumps(message, 0);
        reply.body = body;
        reply.len = strlen(body);
        assert_text(docker_error_text(&reply, out, sizeof(out)));
    }
}

/* Half a secret is one, too. */
static void a_secret_is_hidden_before_the_text_is_cut(void **state)
{
    char body[400] = "{\"message\": \"";
    memset(body + strlen(body), 'x', 190);
    (void)strcat(body, "hunter2hunter2\"}");
    ob_http_reply reply = { .status = 500, .error = "", .body = body, .len = strlen(body) };
    json_auto_t *hidden = json_pack("{s:s}", "a", "hunter2hunter2");
    ob_cleanup(ob_freep) char *text = docker_error_dup(&reply, hidden);
    assert_null(strstr(ob_cut(text, 200), "hunt"));
    assert_string_equal(text + 190, "***");
}

static void write_file(const char *path, const char *data, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void secrets_with_any_bytes_are_read_or_refused_in_words(void **state)
{
    world *w = *state;
    uint64_t seed = 13;
    char path[DIR_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/secret", w->dir);
    for (int i = 0; i < ROUNDS; i++) {
        char raw[LONG_MAX];
        size_t len = random_bytes(&seed, raw, sizeof(raw));
        write_file(path, raw, len);
        ob_cleanup(ob_freep) char *name = random_member(&seed, LONG_MAX);
        ob_cleanup(ob_freep) char *of_secret =
            ob_strf("arn:aws:secretsmanager:r:1:secret:secret:%s::", name);
        const char *const names[] = { "/secret", name, of_secret };
        for (size_t k = 0; k < 3; k++) {
            json_auto_t *list = json_pack("[{s:s, s:s}]", "name", "S", "valueFrom", names[k]);
            json_auto_t *values = NULL;
            ob_error err = { 0 };
            if (secrets_read_all(w->dir, list, &values, &err) == 0)
                assert_message(values);
            else
                assert_text(err.text);
        }
        raw[len > 0 ? len - 1 : 0] = '\0';
        ob_cleanup(ob_freep) char *auth = NULL;
        (void)docker_auth_from_secret(raw, name, &auth, NULL);
    }
    assert_int_equal(unlink(path), 0);
}

static void credentials_of_any_bytes_are_a_header_or_none(void **state)
{
    uint64_t seed = 6;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < ROUNDS; i++) {
        char pair[121] = { 0 };
        for (size_t k = 0; k < 120; k++)
            pair[k] = digits[random_next(&seed) % 64];
        pair[4 * (random_next(&seed) % 31)] = '\0';
        json_auto_t *config = json_pack("{s:{s:{s:s}}}", "auths", "reg.example", "auth", pair);
        ob_cleanup(ob_freep) char *header = docker_auth_from_config(config, "reg.example/i");
        assert_true(!header || !strchr(header, '+'));
    }
}

static void lines_of_any_bytes_are_json(void **state)
{
    uint64_t seed = 2;
    for (int i = 0; i < ROUNDS; i++) {
        char raw[LONG_MAX];
        size_t len = random_bytes(&seed, raw, sizeof(raw));
        log_text t = { 0 };
        log_text_add_line(&t, 5, raw, len, len + 1);
        json_auto_t *line = json_loadb(t.text, t.len, 0, NULL);
        assert_non_null(line);
        if (json_array_size(line) == 2)
            assert_memory_equal(json_string_value(json_array_get(line, 1)), raw, len);
        free(t.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_spool_takes_nothing_for_a_value),
        IN_WORLD(ends_with_any_reason_are_kept_and_told),
        cmocka_unit_test(specs_with_any_text_are_made_or_refused_in_words),
        IN_WORLD(the_path_that_ended_executors_is_refused_in_words),
        cmocka_unit_test(what_an_engine_answers_becomes_text),
        cmocka_unit_test(a_secret_is_hidden_before_the_text_is_cut),
        IN_WORLD(secrets_with_any_bytes_are_read_or_refused_in_words),
        cmocka_unit_test(credentials_of_any_bytes_are_a_header_or_none),
        cmocka_unit_test(lines_of_any_bytes_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
