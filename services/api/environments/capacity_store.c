/* Every SQL statement of the operations on instances. Owns the table join_token and adds to inbox.
 * Holds no state. Any thread, with its connection. */
#include "capacity_store.h"

#define KIND_INTERRUPT "6"

const ob_db_stmt capacity_store_stmts[] = {
    { "instance_interrupt",
      "WITH i AS (SELECT i.id, i.state, i.spot FROM instance i"
      " JOIN compute_environment c ON c.id = i.ce_id"
      " WHERE i.id = $3 AND c.account = $1 AND c.region = $2),"
      " n AS (INSERT INTO inbox (consumer, kind, instance_id)"
      " SELECT 2, " KIND_INTERRUPT ", i.id FROM i WHERE i.state = 1 AND i.spot"
      " AND NOT EXISTS (SELECT 1 FROM inbox b WHERE b.consumer = 2 AND b.instance_id = i.id))"
      " SELECT state, spot FROM i" },
    { "join_token_add", "INSERT INTO join_token (ce_id, hash) VALUES ($1, $2)" },
    { 0 },
};

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
    return ob_db_exec(db, "instance_interrupt", &p, ret, err);
}

int capacity_add_token(ob_db *db, int64_t ce_id, const char *hash, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, ce_id);
    ob_param_text(&p, hash);
    return ob_db_exec(db, "join_token_add", &p, NULL, err);
}
