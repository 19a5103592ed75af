/* Connections to the real and to the simulated PostgreSQL, as a scheduler, its rival, a scaler and
 * an api have them: for tests that compare both. */
#pragma once

#include "unit.h"

#include "compare.h"
#include "migrated.h"
#include "sim_pg.h"

#define CONNECTIONS 4

extern ob_db *api; /* the real one's; NULL: PostgreSQL is not installed */

extern declared intake[16]; /* what the api stores output with */

extern struct connection {
    pair pair;
    bool in_transaction;
} connections[CONNECTIONS];

/* Of all tests of a program. */
int start(void **state);
int end(void **state);

/* Empties both, and makes the connections. */
void open_all(void);
int close_all(void **state);
