/* Configuration from the environment, by tables. The strings belong to the program's struct;
 * nothing is stored here. Variables of other programs are ignored, because all services share the
 * environment. Start-up code, one thread. */
#include "ob/config.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_internal.h"
#include "ob/log.h"
#include "ob/text.h"

#define MAX_SECRET_SIZE 65536
#define MAX_NESTING 4 /* of ${NAME} in defaults */

const char ob_config_pg_default[] = OB_CONFIG_PG_DEFAULT;

#define COMMON(member) offsetof(ob_config_common, member)
const ob_config_field ob_config_common_fields[] = {
    { "OPENBATCH_HOME", OB_CONFIG_PATH, COMMON(home), NULL, "state directory" },
    { "OPENBATCH_RUN_DIR", OB_CONFIG_PATH, COMMON(run_dir), NULL,
      "short directory (0700) for unix sockets" },
    { "OPENBATCH_GUARDED_DIRS", OB_CONFIG_STRING, COMMON(guarded_dirs), "",
      "more folders of the host that no container may use, separated by colons, such as an "
      "engine's data or socket in an unusual place (access.md)" },
    { "OPENBATCH_LOG_LEVEL", OB_CONFIG_STRING, COMMON(log_level), "info",
      "lowest level that is logged: debug, info, warn or error" },
    { "OPENBATCH_CRASH_FILE", OB_CONFIG_PATH, COMMON(crash_file), "",
      "for tests: file that says at which point the process kills itself (crash-points.md)" },
    { "OPENBATCH_ACCOUNT", OB_CONFIG_STRING, COMMON(account), "123456789012",
      "account id in ARNs, 12 digits" },
    { "OPENBATCH_KAFKA", OB_CONFIG_STRING, COMMON(kafka), "127.0.0.1:8081",
      "Kafka bootstrap servers, host:port separated by commas" },
    { "OPENBATCH_KAFKA_USER", OB_CONFIG_STRING, COMMON(kafka_user), "",
      "SASL PLAIN user; empty: no SASL" },
    { "OPENBATCH_KAFKA_PASSWORD_FILE", OB_CONFIG_PATH, COMMON(kafka_password_file), "",
      "file with the SASL password" },
    { "OPENBATCH_KAFKA_SETTINGS", OB_CONFIG_PATH, COMMON(kafka_settings), "",
      "file with librdkafka settings, one name=value per line, for a Kafka that needs more (TLS, "
      "SCRAM); in PEM values (ssl.ca.pem) \\n ends a line; empty: none" },
    { "OPENBATCH_KAFKA_PID_FILE", OB_CONFIG_PATH, COMMON(kafka_pid_file), "",
      "file with the process id of Kafka on this host; services send nothing to another process "
      "that has its port; empty: not checked" },
    { "OPENBATCH_KAFKA_PARTITIONS", OB_CONFIG_INT, COMMON(kafka_partitions), "1",
      "number of partitions of each internal topic when it is created; batch.placements "
      "has 8 at least",
      1, 256 },
    { 0 },
};

void ob_config_add(ob_config_list *list, const ob_config_field *row, size_t offset)
{
    list->fields = ob_realloc(list->fields, (list->n + 2) * sizeof(*list->fields));
    list->fields[list->n] = *row;
    list->fields[list->n++].offset += offset;
    list->fields[list->n] = (ob_config_field){ 0 };
}

size_t ob_config_part(size_t end)
{
    size_t to = _Alignof(max_align_t);
    return (end + to - 1) / to * to;
}

const ob_config_field *config_field_at(const ob_config_field *fields, bool common, size_t i)
{
    static const size_t common_count = ARRAY_SIZE(ob_config_common_fields) - 1;
    if (common) {
        if (i < common_count)
            return &ob_config_common_fields[i];
        i -= common_count;
    }
    if (!fields)
        return NULL;
    for (size_t j = 0; j < i; j++)
        if (!fields[j].name)
            return NULL;
    return fields[i].name ? &fields[i] : NULL;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

typedef struct tables {
    const ob_config_field *fields;
    bool common;
} tables;

static const ob_config_field *find(const tables *t, const char *name)
{
    const ob_config_field *f;
    for (size_t i = 0; (f = config_field_at(t->fields, t->common, i)); i++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static int effective(const tables *t, const char *name, int nesting, char **ret, ob_error *err);

/* Replaces ${NAME} in a default. *ret is new. */
static int expand(const tables *t, const char *text, int nesting, char **ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *out = ob_strdup("");
    for (;;) {
        const char *open = strstr(text, "${");
        const char *close = open ? strchr(open, '}') : NULL;
        if (!close)
            break;
        ob_cleanup(ob_freep) char *name = ob_text_dup(open + 2, (size_t)(close - open - 2));
        ob_cleanup(ob_freep) char *value = NULL;
        int r = effective(t, name, nesting + 1, &value, err);
        if (r < 0)
            return r;
        ob_cleanup(ob_freep) char *before = ob_text_dup(text, (size_t)(open - text));
        char *longer = ob_strf("%s%s%s", out, before, value);
        free(out);
        out = longer;
        text = close + 1;
    }
    *ret = ob_strf("%s%s", out, text);
    return 0;
}

/* The value in effect of a variable: the environment's, or its default. *ret is new. */
static int effective(const tables *t, const char *name, int nesting, char **ret, ob_error *err)
{
    assert(nesting <= MAX_NESTING); /* a default that refers to itself */
    const char *value = environment(name);
    if (value) {
        *ret = ob_strdup(value);
        return 0;
    }
    const ob_config_field *f = find(t, name);
    if (!f || !f->default_text)
        return ob_fail(err, EINVAL, "%s is not set", name);
    return expand(t, f->default_text, nesting, ret, err);
}

static int parse_int(const ob_config_field *f, const char *text, int64_t *ret, ob_error *err)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool digits = (*text >= '0' && *text <= '9') || *text == '-';
    if (errno || !digits || *end)
        return ob_fail(err, EINVAL, "%s must be a whole number, not \"%s\"", f->name, text);
    if (value < f->min || value > f->max)
        return ob_fail(err, EINVAL, "%s must be between %lld and %lld, not %lld", f->name,
                       (long long)f->min, (long long)f->max, value);
    *ret = value;
    return 0;
}

static int load_field(void *out, const tables *t, const ob_config_field *f, ob_error *err)
{
    ob_cleanup(ob_freep) char *value = NULL;
    int r = effective(t, f->name, 0, &value, err);
    if (r < 0)
        return r;
    char *member = (char *)out + f->offset;
    switch (f->type) {
    case OB_CONFIG_INT:
        return parse_int(f, value, (int64_t *)(void *)member, err);
    case OB_CONFIG_PATH:
        if (*value && *value != '/')
            return ob_fail(err, EINVAL, "%s must be an absolute path, not \"%s\"", f->name, value);
        break;
    case OB_CONFIG_STRING:
    case OB_CONFIG_SECRET:
        break;
    }
    *(char **)(void *)member = ob_take(value);
    return 0;
}

static int check_common(const ob_config_common *c, ob_error *err)
{
    ob_log_level level;
    if (ob_log_level_parse(c->log_level, &level) < 0)
        return ob_fail(err, EINVAL,
                       "OPENBATCH_LOG_LEVEL must be debug, info, warn or error, not \"%s\"",
                       c->log_level);
    if (strlen(c->account) != 12 || strspn(c->account, "0123456789") != 12)
        return ob_fail(err, EINVAL, "OPENBATCH_ACCOUNT must be 12 digits, not \"%s\"", c->account);
    if (*c->kafka_user && !*c->kafka_password_file)
        return ob_fail(err, EINVAL,
                       "OPENBATCH_KAFKA_PASSWORD_FILE is required with OPENBATCH_KAFKA_USER");
    return 0;
}

int ob_config_load(void *out, const ob_config_field *fields, bool common, ob_error *err)
{
    const tables t = { fields, common };
    const ob_config_field *f;
    int r = 0;
    for (size_t i = 0; r == 0 && (f = config_field_at(fields, common, i)); i++)
        r = load_field(out, &t, f, err);
    if (r == 0 && common)
        r = check_common(out, err);
    if (r < 0)
        ob_config_done(out, fields, common);
    return r;
}

void ob_config_done(void *out, const ob_config_field *fields, bool common)
{
    const ob_config_field *f;
    for (size_t i = 0; (f = config_field_at(fields, common, i)); i++) {
        char *member = (char *)out + f->offset;
        if (f->type == OB_CONFIG_INT) {
            *(int64_t *)(void *)member = 0;
            continue;
        }
        char **text = (char **)(void *)member;
        if (*text && f->type == OB_CONFIG_SECRET)
            explicit_bzero(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}

static void closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

int ob_config_read_secret(const char *path, char **ret, ob_error *err)
{
    ob_cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    char *text = ob_calloc(1, MAX_SECRET_SIZE + 1);
    size_t len = 0;
    int r = 0;
    for (;;) {
        ssize_t n = read(fd, text + len, MAX_SECRET_SIZE + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            r = ob_fail(err, errno, "%s: %s", path, strerror(errno));
        if (n <= 0)
            break;
        len += (size_t)n;
        if (len > MAX_SECRET_SIZE) {
            r = ob_fail(err, EFBIG, "%s is too long for a secret", path);
            break;
        }
    }
    if (r == 0) {
        while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
            len--;
        text[len] = '\0';
        if (len == 0)
            r = ob_fail(err, EINVAL, "%s is empty", path);
        else if (memchr(text, '\0', len))
            r = ob_fail(err, EINVAL, "%s is not text", path);
    }
    if (r == 0)
        *ret = ob_strdup(text);
    explicit_bzero(text, MAX_SECRET_SIZE + 1);
    free(text);
    return r;
}
