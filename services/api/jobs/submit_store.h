/* How jobs become durable. */
#pragma once

#include "ob/db.h"
#include "submission.h"

/* Inserts 'n' submissions with their inbox rows in one statement. inserted[i]: was it inserted? It
 * was not if its queue has changed or accepts no jobs, its definition is not active or, if
 * required, not the latest, or its invocation id is known. */
int submit_store_insert(
    ob_db *db, const submission *const *jobs, size_t n, bool *inserted, ob_error *err);
/* The job that an invocation id has made. Errors: -ENOENT; -ECANCELED: the call was refused. */
int submit_store_find_once(ob_db *db,
                           const char *key_id,
                           const char *invocation_id,
                           const uint8_t body_hash[32],
                           ob_uuid *ret_id,
                           bool *ret_same_body,
                           ob_error *err);
/* Unless a try of this call has been accepted, none will be from now on. Waits for a try that is
 * being written; submit_store_find_once returns the result. */
int submit_store_refuse_once(ob_db *db,
                             const char *key_id,
                             const char *invocation_id,
                             const uint8_t body_hash[32],
                             int64_t now_ms,
                             ob_error *err);
int submit_store_forget_once(ob_db *db, int64_t before_ms, ob_error *err);
/* From now on ids may start with a time that is this much later than their job's createdAt. */
int submit_store_note_lead(ob_db *db, int64_t lead_ms, ob_error *err);
int submit_store_exists(ob_db *db, const ob_uuid *id, bool *ret, ob_error *err);
