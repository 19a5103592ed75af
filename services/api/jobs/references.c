/* Owns the replacement of Ref::name in a job's command by its parameters (AWS Batch user guide,
 * "Parameters"). Never touches the database. Pure: any thread. */
#include "references.h"

#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

#define REF "Ref::"

void references_done(references *p)
{
    free(p->has_length);
}

void references_init(references *p, const json_t *values)
{
    const char *name;
    json_t *value;
    *p = (references){ .values = values };
    json_object_foreach((json_t *)values, name, value)
    {
        size_t len = strlen(name);
        p->longest = len > p->longest ? len : p->longest;
    }
    p->has_length = ob_calloc(p->longest + 1, sizeof *p->has_length);
    json_object_foreach((json_t *)values, name, value) p->has_length[strlen(name)] = true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* The value for the start of "name...": the longest parameter name, cut only at '.' and '-'
 * ("Ref::sample.bam" is parameter "sample.bam" or, without one, "sample" followed by ".bam").
 * *ret_len: the length of 'name' that it used; the whole reference if there is none. */
static const char *find_parameter(const references *p, const char *name, size_t *ret_len)
{
    size_t whole = 0;
    while (is_name_char(name[whole]))
        whole++;
    *ret_len = whole;
    for (size_t n = whole < p->longest ? whole : p->longest; n > 0; n--) {
        if (!p->has_length[n] || (n < whole && name[n] != '.' && name[n] != '-'))
            continue;
        const char *value = json_string_value(json_object_getn(p->values, name, n));
        if (value != NULL) {
            *ret_len = n;
            return value;
        }
    }
    return NULL;
}

/* The size of a text after substitution, in bytes. */
typedef struct extent {
    size_t all;        /* as it comes out */
    size_t values;     /* of it: values */
    size_t references; /* what they stand in place of */
} extent;

/* Replaces each Ref::name in 'text'; a value is not searched again, and Ref:: without a name is not
 * a reference. out: gets the text with its NUL; NULL: only the size is computed. */
static int substitute(const char *text, const references *p, char *out, extent *ret, api_reply *rep)
{
    extent e = { 0 };
    for (const char *at = text; at != NULL;) {
        const char *ref = strstr(at, REF), *name = ref != NULL ? ref + strlen(REF) : NULL;
        const char *value = NULL;
        size_t n = 0, before = ref != NULL ? (size_t)(ref - at) : strlen(at);
        if (ref != NULL) {
            value = find_parameter(p, name, &n);
            if (n == 0)
                before += strlen(REF);
            else if (value == NULL)
                return api_client_error(
                    rep, "Unable to substitute value. No parameter found for reference %.*s",
                    n > 255 ? 255 : (int)n, name);
        }
        size_t value_len = value != NULL ? strlen(value) : 0;
        if (out != NULL) {
            memcpy(out + e.all, at, before);
            memcpy(out + e.all + before, value != NULL ? value : "", value_len);
        }
        e.all += before + value_len;
        e.values += value_len;
        e.references += value != NULL ? strlen(REF) + n : 0;
        at = ref != NULL ? name + n : NULL;
    }
    if (out != NULL)
        out[e.all] = '\0';
    *ret = e;
    return 0;
}

static const char *word_text(const json_t *word)
{
    const char *text = json_string_value(word);
    return text != NULL ? text : "";
}

int references_measure(const references *p,
                       const json_t *command,
                       references_extent *ret,
                       api_reply *rep)
{
    size_t i;
    json_t *word;
    json_array_foreach(command, i, word)
    {
        extent e = { 0 };
        int r = substitute(word_text(word), p, NULL, &e, rep);
        if (r < 0)
            return r;
        ret->values += e.values;
        ret->references += e.references;
    }
    return 0;
}

int references_replace(const references *p, json_t *command, api_reply *rep)
{
    size_t i;
    json_t *word;
    json_array_foreach(command, i, word)
    {
        extent e = { 0 };
        int r = substitute(word_text(word), p, NULL, &e, rep);
        if (r < 0)
            return r;
        if (e.references == 0)
            continue;
        ob_cleanup(ob_freep) char *resolved = ob_calloc(1, e.all + 1);
        (void)substitute(word_text(word), p, resolved, &e, rep);
        json_array_set_new(command, i, json_string(resolved));
    }
    return 0;
}
