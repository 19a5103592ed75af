/* Containers that an earlier process has begun. */
#pragma once

#include "oci_model.h"

/* Finds its keeper, or sees that it has none any more. Repeating it is harmless. */
void oci_adopt_go(oci_container *c);
