/* What submissions depend on; see ended_dependencies.c. */
#pragma once

#include "engine/engine.h"
#include "ob/db.h"
#include "ob/leader.h"

typedef struct ended_dependencies ended_dependencies;
/* Looks up the ended dependencies of the submissions in these inbox rows. *ret is new, free it with
 * named_free. */
int ended_read(ob_leader *leader, const PGresult *inbox, ended_dependencies **ret, ob_error *err);
void ended_free(ended_dependencies *n);
/* The dependencies of one row, and their results; borrowed. */
const engine_dependency *ended_of(const ended_dependencies *n, int row, size_t *ret_n);
