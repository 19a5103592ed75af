/* The catalogue of instance types: parses data/instance_types.tsv (compiled in as
 * instance_types.inc), and an operator's file on top of it, once. Owns the tables; they live until
 * the process ends and never change after the first look-up. Any thread. */
#include "ob/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ob/error.h"
#include "ob/text.h"

static const char compiled_in[] =
#include "instance_types.inc"
    ;

#define ONLY "@only"
#define FILE_MAX (1 << 20)

typedef struct bundle {
    const char *name;
    ob_arch arch;
    const char *families; /* " m6i c6i r6i c7i " */
} bundle;

static pthread_once_t parsed_once = PTHREAD_ONCE_INIT;
static ob_instance_type *types;
static bundle *bundles;
static const char **entries;
static size_t n_types, n_bundles, n_entries;
static char *own_text; /* the operator's file; names point into it */
static int own_wrong_line;

static size_t family_len(const char *type)
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

static bool count_parse(const char *field, long min, int32_t *ret)
{
    char *end;
    long value = strtol(field, &end, 10);
    if (end == field || *end || value < min || value > INT32_MAX)
        return false;
    *ret = (int32_t)value;
    return true;
}

static bundle *bundle_find(const char *name)
{
    for (size_t i = 0; i < n_bundles; i++)
        if (!strcmp(bundles[i].name, name))
            return &bundles[i];
    return NULL;
}

/* For bundles and types the first line with a name counts: the operator's come first. */
static bool bundle_add(char *const *field, size_t n)
{
    if (n != 3 || !field[0][1] || arch_parse(field[1]) == OB_ARCH_NONE)
        return false;
    if (bundle_find(field[0] + 1))
        return true;
    bundles = ob_realloc(bundles, (n_bundles + 1) * sizeof(*bundles));
    bundles[n_bundles++] = (bundle){ .name = field[0] + 1,
                                     .arch = arch_parse(field[1]),
                                     .families = ob_strf(" %s ", field[2]) };
    return true;
}

static bool type_add(char *const *field, size_t n)
{
    if (n != 8)
        return false;
    ob_instance_type type = { .name = field[0],
                              .arch = arch_parse(field[1]),
                              .on_demand = price_parse(field[5]),
                              .spot = price_parse(field[6]) };
    if (!strchr(type.name, '.') || type.arch == OB_ARCH_NONE || type.on_demand <= 0 ||
        type.spot <= 0 || !count_parse(field[2], 1, &type.vcpus) ||
        !count_parse(field[3], 64, &type.mem_mib) || !count_parse(field[4], 0, &type.gpus) ||
        !count_parse(field[7], 0, &type.interruptions))
        return false;
    for (size_t i = 0; i < n_types; i++)
        if (!strcmp(types[i].name, type.name))
            return true;
    types = ob_realloc(types, (n_types + 1) * sizeof(*types));
    types[n_types++] = type;
    return true;
}

static int by_type_name(const void *a, const void *b)
{
    return strcmp(((const ob_instance_type *)a)->name, ((const ob_instance_type *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Bundles, families, types; each once. */
static void entries_make(void)
{
    entries = ob_calloc(n_bundles + 2 * n_types, sizeof(*entries));
    for (size_t i = 0; i < n_bundles; i++)
        entries[n_entries++] = bundles[i].name;
    for (size_t i = 0; i < n_types; i++)
        entries[n_entries++] = types[i].name;
    for (size_t i = 0; i < n_types; i++) {
        size_t len = family_len(types[i].name);
        if (i == 0 || family_len(types[i - 1].name) != len ||
            strncmp(types[i - 1].name, types[i].name, len))
            entries[n_entries++] = ob_text_dup(types[i].name, len);
    }
    qsort(entries, n_entries, sizeof(*entries), by_text);
}

/* Takes ownership of 'data': names point into it. *ret_only: it has the line that removes ours.
 * Returns 0, or the number of the first wrong line. */
static int parse(char *data, bool *ret_only)
{
    int line_no = 0;
    for (char *rest = data, *line; (line = strsep(&rest, "\n"));) {
        line_no++;
        if (!*line || *line == '#')
            continue;
        if (!strcmp(line, ONLY)) {
            *ret_only = true;
            continue;
        }
        char *field[9], *part;
        size_t n = 0;
        for (char *in = line; n < 9 && (part = strsep(&in, "\t"));)
            field[n++] = part;
        if (!(*line == '@' ? bundle_add(field, n) : type_add(field, n)))
            return line_no;
    }
    return 0;
}

static void parse_all(void)
{
    bool only = false, ignored;
    if (own_text)
        own_wrong_line = parse(own_text, &only);
    if (!only && parse(ob_strdup(compiled_in), &ignored) != 0)
        abort(); /* the build's own data is wrong */
    if (n_types > 0)
        qsort(types, n_types, sizeof(*types), by_type_name);
    entries_make();
}

static void need_tables(void)
{
    (void)pthread_once(&parsed_once, parse_all);
}

int ob_catalog_load(const char *path, ob_error *err)
{
    if (!*path)
        return 0;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, FILE_MAX + 1);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, FILE_MAX + 1, file) : 0;
    int failed = !file || ferror(file) ? (errno ? errno : EIO) : 0;
    if (file)
        (void)fclose(file);
    if (failed)
        return ob_fail(err, failed, "%s: %s", path, strerror(failed));
    if (n > FILE_MAX)
        return ob_fail(err, EINVAL, "%s is larger than %d bytes", path, FILE_MAX);
    own_text = ob_strdup(text);
    need_tables();
    if (own_wrong_line)
        return ob_fail(err, EINVAL,
                       "%s, line %d: neither a type (name, architecture, vCPUs, MiB, GPUs, "
                       "on-demand and Spot price, interruptions in %%) nor a bundle",
                       path, own_wrong_line);
    return n_types > 0 ? 0 : ob_fail(err, EINVAL, "%s names no instance type", path);
}

const ob_instance_type *ob_catalog_types(size_t *ret_n)
{
    need_tables();
    *ret_n = n_types;
    return types;
}

const ob_instance_type *ob_catalog_find(const char *name)
{
    need_tables();
    ob_instance_type key = { .name = name };
    return bsearch(&key, types, n_types, sizeof(*types), by_type_name);
}

ob_resources ob_catalog_nominal(const ob_instance_type *type)
{
    return (
        ob_resources){ .mcpu = type->vcpus * 1000, .mem_mib = type->mem_mib, .gpus = type->gpus };
}

ob_resources ob_catalog_usable(const ob_instance_type *type)
{
    return (ob_resources){ .mcpu = type->vcpus * 1000,
                           .mem_mib = (int32_t)((int64_t)type->mem_mib * 975 / 1000 - 32),
                           .gpus = type->gpus };
}

bool ob_catalog_entry_has(const char *entry, const ob_instance_type *type)
{
    need_tables();
    if (strchr(entry, '.'))
        return !strcmp(entry, type->name);
    size_t len = family_len(type->name);
    const bundle *b = bundle_find(entry);
    if (!b)
        return strlen(entry) == len && !strncmp(entry, type->name, len);
    char family[64];
    (void)snprintf(family, sizeof(family), " %.*s ", (int)len, type->name); /* ASCII */
    return strstr(b->families, family) != NULL;
}

ob_arch ob_catalog_entry_arch(const char *entry)
{
    need_tables();
    const bundle *b = bundle_find(entry);
    if (b)
        return b->arch;
    for (size_t i = 0; i < n_types; i++)
        if (ob_catalog_entry_has(entry, &types[i]))
            return types[i].arch;
    return OB_ARCH_NONE;
}

const char *const *ob_catalog_entries(size_t *ret_n)
{
    need_tables();
    *ret_n = n_entries;
    return entries;
}
