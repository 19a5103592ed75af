/* Included before everything when the simulated db.h is to stand beside the real one in a program.
 */
#pragma once

#define ob_db_connect sim_db_connect
#define ob_db_free sim_db_free
#define ob_db_freep sim_db_freep
#define ob_db_raw sim_db_raw
#define ob_db_ok sim_db_ok
#define ob_db_prepare sim_db_prepare
#define ob_db_set_timeout sim_db_set_timeout
#define ob_db_by_keys sim_db_by_keys
#define ob_db_reconnect sim_db_reconnect
#define ob_db_exec sim_db_exec
#define ob_db_sql sim_db_sql
#define ob_db_write sim_db_write
#define ob_db_commit sim_db_commit
#define ob_db_sqlstate sim_db_sqlstate
#define ob_db_pipe_begin sim_db_pipe_begin
#define ob_db_pipe_sql sim_db_pipe_sql
#define ob_db_pipe_add sim_db_pipe_add
#define ob_db_pipe_sync sim_db_pipe_sync
#define ob_db_pipe_commit sim_db_pipe_commit
#define ob_db_pipe_abandon sim_db_pipe_abandon
