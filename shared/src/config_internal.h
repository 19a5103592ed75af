/* Shared by config.c and config_cli.c: iterates over the common table and the program's own. */
#pragma once

#include <stdbool.h>

#include "ob/config.h"

/* The i-th variable of the program: the common ones first (when it has them), then its own. NULL:
 * no more. */
const ob_config_field *config_field_at(const ob_config_field *fields, bool common, size_t i);
