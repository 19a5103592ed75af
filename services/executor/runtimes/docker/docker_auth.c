/* Makes X-Registry-Auth from Docker's own client configuration or from a secret (Docker Engine API,
 * "Authentication"). Credential helpers (credsStore, credHelpers) are not used, because they are
 * programs of a user's session. Owns nothing; reads one file at each pull, so a changed one needs
 * no restart. Never logs. Thread: any. */
#include "docker_auth.h"

#include <openssl/evp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define HUB "docker.io"
#define CONFIG_MAX (256 * 1024) /* a longer file would lack its end, so nothing of it is used */

char *docker_auth_registry(const char *image)
{
    const char *slash = strchr(image, '/');
    size_t len = slash ? (size_t)(slash - image) : 0;
    bool is_host = len > 0 && (memchr(image, '.', len) || memchr(image, ':', len) ||
                               (len == 9 && strncmp(image, "localhost", len) == 0));
    return is_host ? ob_text_dup(image, len) : ob_strdup(HUB);
}

/* A key of auths: a host, or a URL as docker login wrote it ("https://index.docker.io/v1/"). */
static bool key_is(const char *key, const char *registry)
{
    const char *scheme = strstr(key, "://");
    const char *host = scheme ? scheme + 3 : key;
    size_t len = strcspn(host, "/");
    if (strlen(registry) == len && strncmp(host, registry, len) == 0)
        return true;
    return strcmp(registry, HUB) == 0 && len == 15 && strncmp(host, "index.docker.io", len) == 0;
}

static char *encode(const json_t *credentials)
{
    ob_cleanup(ob_freep) char *text = json_dumps(credentials, JSON_COMPACT);
    size_t len = strlen(text);
    char *out = ob_calloc((len + 2) / 3 * 4 + 1, 1);
    (void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    for (char *c = out; *c; c++) /* the URL's alphabet */
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    return out;
}

/* "auth": base64 of user:password. */
static json_t *decode_pair(const char *auth)
{
    size_t len = strlen(auth);
    ob_cleanup(ob_freep) char *text = ob_calloc(len + 4, 1);
    if (len == 0 || len % 4 || len > 16384 ||
        EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)auth, (int)len) < 0)
        return NULL;
    char *password = text;
    const char *user = strsep(&password, ":");
    return password ? json_pack("{s:o, s:o}", "username", ob_json_text(user), "password",
                                ob_json_text(password))
                    : NULL;
}

static char *from_entry(const json_t *entry, const char *registry)
{
    const char *token = ob_json_str(entry, "identitytoken", "");
    const char *user = ob_json_str(entry, "username", NULL);
    json_auto_t *out = NULL;
    if (*token)
        out = json_pack("{s:o}", "identitytoken", ob_json_text(token));
    else if (user)
        out = json_pack("{s:o, s:o}", "username", ob_json_text(user), "password",
                        ob_json_text(ob_json_str(entry, "password", "")));
    else
        out = decode_pair(ob_json_str(entry, "auth", ""));
    if (!out)
        return NULL;
    (void)json_object_set_new(out, "serveraddress", ob_json_text(registry));
    return encode(out);
}

char *docker_auth_from_config(const json_t *config, const char *image)
{
    ob_cleanup(ob_freep) char *registry = docker_auth_registry(image);
    const char *key;
    json_t *entry;
    json_object_foreach(json_object_get(config, "auths"), key, entry)
    {
        if (key_is(key, registry))
            return from_entry(entry, registry);
    }
    return NULL;
}

/* NULL: it does not exist or is not JSON. */
static json_t *read_config(const char *path)
{
    ob_cleanup(ob_freep) char *text = ob_calloc(1, CONFIG_MAX);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, CONFIG_MAX, file) : 0;
    if (file)
        (void)fclose(file);
    return ob_json_read(text, n);
}

char *docker_auth_from_file(const char *path, const char *image)
{
    ob_cleanup(ob_freep) char *own = NULL;
    if (!path || !*path) {
        const struct passwd *user = getpwuid(geteuid());
        path = own = ob_strf("%s/.docker/config.json", user ? user->pw_dir : "/root");
    }
    json_auto_t *config = read_config(path);
    return docker_auth_from_config(config, image);
}

int docker_auth_from_secret(const char *secret, const char *image, char **ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *registry = docker_auth_registry(image);
    json_auto_t *pair = ob_json_read_text(secret);
    if (!json_is_string(json_object_get(pair, "username")) ||
        !json_is_string(json_object_get(pair, "password")))
        return ob_fail(err, EINVAL,
                       "the secret of repositoryCredentials is not a JSON object with username and "
                       "password");
    *ret = from_entry(pair, registry);
    return 0;
}
