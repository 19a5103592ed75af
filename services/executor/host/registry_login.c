/* Finds the credentials for a registry. Credential helpers (credsStore, credHelpers) are not used,
 * because they are programs of a user's session. Owns nothing; reads one file at each pull, so a
 * changed one needs no restart. Never logs. Thread: any. */
#include "registry_login.h"

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

char *registry_login_host(const char *image)
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

static json_t *pair(const char *user, const char *password)
{
    return json_pack("{s:o, s:o}", "username", ob_json_text(user), "password",
                     ob_json_text(password));
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
    return password ? pair(user, password) : NULL;
}

static json_t *from_entry(const json_t *entry)
{
    const char *token = ob_json_str(entry, "identitytoken", "");
    const char *user = ob_json_str(entry, "username", NULL);
    if (*token)
        return json_pack("{s:o}", "identitytoken", ob_json_text(token));
    if (user)
        return pair(user, ob_json_str(entry, "password", ""));
    return decode_pair(ob_json_str(entry, "auth", ""));
}

json_t *registry_login_from_config(const json_t *config, const char *image)
{
    ob_cleanup(ob_freep) char *registry = registry_login_host(image);
    const char *key;
    json_t *entry;
    json_object_foreach(json_object_get(config, "auths"), key, entry)
    {
        if (key_is(key, registry))
            return from_entry(entry);
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

json_t *registry_login_from_file(const char *path, const char *image)
{
    ob_cleanup(ob_freep) char *own = NULL;
    if (!path || !*path) {
        const struct passwd *user = getpwuid(geteuid());
        own = ob_strf("%s/.docker/config.json", user ? user->pw_dir : "/root");
        path = own;
    }
    json_auto_t *config = read_config(path);
    return registry_login_from_config(config, image);
}

int registry_login_from_secret(const char *secret, json_t **ret, ob_error *err)
{
    json_auto_t *given = ob_json_read_text(secret);
    const char *user = json_string_value(json_object_get(given, "username"));
    const char *password = json_string_value(json_object_get(given, "password"));
    if (!user || !password)
        return ob_fail(err, EINVAL,
                       "the secret of repositoryCredentials is not a JSON object with username and "
                       "password");
    *ret = pair(user, password);
    return 0;
}
