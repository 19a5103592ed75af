/* The catalogue of EC2 instance types that environments may name: data/instance_types.tsv, which is
 * compiled in, and an operator's file. Read-only after the first look-up; any thread. Names are
 * case-sensitive. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"
#include "ob/job.h"

typedef enum ob_arch { OB_ARCH_NONE, OB_ARCH_X86_64, OB_ARCH_ARM64 } ob_arch;

typedef struct ob_instance_type {
    const char *name; /* m5.large */
    ob_arch arch;
    int32_t vcpus;   /* nominal: counts against maxvCpus */
    int32_t mem_mib; /* nominal */
    int32_t gpus;
    /* Approximate prices in millionths of a dollar an hour: for ranking only. */
    int64_t on_demand, spot;
    int32_t interruptions; /* how often Spot instances are interrupted, in %: for ranking only */
} ob_instance_type;

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
