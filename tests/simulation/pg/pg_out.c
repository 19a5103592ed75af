/* Results, as libpq gives them: text format. Owns nothing: the result is the caller's. */
#include <assert.h>
#include <string.h>

#include "ob/mem.h"
#include "ob/text.h"
#include "pg_internal.h"

#define COLUMNS_MAX 40
#define OID_TEXT 25

void pg_out_begin(pg_out *out, const char *columns)
{
    *out =
        (pg_out){ .result = PQmakeEmptyPGresult(NULL, columns ? PGRES_TUPLES_OK : PGRES_COMMAND_OK),
                  .row = -1 };
    if (!columns)
        return;
    char names[1024];
    PGresAttDesc described[COLUMNS_MAX];
    int n = 0;
    size_t len = strlen(columns);
    assert(len < sizeof(names));
    memcpy(names, columns, len + 1);
    char *rest = names;
    for (char *name; (name = strsep(&rest, ","));)
        described[n++] = (PGresAttDesc){ .name = name, .typid = OID_TEXT, .typlen = -1 };
    (void)PQsetResultAttrs(out->result, n, described);
}

void pg_out_row(pg_run *run)
{
    run->out->row++;
    run->out->column = 0;
}

static void put(pg_run *run, const char *text, size_t len)
{
    pg_out *out = run->out;
    /* PQsetvalue only reads it. */
    (void)PQsetvalue(out->result, out->row, out->column++, (char *)(uintptr_t)text,
                     text ? (int)len : -1);
}

void pg_put_text(pg_run *run, const char *text)
{
    put(run, text, text ? strlen(text) : 0);
}

void pg_put_int(pg_run *run, int64_t value)
{
    char text[OB_NUMBER_MAX];
    size_t len = (size_t)(ob_text_number(text, value) - text);
    put(run, value == PG_NULL ? NULL : text, len);
}

void pg_put_bool(pg_run *run, int64_t value)
{
    put(run, value == PG_NULL ? NULL : value ? "t" : "f", 1);
}

void pg_put_uuid(pg_run *run, const ob_uuid *id)
{
    char text[OB_UUID_TEXT];
    ob_uuid_format(id, text);
    put(run, pg_uuid_null(id) ? NULL : text, OB_UUID_TEXT - 1);
}
