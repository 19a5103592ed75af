/* What config.c and config_cli.c share: walking a program's table after the common one. */
#pragma once

#include <stdbool.h>

#include "ob/config.h"

/* The i-th variable of the program: the common ones first (when it has them), then its own. NULL:
 * no more. */
const ob_config_field *config_field_at(const ob_config_field *fields, bool common, size_t i);
