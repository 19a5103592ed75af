/* What submissions depend on; see named.c. */
#pragma once

#include "engine/engine.h"
#include "ob/db.h"
#include "ob/leader.h"

typedef struct named named;
/* Looks up what the submissions among these inbox rows depend on and has ended. *ret is new,
 * named_free it. */
int named_read(ob_leader *leader, const PGresult *inbox, named **ret, ob_error *err);
void named_free(named *n);
/* The dependencies of one row, and what has become of them; borrowed. */
const engine_dependency *named_of(const named *n, int row, size_t *ret_n);
