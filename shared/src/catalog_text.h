/* The text of a catalogue of instance types (data/instance_types.tsv says how it looks). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/instance_type.h"

typedef struct catalog_bundle {
    const char *name;
    ob_arch arch;
    char *families; /* " m6i c6i r6i c7i " */
} catalog_bundle;

/* Types and bundles of one text or of several. Zero-initialise it. */
typedef struct catalog_text {
    ob_instance_type *types;
    size_t n_types;
    catalog_bundle *bundles;
    size_t n_bundles;
    bool only;    /* a text has the line "@only" */
    char **texts; /* names point into them */
    size_t n_texts;
} catalog_text;

/* Adds what a text has. For types and bundles the first line with a name counts. Returns 0, or the
 * number of the first wrong line. */
int catalog_text_read(catalog_text *c, const char *text, size_t len);
void catalog_text_done(catalog_text *c);

/* NULL: there is none. */
const catalog_bundle *catalog_bundle_find(const catalog_text *c, const char *name);
/* The length of the family in a type's name. */
size_t catalog_family_len(const char *type);
/* Does it have the family of this length? */
bool catalog_bundle_has(const catalog_bundle *b, const char *family, size_t len);
