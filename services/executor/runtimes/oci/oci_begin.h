/* The start of a container. */
#pragma once

#include "oci_model.h"

/* As runtime_ops.start. */
int oci_begin_prepare(
    oci *o, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err);
/* A step of one that waits for its image or a slot. */
void oci_begin_go(oci_container *c);
/* Its intent is on the disk: its keeper starts. */
void oci_begin_intended(oci_container *c);
