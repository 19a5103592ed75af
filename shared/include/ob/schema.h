/* The api creates the tables; every other service waits for the schema that it was built for. */
#pragma once

/* Waits until the database has the schema of 'version' (OB_SCHEMA_VERSION, the number of the last
 * file in services/api/sql) or a later one, and meanwhile reports that in health. Returns when it
 * does, or when a stop is requested. Call it before any statement on the tables; owner's thread. */
void ob_schema_wait(const char *conninfo, const char *application, int version);
