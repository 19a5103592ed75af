/* What the operations on instances store. Owns the table join_token and adds to inbox. Holds no
 * state. Any thread, with its connection. */
#include "capacity_store.h"

int capacity_interrupt(ob_db *db,
                       const char *account,
                       const char *region,
                       const char *instance,
                       PGresult **ret,
                       ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, account);
    ob_param_text(&p, region);
    ob_param_text(&p, instance);
    return ob_db_write(db, OB_POINT_API_INTERRUPT, STMT_INSTANCE_INTERRUPT, &p, ret, err);
}

int capacity_add_token(ob_db *db, int64_t ce_id, const char *hash, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, ce_id);
    ob_param_text(&p, hash);
    return ob_db_exec(db, STMT_JOIN_TOKEN_ADD, &p, NULL, err);
}
