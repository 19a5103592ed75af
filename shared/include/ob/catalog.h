/* The catalogue of EC2 instance types that environments may name: data/instance_types.tsv, which is
 * compiled in, and an operator's file. Read-only after the first look-up; any thread. Names are
 * case-sensitive. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"
#include "ob/instance_type.h"
#include "ob/job.h"

/* Extends the catalogue with a file of the same format; call it before any look-up. Types and
 * bundles in the file replace those of the same name. A line "@only" removes the compiled-in ones.
 * path "": does nothing. Errors: -EINVAL names the line; those of reading a file. */
int ob_catalog_load(const char *path, ob_error *err);
#define OB_CATALOG_HELP                                                                            \
    "file that extends the instance types of shared/data/instance_types.tsv, in the same form; a " \
    "line \"@only\" replaces them; empty: none. The api and the scaler need the same file"

/* All types, sorted by name. */
const ob_instance_type *ob_catalog_types(size_t *ret_n);
/* The type with exactly this name (m5.large), or NULL. */
const ob_instance_type *ob_catalog_find(const char *name);
/* The nominal size, which counts against limits. */
ob_resources ob_catalog_nominal(const ob_instance_type *type);
/* The size that jobs can use: all vCPUs, and the memory less the part of the kernel and the agent
 * (nominal * 0.975 - 32 MiB). */
ob_resources ob_catalog_usable(const ob_instance_type *type);

/* An entry of instanceTypes is a type (m5.large), a family (m5) or a bundle (optimal,
 * default_x86_64, default_arm64). */

/* The architecture of an entry's types; OB_ARCH_NONE: the entry does not exist. */
ob_arch ob_catalog_entry_arch(const char *entry);
/* Does the entry allow this type? */
bool ob_catalog_entry_has(const char *entry, const ob_instance_type *type);
/* All entries, sorted, for messages ("Instance type can only be one of [...]"). */
const char *const *ob_catalog_entries(size_t *ret_n);
