/* The catalogue of instance types: data/instance_types.tsv (compiled in as instance_types.inc), and
 * an operator's file on top of it, read once (catalog_text.c). Owns the tables; they live until the
 * process ends and never change after the first look-up. Any thread. */
#include "ob/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "catalog_text.h"
#include "ob/error.h"
#include "ob/text.h"

static const char compiled_in[] =
#include "instance_types.inc"
    ;

#define FILE_MAX (1 << 20)

static pthread_once_t parsed_once = PTHREAD_ONCE_INIT;
static catalog_text all;
static const char **entries;
static size_t n_entries;
static char *own_text; /* the operator's file */
static size_t own_len;
static int own_wrong_line;

static int by_type_name(const void *a, const void *b)
{
    return strcmp(((const ob_instance_type *)a)->name, ((const ob_instance_type *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Is it the first type of a family that is not a bundle's name, too? Types are sorted. */
static bool begins_family(size_t i, const char *family)
{
    const char *before = i > 0 ? all.types[i - 1].name : "";
    size_t len = strlen(family);
    bool is_same = catalog_family_len(before) == len && !strncmp(before, family, len);
    return !is_same && !catalog_bundle_find(&all, family);
}

/* Bundles, families, types; each once. */
static void entries_make(void)
{
    entries = ob_calloc(all.n_bundles + 2 * all.n_types, sizeof(*entries));
    for (size_t i = 0; i < all.n_bundles; i++)
        entries[n_entries++] = all.bundles[i].name;
    for (size_t i = 0; i < all.n_types; i++) {
        const char *type = all.types[i].name;
        ob_cleanup(ob_freep) char *family = ob_text_dup(type, catalog_family_len(type));
        entries[n_entries++] = type;
        if (begins_family(i, family))
            entries[n_entries++] = ob_take(family);
    }
    qsort(entries, n_entries, sizeof(*entries), by_text);
}

static void parse_all(void)
{
    if (own_text)
        own_wrong_line = catalog_text_read(&all, own_text, own_len);
    if (!all.only && catalog_text_read(&all, compiled_in, sizeof(compiled_in) - 1) != 0)
        abort(); /* the build's own data is wrong */
    if (all.n_types > 0)
        qsort(all.types, all.n_types, sizeof(*all.types), by_type_name);
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
    own_text = ob_take(text);
    own_len = n;
    need_tables();
    if (own_wrong_line)
        return ob_fail(err, EINVAL,
                       "%s, line %d: neither a type (name, architecture, vCPUs, MiB, GPUs, "
                       "on-demand and Spot price, interruptions in %%) nor a bundle",
                       path, own_wrong_line);
    return all.n_types > 0 ? 0 : ob_fail(err, EINVAL, "%s names no instance type", path);
}

const ob_instance_type *ob_catalog_types(size_t *ret_n)
{
    need_tables();
    *ret_n = all.n_types;
    return all.types;
}

const ob_instance_type *ob_catalog_find(const char *name)
{
    need_tables();
    ob_instance_type key = { .name = name };
    return bsearch(&key, all.types, all.n_types, sizeof(*all.types), by_type_name);
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
    size_t len = catalog_family_len(type->name);
    const catalog_bundle *b = catalog_bundle_find(&all, entry);
    if (!b)
        return strlen(entry) == len && !strncmp(entry, type->name, len);
    return catalog_bundle_has(b, type->name, len);
}

/* The first type of a family, in the order of names; NULL: there is no such family. */
static const ob_instance_type *first_of_family(const char *family)
{
    size_t len = strlen(family), low = 0, high = all.n_types;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *name = all.types[middle].name;
        int order = strncmp(name, family, len);
        if (order < 0 || (order == 0 && name[len] < '.'))
            low = middle + 1;
        else
            high = middle;
    }
    return low < all.n_types && ob_catalog_entry_has(family, &all.types[low]) ? &all.types[low]
                                                                              : NULL;
}

ob_arch ob_catalog_entry_arch(const char *entry)
{
    need_tables();
    const catalog_bundle *b = catalog_bundle_find(&all, entry);
    if (b)
        return b->arch;
    const ob_instance_type *type =
        strchr(entry, '.') ? ob_catalog_find(entry) : first_of_family(entry);
    return type ? type->arch : OB_ARCH_NONE;
}

const char *const *ob_catalog_entries(size_t *ret_n)
{
    need_tables();
    *ret_n = n_entries;
    return entries;
}
