/* Reads an operator's file of a cluster (ob/kube_cluster.h). What the file says is checked here, so
 * that nothing of it can begin a program, trust any server, send a token in the clear, or put a
 * line of its own into a request. Reads files only. Any thread. */
#include "ob/kube_cluster.h"

#include <ctype.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kube_server.h"
#include "ob/buf.h"
#include "ob/json.h"

#define FILE_MAX (1024 * 1024) /* of each file, bytes */
#define NAME_MAX_EKS 100       /* bytes of a cluster's name */
#define TOKEN_MAX 65536

typedef struct reading {
    ob_kube_cluster *c;
    const char *dir; /* relative names of files are in it */
    ob_error *err;
} reading;

#define refuse(r, ...) ob_fail((r)->err, EINVAL, __VA_ARGS__)

/* ---- files ---- */

/* The whole of a small file. *ret_missing: there is none. */
static char *read_all(const char *path, bool *ret_missing, ob_error *err)
{
    ob_buf text = { 0 };
    char part[8192];
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *ret_missing = fd < 0 && errno == ENOENT;
    struct stat is;
    if (fd < 0 || fstat(fd, &is) < 0) {
        (void)ob_fail(err, EIO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(is.st_mode) || is.st_size > FILE_MAX) {
        (void)ob_fail(err, EINVAL, "%s is not a file of at most %d bytes", path, FILE_MAX);
    } else {
        while (text.len <= FILE_MAX && (n = read(fd, part, sizeof(part))) > 0)
            ob_buf_add(&text, part, (size_t)n);
        if (n < 0)
            (void)ob_fail(err, EIO, "%s: %s", path, strerror(errno));
    }
    if (fd >= 0)
        (void)close(fd);
    if (n == 0) {
        ob_buf_add(&text, "", 1);
        return text.at;
    }
    ob_buf_done(&text);
    return NULL;
}

static char *read_named(const reading *r, const char *member, const char *name)
{
    bool missing;
    ob_cleanup(ob_freep) char *path =
        name[0] == '/' ? ob_strdup(name) : ob_strf("%s/%s", r->dir, name);
    char *text = read_all(path, &missing, r->err);
    if (!text)
        ob_error_context(r->err, "%s", member);
    return text;
}

/* ---- values ---- */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text && *text ? text : NULL;
}

static char *decode(const char *text)
{
    size_t len = strlen(text);
    if (len % 4)
        return NULL;
    char *out = ob_calloc(len + 1, 1); /* ends with NUL: three bytes of four */
    if (EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len) >= 0)
        return out;
    free(out);
    return NULL;
}

/* PEM: <member>-data, in base64, or the file that <member> names. *ret is NULL without both. */
static int read_pem(const reading *r, const json_t *object, const char *member, char **ret)
{
    ob_cleanup(ob_freep) char *data_member = ob_strf("%s-data", member);
    const char *data = text_of(object, data_member), *name = text_of(object, member);
    if (data)
        *ret = decode(data);
    else if (name && !(*ret = read_named(r, member, name)))
        return -EINVAL; /* said */
    if ((data || name) && (!*ret || !strstr(*ret, "-----BEGIN ")))
        return refuse(r, "%s is not a text in PEM format", data ? data_member : member);
    return 0;
}

static int read_token(const reading *r, const json_t *user)
{
    const char *token = text_of(user, "token"), *file = text_of(user, "tokenFile");
    if (file)
        r->c->token = read_named(r, "tokenFile", file);
    else if (token)
        r->c->token = ob_strdup(token);
    if (!r->c->token)
        return file ? -EINVAL : 0;
    size_t len = strlen(r->c->token);
    while (len && isspace((unsigned char)r->c->token[len - 1]))
        r->c->token[--len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)r->c->token[i]))
            len = 0;
    return len > 0 && len <= TOKEN_MAX ? 0 : refuse(r, "the token is empty, or has blanks");
}

/* The first of 'names' that the object has (and that is not false, empty or null). */
static const char *has_one(const json_t *object, const char *const *names)
{
    for (; *names; names++) {
        const json_t *value = json_object_get(object, *names);
        if (value && !json_is_null(value) && !json_is_false(value) &&
            !(json_is_string(value) && !*json_string_value(value)))
            return *names;
    }
    return NULL;
}

static int read_cluster(const reading *r, const json_t *cluster)
{
    static const char *const refused[] = { "insecure-skip-tls-verify", "proxy-url", NULL };
    const char *server = text_of(cluster, "server"), *member = has_one(cluster, refused);
    const char *name = text_of(cluster, "tls-server-name"), *why = NULL;
    if (member)
        return refuse(r, "%s is not supported", member);
    if (!server || (why = kube_server_fault(server)))
        return refuse(r, "server %s", why ? why : "is missing");
    if (name && !kube_host_ok(name))
        return refuse(r, "tls-server-name is not the name of a host");
    r->c->server = ob_strdup(server);
    for (size_t len = strlen(server); len && server[len - 1] == '/'; len--)
        r->c->server[len - 1] = '\0';
    r->c->server_name = name ? ob_strdup(name) : NULL;
    return read_pem(r, cluster, "certificate-authority", &r->c->ca);
}

static int read_user(const reading *r, const json_t *user)
{
    static const char *const refused[] = {
        "exec",   "auth-provider", "username",      "password", "as",
        "as-uid", "as-groups",     "as-user-extra", "as-uid",   NULL
    };
    const char *member = has_one(user, refused);
    if (member)
        return refuse(r,
                      "%s is not supported: a user has a token, a tokenFile, or a client "
                      "certificate and its key",
                      member);
    int result = read_pem(r, user, "client-certificate", &r->c->certificate);
    if (result == 0)
        result = read_pem(r, user, "client-key", &r->c->key);
    if (result == 0 && !r->c->certificate != !r->c->key)
        return refuse(r, "client-certificate and client-key belong together");
    return result < 0 ? result : read_token(r, user);
}

/* The member 'kind' of the entry of that name in a list of {name, <kind>}. */
static const json_t *
entry(const json_t *config, const char *list, const char *kind, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(config, list), i, one)
    {
        const char *its = text_of(one, "name");
        if (name && its && strcmp(its, name) == 0)
            return json_object_get(one, kind);
    }
    return NULL;
}

static int read_config(const reading *r, const char *text)
{
    json_auto_t *config = NULL;
    if (ob_json_parse(text, strlen(text), &config, r->err) < 0)
        return -EINVAL;
    const char *current = text_of(config, "current-context");
    if (!current)
        return refuse(r, "current-context is missing; the file is what `kubectl config view --raw "
                         "--flatten -o json` writes");
    const json_t *context = entry(config, "contexts", "context", current);
    const json_t *cluster = entry(config, "clusters", "cluster", text_of(context, "cluster"));
    const json_t *user = entry(config, "users", "user", text_of(context, "user"));
    if (!cluster || !user)
        return refuse(r, "the current context names no %s of the file",
                      cluster ? "user" : "cluster");
    int result = read_cluster(r, cluster);
    return result < 0 ? result : read_user(r, user);
}

/* ---- the whole ---- */

static const char *name_in(const char *arn)
{
    static const char part[] = ":cluster/";
    const char *at = strstr(arn, part);
    const char *name = at ? at + strlen(part) : "";
    size_t n = strlen(name);
    bool good = n >= 1 && n <= NAME_MAX_EKS && isalnum((unsigned char)name[0]);
    for (size_t i = 0; good && i < n; i++)
        good = isalnum((unsigned char)name[i]) || name[i] == '-' || name[i] == '_';
    return good ? name : NULL;
}

int ob_kube_cluster_read(const char *dir, const char *arn, ob_kube_cluster **ret, ob_error *err)
{
    const char *name = name_in(arn);
    if (!name)
        return ob_fail(err, EINVAL, "%s is not the ARN of a cluster", arn);
    ob_cleanup(ob_kube_cluster_freep) ob_kube_cluster *c = ob_calloc(1, sizeof(*c));
    c->name = ob_strdup(name);
    c->file = ob_strf("%s/%s.json", dir, name);
    bool missing;
    ob_cleanup(ob_freep) char *text = read_all(c->file, &missing, err);
    if (!text)
        return missing ? -ENOENT : -EIO;
    int r = read_config(&(reading){ .c = c, .dir = dir, .err = err }, text);
    if (r < 0) {
        ob_error_context(err, "%s", c->file);
        return r;
    }
    *ret = ob_take(c);
    return 0;
}

void ob_kube_cluster_free(ob_kube_cluster *c)
{
    if (!c)
        return;
    char *const texts[] = { c->name, c->file,        c->server, c->server_name,
                            c->ca,   c->certificate, c->key,    c->token };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    free(c);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool ob_kube_cluster_same(const ob_kube_cluster *a, const ob_kube_cluster *b)
{
    return same(a->name, b->name) && same(a->file, b->file) && same(a->server, b->server) &&
           same(a->server_name, b->server_name) && same(a->ca, b->ca) &&
           same(a->certificate, b->certificate) && same(a->key, b->key) && same(a->token, b->token);
}
