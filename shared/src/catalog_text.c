/* Reads the text of a catalogue. Owns its copies of the texts. Pure: any thread. */
#include "catalog_text.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"
#include "ob/text.h"

#define ONLY "@only"
#define FIELDS_MAX 9
/* No machine is larger, and thousandths of a vCPU still fit their type. */
#define VCPUS_MAX 1000000

size_t catalog_family_len(const char *type)
{
    const char *dot = strchr(type, '.');
    return dot ? (size_t)(dot - type) : strlen(type);
}

static ob_arch arch_parse(const char *name)
{
    if (!strcmp(name, "x86_64"))
        return OB_ARCH_X86_64;
    return strcmp(name, "arm64") ? OB_ARCH_NONE : OB_ARCH_ARM64;
}

/* 0.0850 as millionths; negative if it is not a price. */
static int64_t price_parse(const char *field)
{
    char *end;
    double value = strtod(field, &end);
    if (end == field || *end || !(value > 0 && value < 1e6))
        return -1;
    return (int64_t)(value * 1e6 + 0.5);
}

static bool count_parse(const char *field, long min, long max, int32_t *ret)
{
    char *end;
    long value = strtol(field, &end, 10);
    if (end == field || *end || value < min || value > max)
        return false;
    *ret = (int32_t)value;
    return true;
}

const catalog_bundle *catalog_bundle_find(const catalog_text *c, const char *name)
{
    for (size_t i = 0; i < c->n_bundles; i++)
        if (!strcmp(c->bundles[i].name, name))
            return &c->bundles[i];
    return NULL;
}

bool catalog_bundle_has(const catalog_bundle *b, const char *family, size_t len)
{
    ob_cleanup(ob_freep) char *name = ob_text_dup(family, len);
    ob_cleanup(ob_freep) char *word = ob_strf(" %s ", name);
    return strstr(b->families, word) != NULL;
}

static bool bundle_add(catalog_text *c, char *const *field, size_t n)
{
    if (n != 3 || !field[0][1] || strchr(field[0], '.') || arch_parse(field[1]) == OB_ARCH_NONE)
        return false;
    if (catalog_bundle_find(c, field[0] + 1))
        return true;
    c->bundles = ob_realloc(c->bundles, (c->n_bundles + 1) * sizeof(*c->bundles));
    c->bundles[c->n_bundles++] = (catalog_bundle){ .name = field[0] + 1,
                                                   .arch = arch_parse(field[1]),
                                                   .families = ob_strf(" %s ", field[2]) };
    return true;
}

static bool type_add(catalog_text *c, char *const *field, size_t n)
{
    if (n != 8)
        return false;
    ob_instance_type type = { .name = field[0],
                              .arch = arch_parse(field[1]),
                              .on_demand = price_parse(field[5]),
                              .spot = price_parse(field[6]) };
    if (catalog_family_len(type.name) == 0 || !strchr(type.name, '.') ||
        type.arch == OB_ARCH_NONE || type.on_demand <= 0 || type.spot <= 0 ||
        !count_parse(field[2], 1, VCPUS_MAX, &type.vcpus) ||
        !count_parse(field[3], 64, INT32_MAX, &type.mem_mib) ||
        !count_parse(field[4], 0, INT32_MAX, &type.gpus) ||
        !count_parse(field[7], 0, INT32_MAX, &type.interruptions))
        return false;
    for (size_t i = 0; i < c->n_types; i++)
        if (!strcmp(c->types[i].name, type.name))
            return true;
    c->types = ob_realloc(c->types, (c->n_types + 1) * sizeof(*c->types));
    c->types[c->n_types++] = type;
    return true;
}

/* False: it is wrong. */
static bool line_read(catalog_text *c, char *line)
{
    if (!*line || *line == '#')
        return true;
    if (!strcmp(line, ONLY)) {
        c->only = true;
        return true;
    }
    char *field[FIELDS_MAX], *part;
    size_t n = 0;
    for (char *in = line; n < FIELDS_MAX && (part = strsep(&in, "\t"));)
        field[n++] = part;
    return *line == '@' ? bundle_add(c, field, n) : type_add(c, field, n);
}

int catalog_text_read(catalog_text *c, const char *text, size_t len)
{
    char *copy = ob_calloc(1, len + 1), *end = copy + len;
    memcpy(copy, text, len);
    c->texts = ob_realloc(c->texts, (c->n_texts + 1) * sizeof(*c->texts));
    c->texts[c->n_texts++] = copy;
    int line_no = 0;
    for (char *line = copy, *next; line <= end; line = next) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t line_len = (size_t)((stop ? stop : end) - line);
        next = line + line_len + 1;
        line[line_len] = '\0';
        line_no++;
        /* Names are shown in answers. This also refuses a NUL. */
        if (!ob_text_is_utf8(line, line_len) || !line_read(c, line))
            return line_no;
    }
    return 0;
}

void catalog_text_done(catalog_text *c)
{
    for (size_t i = 0; i < c->n_bundles; i++)
        free(c->bundles[i].families);
    for (size_t i = 0; i < c->n_texts; i++)
        free(c->texts[i]);
    free(c->bundles);
    free(c->types);
    free(c->texts);
    *c = (catalog_text){ 0 };
}
