/* See compare.h. Compiled twice: with the real names, and with those of renamed.h. */
#include "compare.h"

const db_side SIDE = {
    .connect = ob_db_connect,
    .free = ob_db_free,
    .ok = ob_db_ok,
    .prepare = ob_db_prepare,
    .exec = ob_db_exec,
    .sql = ob_db_sql,
    .write = ob_db_write,
    .commit = ob_db_commit,
    .sqlstate = ob_db_sqlstate,
    .pipe_begin = ob_db_pipe_begin,
    .pipe_sql = ob_db_pipe_sql,
    .pipe_add = ob_db_pipe_add,
    .pipe_commit = ob_db_pipe_commit,
    .pipe_sync = ob_db_pipe_sync,
};
