/* What the operations on instances (op_capacity.c) store. */
#pragma once

#include "environments_sql.h"
#include "ob/db.h"

/* Puts an interruption into the scaler's inbox. *ret: one row, state and spot of the instance
 * (INTERRUPT_COL_*); no row: the account has none of this id in the region. An inbox row is made
 * when it is ACTIVE, Spot, and not being interrupted already. */
int capacity_interrupt(ob_db *db,
                       const char *account,
                       const char *region,
                       const char *instance,
                       PGresult **ret,
                       ob_error *err);
/* Lets executors that have the token join an environment. */
int capacity_add_token(ob_db *db, int64_t ce_id, const char *hash, ob_error *err);
