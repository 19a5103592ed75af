/* A kubeconfig (kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig): its
 * current context names a cluster and a user. Owns nothing. Invariants: nothing that the file says
 * is run; a member that we do not follow, and without which a client would do something else than
 * the file means, is refused by its name; a token and a certificate can be put into a request as
 * they are. */
#include "kube_config.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

#include "kube_file.h"
#include "kube_server.h"
#include "ob/json.h"
#include "ob/text.h"

#define TOKEN_MAX 16384
#define SHOWN 100 /* bytes of a name in a message */

/* ---- members ---- */

/* A text that is missing, null or empty is NULL. */
static int text_of(const json_t *of, const char *member, const char **ret, ob_error *err)
{
    const json_t *value = json_object_get(of, member);
    *ret = NULL;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_string(value))
        return ob_fail(err, EINVAL, "%s must be a string", member);
    if (json_string_length(value))
        *ret = json_string_value(value);
    return 0;
}

/* Is it there, and does it say something? */
static bool says(const json_t *of, const char *member)
{
    const json_t *value = json_object_get(of, member);
    return value && !json_is_null(value) && !json_is_false(value) &&
           !(json_is_string(value) && !json_string_length(value)) &&
           !(json_is_array(value) && !json_array_size(value)) &&
           !(json_is_object(value) && !json_object_size(value));
}

/* The member 'kind' of the entry of this name in a list of the file, such as "clusters" and
 * "cluster". */
static int entry_of(const json_t *config,
                    const char *list,
                    const char *kind,
                    const char *name,
                    const json_t **ret,
                    ob_error *err)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(config, list), i, entry)
    {
        const char *its = json_string_value(json_object_get(entry, "name"));
        if (!its || strcmp(its, name) != 0)
            continue;
        *ret = json_object_get(entry, kind);
        if (*ret && !json_is_null(*ret) && !json_is_object(*ret))
            return ob_fail(err, EINVAL, "%s \"%s\" must be an object", kind, ob_cut(name, SHOWN));
        return 0;
    }
    return ob_fail(err, EINVAL, "%s has no entry \"%s\"", list, ob_cut(name, SHOWN));
}

/* ---- texts that are in the file, or in another ---- */

static int read_beside(const char *dir, const char *file, char **ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *path = *file == '/' ? ob_strdup(file) : ob_strf("%s/%s", dir, file);
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len;
    int r = kube_file_read(path, &text, &len, err);
    if (r < 0)
        return r;
    if (strlen(text) != len)
        return ob_fail(err, EINVAL, "%s: the file is not text", path);
    *ret = ob_take(text);
    return 0;
}

static int decode(const char *base64, char **ret)
{
    size_t len = strlen(base64);
    if (len % 4 || len > KUBE_FILE_MAX)
        return -EINVAL;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, len / 4 * 3 + 1);
    int n = EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)base64, (int)len);
    if (n < 0)
        return -EINVAL;
    /* The padding was decoded as zeros. */
    size_t padding = len && base64[len - 1] == '=' ? (base64[len - 2] == '=' ? 2 : 1) : 0;
    if (strlen(text) != (size_t)n - padding)
        return -EINVAL;
    *ret = ob_take(text);
    return 0;
}

/* A certificate or key: <member>-data has it in base64 and counts, <member> is a file.
 * *ret: NULL if there is neither. */
static int pem_of(const json_t *of, const char *member, const char *dir, char **ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *data_member = ob_strf("%s-data", member);
    const char *data = NULL, *file = NULL;
    int r = text_of(of, data_member, &data, err);
    if (r == 0)
        r = text_of(of, member, &file, err);
    if (r < 0)
        return r;
    if (data && decode(data, ret) < 0)
        return ob_fail(err, EINVAL, "%s is not base64 of text", data_member);
    if (!data && file)
        r = read_beside(dir, file, ret, err);
    if (r == 0 && *ret && !strstr(*ret, "-----BEGIN "))
        return ob_fail(err, EINVAL, "%s has no text of the form PEM (-----BEGIN …)",
                       data ? data_member : member);
    return r;
}

/* RFC 6750, section 2.1, allows fewer characters; what matters is that it ends no header. */
static int take_token(ob_kube_cluster *c, char *token, ob_error *err)
{
    size_t len = strlen(token);
    while (len && strchr("\r\n \t", token[len - 1]))
        token[--len] = '\0';
    bool is_valid = len > 0 && len <= TOKEN_MAX;
    for (size_t i = 0; is_valid && i < len; i++)
        is_valid = token[i] > ' ' && token[i] <= '~';
    if (!is_valid)
        return ob_fail(err, EINVAL,
                       "the token is empty, longer than %d bytes, or has a character "
                       "that a token cannot have",
                       TOKEN_MAX);
    c->token = ob_strdup(token);
    return 0;
}

/* ---- the two entries ---- */

static const struct refused {
    const char *member, *why;
} refused_of_user[] = {
    { "exec", "it runs a program, which a service does not do" },
    { "auth-provider", "Kubernetes has given it up" },
    { "username", "Kubernetes has given up passwords" },
    { "password", "Kubernetes has given up passwords" },
    { "as", "we do not act for another user" },
    { "as-uid", "we do not act for another user" },
    { "as-groups", "we do not act for another user" },
    { "as-user-extra", "we do not act for another user" },
}, refused_of_cluster[] = {
    { "insecure-skip-tls-verify", "anybody could pose as the server; give the certificate of who "
                                  "signs the server's (certificate-authority-data)" },
    { "proxy-url", "we call the server without a proxy" },
};

static int
refuse(const json_t *of, const struct refused *all, size_t n, const char *kind, ob_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (says(of, all[i].member))
            return ob_fail(err, EINVAL, "%s has %s: %s", kind, all[i].member, all[i].why);
    return 0;
}

static int take_cluster(const json_t *of, const char *dir, ob_kube_cluster *c, ob_error *err)
{
    const char *server = NULL, *name = NULL, *fault;
    int r = refuse(of, refused_of_cluster, ARRAY_SIZE(refused_of_cluster), "the cluster", err);
    if (r == 0)
        r = text_of(of, "server", &server, err);
    if (r == 0)
        r = text_of(of, "tls-server-name", &name, err);
    if (r < 0)
        return r;
    if (!server)
        return ob_fail(err, EINVAL, "the cluster has no server");
    fault = kube_server_fault(server);
    if (fault)
        return ob_fail(err, EINVAL, "server %s", fault);
    if (name && !kube_host_ok(name))
        return ob_fail(err, EINVAL, "tls-server-name is not the name of a host");
    size_t len = strlen(server);
    while (len && server[len - 1] == '/')
        len--;
    c->server = ob_text_dup(server, len);
    c->server_name = name ? ob_strdup(name) : NULL;
    return pem_of(of, "certificate-authority", dir, &c->ca, err);
}

static int take_user(const json_t *of, const char *dir, ob_kube_cluster *c, ob_error *err)
{
    const char *token, *file;
    ob_cleanup(ob_freep) char *text = NULL;
    int r = refuse(of, refused_of_user, ARRAY_SIZE(refused_of_user), "the user", err);
    if (r == 0)
        r = text_of(of, "token", &token, err);
    if (r == 0)
        r = text_of(of, "tokenFile", &file, err);
    /* As client-go: the file counts. */
    if (r == 0 && file)
        r = read_beside(dir, file, &text, err);
    else if (r == 0 && token)
        text = ob_strdup(token);
    if (r == 0 && text)
        r = take_token(c, text, err);
    if (r == 0)
        r = pem_of(of, "client-certificate", dir, &c->certificate, err);
    if (r == 0)
        r = pem_of(of, "client-key", dir, &c->key, err);
    if (r == 0 && !c->certificate != !c->key)
        return ob_fail(err, EINVAL, "client-certificate and client-key belong together");
    /* OpenSSL would ask whoever sits at the terminal for its pass phrase. */
    if (r == 0 && c->key && strstr(c->key, "ENCRYPTED"))
        return ob_fail(err, EINVAL, "client-key must not need a pass phrase");
    return r;
}

int kube_config_parse(
    const char *text, size_t len, const char *dir, ob_kube_cluster *c, ob_error *err)
{
    json_auto_t *config = NULL;
    const json_t *context, *cluster, *user = NULL;
    const char *name, *cluster_name, *user_name;
    int r = ob_json_parse_as(text, len, OB_JSON_BRIEF, &config, err);
    if (r == 0 && !json_is_object(config))
        return ob_fail(err, EINVAL, "not an object");
    if (r == 0)
        r = text_of(config, "current-context", &name, err);
    if (r == 0 && !name)
        return ob_fail(err, EINVAL, "there is no current-context");
    if (r == 0)
        r = entry_of(config, "contexts", "context", name, &context, err);
    if (r == 0)
        r = text_of(context, "cluster", &cluster_name, err);
    if (r == 0 && !cluster_name)
        return ob_fail(err, EINVAL, "the current context names no cluster");
    if (r == 0)
        r = entry_of(config, "clusters", "cluster", cluster_name, &cluster, err);
    if (r == 0)
        r = text_of(context, "user", &user_name, err);
    if (r == 0 && user_name)
        r = entry_of(config, "users", "user", user_name, &user, err);
    if (r == 0)
        r = take_cluster(cluster, dir, c, err);
    return r < 0 ? r : take_user(user, dir, c, err);
}
