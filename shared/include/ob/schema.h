/* Tables are the api's to make: whoever reads them waits for the ones he was built for. */
#pragma once

/* Waits until the database has the schema of 'version' (OB_SCHEMA_VERSION, the number of the last
 * file in services/api/sql) or a later one; health says so meanwhile. Returns as soon as that is
 * so, or a stop is asked for. Before any statement on its tables; owner's thread. */
void ob_schema_wait(const char *conninfo, const char *application, int version);
