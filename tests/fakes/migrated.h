/* A PostgreSQL of the test's own with this project's tables. */
#pragma once

#include "own_server.h"

/* Makes the tables, from the migrations in sql_dir. conninfo: of the server. Fails the test when
 * one of them does not go through. */
void migrate(const char *conninfo, const char *sql_dir);
