/* Can this host make containers? */
#pragma once

#include "oci_model.h"

void oci_unwell_init(oci *o);
void oci_unwell_done(oci *o);
/* The container has not begun, and it is not known who is at fault: a trial decides. */
void oci_doubt(oci_container *c, const char *why);
