/* Makes X-Registry-Auth from credentials (Docker Engine API, "Authentication"). Owns nothing; never
 * logs. Thread: any. */
#include "docker_auth.h"

#include <openssl/evp.h>
#include <string.h>

#include "host/registry_login.h"
#include "ob/json.h"

/* NULL: there are no credentials. Takes 'login'. */
static char *encode(json_t *login, const char *image)
{
    if (!login)
        return NULL;
    ob_cleanup(ob_freep) char *registry = registry_login_host(image);
    (void)json_object_set_new(login, "serveraddress", ob_json_text(registry));
    ob_cleanup(ob_freep) char *text = json_dumps(login, JSON_COMPACT);
    json_decref(login);
    size_t len = strlen(text);
    char *out = ob_calloc((len + 2) / 3 * 4 + 1, 1);
    (void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    for (char *c = out; *c; c++) /* the URL's alphabet */
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    return out;
}

char *docker_auth_from_config(const json_t *config, const char *image)
{
    return encode(registry_login_from_config(config, image), image);
}

char *docker_auth_from_file(const char *path, const char *image)
{
    return encode(registry_login_from_file(path, image), image);
}

int docker_auth_from_secret(const char *secret, const char *image, char **ret, ob_error *err)
{
    json_t *login = NULL;
    int r = registry_login_from_secret(secret, &login, err);
    if (r == 0)
        *ret = encode(login, image);
    return r;
}
