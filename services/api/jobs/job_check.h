/* Rules for jobs that a table of fields cannot express; hooks of api_field. */
#pragma once

#include "request/fields.h"

int check_share_identifier(json_t *share, const api_field_where *where);
