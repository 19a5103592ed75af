/* See metrics_samples.h. Owns nothing. */
#include "metrics_samples.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ob/buf.h"
#include "ob/json.h"
#include "ob/mem.h"

#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

/* The value of a label behind its first quote; *at is then behind its last one. False: it has no
 * end. */
static bool read_value(const char **at, ob_buf *out)
{
    for (; **at && **at != '\n'; (*at)++) {
        if (**at == '"') {
            (*at)++;
            return true;
        }
        char c = **at;
        if (c == '\\') {
            c = *++*at;
            if (!c || c == '\n')
                return false;
            c = c == 'n' ? '\n' : c;
        }
        ob_buf_add(out, &c, 1);
    }
    return false;
}

/* {a="b",c="d"}, or nothing. */
static bool read_labels(const char **at, json_t *labels)
{
    ob_buf value = { 0 };
    bool good = true;
    if (**at != '{')
        return true;
    for ((*at)++; good && **at != '}';) {
        size_t n = strspn(*at, NAME_LETTERS);
        ob_cleanup(ob_freep) char *name = ob_strf("%.*s", (int)n, *at);
        good = n > 0 && strncmp(*at + n, "=\"", 2) == 0;
        if (!good)
            break;
        *at += n + 2;
        ob_buf_clear(&value);
        good = read_value(at, &value) && (**at == ',' || **at == '}');
        if (good)
            (void)json_object_set_new(labels, name, ob_json_text(value.at ? value.at : ""));
        *at += **at == ',';
    }
    ob_buf_done(&value);
    *at += good;
    return good;
}

static json_t *read_line(const char *line, const char *name)
{
    const char *at = line + strlen(name);
    json_auto_t *labels = json_object();
    char *end = NULL;
    if (!read_labels(&at, labels) || *at != ' ')
        return NULL;
    double value = strtod(at, &end);
    if (end == at || (*end && !isspace((unsigned char)*end)) || !isfinite(value))
        return NULL;
    return json_pack("{s:s, s:O, s:f}", "name", name, "labels", labels, "value", value);
}

static const char *name_at(const char *line, const char *const *names)
{
    size_t n = strcspn(line, "{ \n");
    for (; *names; names++)
        if (strlen(*names) == n && strncmp(line, *names, n) == 0)
            return *names;
    return NULL;
}

json_t *metrics_samples(const char *page, const char *const *names)
{
    json_t *list = json_array();
    for (const char *line = page; *line;) {
        const char *name = name_at(line, names);
        json_t *sample = name ? read_line(line, name) : NULL;
        if (sample)
            (void)json_array_append_new(list, sample);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return list;
}
