/* A secret is a file. "arn:aws:ssm:…:parameter/a/b" and "/a/b" are <dir>/a/b;
 * "arn:aws:secretsmanager:…:secret:a/b-AbCdEf" is <dir>/a/b-AbCdEf or, without Secrets Manager's
 * six random characters, <dir>/a/b; ":key::" behind it picks a member of the file's JSON object
 * (AWS Batch user guide, "Specifying sensitive data"). One newline at the file's end does not
 * count. Files are read at each use, so a changed secret needs no restart. Keeps nothing. */
#include "secrets.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define SECRET_MAX (64 * 1024) /* Secrets Manager's limit */
#define RANDOM_TAIL 7          /* "-AbCdEf" */

typedef struct secret_name {
    char path[PATH_MAX / 2]; /* relative */
    char key[256];           /* of a JSON object; empty: the whole */
    bool may_have_tail;
} secret_name;

static bool is_path(const char *path)
{
    if (!*path)
        return false;
    for (const char *part = path;; part++) {
        size_t len = strcspn(part, "/");
        if (len == 0 || part[0] == '.')
            return false; /* also ".." */
        part += len;
        if (!*part)
            return true;
    }
}

/* "name:key:stage:version" */
static bool split_secret(char *text, secret_name *ret)
{
    const char *name = strsep(&text, ":");
    const char *key = text ? strsep(&text, ":") : "";
    const char *stage = text ? strsep(&text, ":") : "";
    const char *version = text ? strsep(&text, ":") : "";
    if ((*stage && strcmp(stage, "AWSCURRENT") != 0) || *version || text)
        return false; /* there is one version of a file */
    (void)snprintf(ret->path, sizeof(ret->path), "%s", name);
    (void)snprintf(ret->key, sizeof(ret->key), "%s", key);
    ret->may_have_tail = true;
    return true;
}

static bool parse_name(const char *value_from, secret_name *ret)
{
    *ret = (secret_name){ 0 };
    if (strlen(value_from) >= sizeof(ret->path))
        return false;
    ob_cleanup(ob_freep) char *copy = ob_strdup(value_from);
    char *rest = copy;
    if (strncmp(value_from, "arn:", 4) == 0) {
        const char *service = "";
        for (int i = 0; i < 5 && rest; i++) {
            const char *part = strsep(&rest, ":");
            if (i == 2)
                service = part;
        }
        if (rest && strcmp(service, "secretsmanager") == 0 && strncmp(rest, "secret:", 7) == 0)
            return split_secret(rest + 7, ret) && is_path(ret->path);
        if (!rest || strcmp(service, "ssm") != 0 || strncmp(rest, "parameter/", 10) != 0)
            return false;
        rest += strlen("parameter");
    }
    rest += *rest == '/';
    (void)snprintf(ret->path, sizeof(ret->path), "%s", rest);
    return is_path(ret->path);
}

/* -ENOENT: no such file; -EINVAL: no text, or too long. */
static int read_file(const char *dir, const char *path, char **ret)
{
    char full[PATH_MAX];
    struct stat st;
    (void)snprintf(full, sizeof(full), "%s/%s", dir, path);
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && (!S_ISREG(st.st_mode) || st.st_size > SECRET_MAX))
        r = -EINVAL;
    ob_cleanup(ob_freep) char *text = ob_calloc(SECRET_MAX + 1, 1);
    size_t len = 0;
    for (ssize_t n = 1; r == 0 && n > 0 && len<SECRET_MAX; len += n> 0 ? (size_t)n : 0) {
        n = read(fd, text + len, SECRET_MAX - len);
        if (n < 0)
            r = -errno;
    }
    (void)close(fd);
    if (r < 0)
        return r;
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (strlen(text) != len)
        return -EINVAL;
    *ret = ob_take(text);
    return 0;
}

static int pick_member(const char *value_from, const char *key, char **value, ob_error *err)
{
    json_auto_t *object = ob_json_read_text(*value);
    const json_t *member = json_object_get(object, key);
    if (!member)
        return ob_fail(err, ENOENT, "secret %s has no member %s", ob_cut(value_from, 300),
                       ob_cut(key, 100));
    char *text = json_is_string(member) ? ob_strdup(json_string_value(member))
                                        : json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY);
    free(*value);
    *value = text;
    return 0;
}

int secrets_read(const char *dir, const char *value_from, char **ret, ob_error *err)
{
    secret_name name;
    const char *from = ob_cut(value_from, 300); /* for people */
    if (!dir || !*dir)
        return ob_fail(err, ENOENT, "secret %s: no secrets are configured (OPENBATCH_SECRETS_DIR)",
                       from);
    if (!parse_name(value_from, &name))
        return ob_fail(err, EINVAL,
                       "%s names neither a parameter nor the current version of a secret", from);
    ob_cleanup(ob_freep) char *value = NULL;
    int r = read_file(dir, name.path, &value);
    size_t len = strlen(name.path);
    if (r == -ENOENT && name.may_have_tail && len > RANDOM_TAIL &&
        name.path[len - RANDOM_TAIL] == '-') {
        name.path[len - RANDOM_TAIL] = '\0';
        r = read_file(dir, name.path, &value);
    }
    if (r == -ENOENT || r == -ENOTDIR)
        return ob_fail(err, ENOENT, "secret %s does not exist", from);
    if (r == -EINVAL)
        return ob_fail(err, EINVAL, "secret %s is not text of at most 64 KiB", from);
    if (r < 0)
        return ob_fail(err, -r, "secret %s: %s", from, strerror(-r));
    if (name.key[0])
        r = pick_member(value_from, name.key, &value, err);
    if (r < 0)
        return r;
    *ret = ob_take(value);
    return 0;
}

int secrets_read_all(const char *dir, const json_t *list, json_t **ret, ob_error *err)
{
    json_auto_t *values = json_object();
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *from = ob_json_str(item, "valueFrom", "");
        ob_cleanup(ob_freep) char *value = NULL;
        int r = secrets_read(dir, from, &value, err);
        if (r < 0)
            return r;
        if (!ob_text_is_utf8(value, strlen(value)))
            return ob_fail(err, EINVAL, "secret %s is not valid UTF-8", ob_cut(from, 300));
        (void)json_object_set_new(values, ob_json_str(item, "name", ""), ob_json_text(value));
    }
    *ret = ob_take(values);
    return 0;
}

static int longest_first(const void *a, const void *b)
{
    size_t x = json_string_length(*(const json_t *const *)a);
    size_t y = json_string_length(*(const json_t *const *)b);
    return (x < y) - (x > y);
}

static void hide_as(const char *value, char *text)
{
    size_t len = strlen(value);
    if (len < 3)
        return; /* would only garble */
    for (char *at = text; (at = strstr(at, value));) {
        memmove(at + 3, at + len, strlen(at + len) + 1);
        memcpy(at, "***", 3);
        at += 3;
    }
}

/* As engines quote a text that they name in an error (Go's %q). New. */
static char *quoted(const char *value)
{
    static const char special[] = "\a\b\f\n\r\t\v\"\\", letters[] = "abfnrtv\"\\";
    char *out = ob_calloc(2 * strlen(value) + 1, 1);
    size_t n = 0;
    for (const char *at = value; *at; at++) {
        const char *found = strchr(special, *at);
        if (found)
            out[n++] = '\\';
        out[n++] = found ? letters[found - special] : *at;
    }
    return out;
}

static void hide(const json_t *value, char *text)
{
    ob_cleanup(ob_freep) char *as_quoted = quoted(json_string_value(value));
    hide_as(as_quoted, text); /* the longer one first */
    hide_as(json_string_value(value), text);
}

void secrets_hide(const json_t *values, char *text)
{
    size_t n = 0;
    const json_t **sorted = ob_calloc(json_object_size(values) + 1, sizeof(json_t *));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)values, name, value) sorted[n++] = value;
    /* One may be part of another. */
    qsort(sorted, n, sizeof(*sorted), longest_first);
    for (size_t i = 0; i < n; i++)
        hide(sorted[i], text);
    free(sorted);
}
