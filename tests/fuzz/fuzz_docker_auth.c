/* Credentials for registries, and secrets: their names, and their values in the engine's texts.
 * Covers: services/executor/runtimes/docker/docker_auth.c services/executor/host/registry_login.c
 * services/executor/host/secrets.c */
#include "fuzz.h"

#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/registry_login.h"
#include "host/secrets.h"
#include "ob/json.h"
#include "ob/message.h"
#include "runtimes/docker/docker_auth.h"

/* The header is base64url of a JSON object that names the registry. */
static void check_header(const char *header, const char *image)
{
    size_t len = strlen(header);
    ob_cleanup(ob_freep) char *base64 = ob_strdup(header), *text = ob_calloc(1, len + 1);
    for (char *c = base64; *c; c++)
        *c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
    FUZZ_CHECK(len % 4 == 0 &&
               EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)base64, (int)len) > 0);
    json_auto_t *out = ob_json_read_text(text);
    ob_cleanup(ob_freep) char *registry = registry_login_host(image);
    FUZZ_CHECK(strcmp(ob_json_str(out, "serveraddress", ""), registry) == 0);
    FUZZ_CHECK(json_object_get(out, "username") || json_object_get(out, "identitytoken"));
}

static void check_config(const char *config_text, const char *image)
{
    json_auto_t *config = ob_json_read_text(config_text);
    ob_cleanup(ob_freep) char *header = docker_auth_from_config(config, image), *own = NULL;
    if (header)
        check_header(header, image);
    if (docker_auth_from_secret(config_text, image, &own, NULL) == 0)
        check_header(own, image);
    free(own);
    own = NULL;
}

/* No value of three bytes or more is left in a text. */
static void check_hidden(const json_t *values, const char *text)
{
    ob_cleanup(ob_freep) char *hidden = ob_strdup(text);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)values, name, value)
    {
        if (!json_is_string(value))
            return;
    }
    secrets_hide(values, hidden);
    FUZZ_CHECK(strlen(hidden) <= strlen(text));
    json_object_foreach((json_t *)values, name, value)
    {
        const char *secret = json_string_value(value);
        if (strlen(secret) >= 3 && !strchr(secret, '*'))
            FUZZ_CHECK(!strstr(hidden, secret));
    }
}

static void write_file(const char *dir, const char *name, const char *text)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    FUZZ_CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* A folder of secrets, beside a file that is none. */
static const char *make_folder(void)
{
    static char dir[64], secrets[80];
    if (secrets[0])
        return secrets;
    (void)snprintf(dir, sizeof(dir), "/tmp/ob-fuzz-secrets-%d", (int)getpid());
    (void)snprintf(secrets, sizeof(secrets), "%s/s", dir);
    (void)mkdir(dir, 0700);
    (void)mkdir(secrets, 0700);
    write_file(dir, "outside", "outside");
    write_file(secrets, "a", "{\"k\":\"inside\",\"n\":[1]}");
    return secrets;
}

static void remove_folder(void)
{
    char path[96];
    static const char *const names[] = { "s/a", "s", "outside", "" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "/tmp/ob-fuzz-secrets-%d/%s", (int)getpid(), names[i]);
        (void)remove(path);
    }
}

static void check_name(const char *value_from)
{
    static bool once;
    if (!once)
        (void)atexit(remove_folder);
    once = true;
    ob_cleanup(ob_freep) char *value = NULL;
    ob_error err = { 0 };
    if (secrets_read(make_folder(), value_from, &value, &err) == 0)
        FUZZ_CHECK(!strstr(value, "outside"));
    else
        FUZZ_CHECK(strstr(value_from, "inside") || !strstr(err.text, "inside"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_cleanup(ob_freep) char *config = fuzz_part(&in, NULL), *image = fuzz_part(&in, NULL),
                              *text = fuzz_rest(&in, NULL);
    json_auto_t *values = ob_json_read_text(config);
    check_config(config, image);
    if (json_is_object(values))
        check_hidden(values, text);
    if (!strchr(image, '\n'))
        check_name(image);
    return 0;
}
