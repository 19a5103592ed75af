/* Job queues: the common part of their operations. */
#pragma once

#include "queue_store.h"

/* The queue in the request's member jobQueue; nothing if it is absent. Errors: -ENOENT, the reply
 * is "<ARN> does not exist". Locked: inside store_tx. */
int queue_named(api_request *req, api_wanted_queue *ret, api_reply *rep);

/* CREATING, UPDATING, VALID, INVALID or DELETING. */
const char *queue_status_text(const api_wanted_queue *q);

/* Reads a computeEnvironmentOrder into q->ce_ids (in the order in which they are tried) and q->body
 * (as given, with full ARNs; jobQueueType). Locks the environments until the transaction ends, so
 * that none is deleted meanwhile. Errors: -EINVAL with the reply. Inside store_tx. */
int queue_take_order(api_request *req, const json_t *order, api_wanted_queue *q, api_reply *rep);

/* Gives the queue the policy in the request's member schedulingPolicyArn, which cannot be deleted
 * until the transaction ends. Errors: -ENOENT, -EINVAL with the reply. Inside store_tx. */
int queue_take_policy(api_request *req, api_wanted_queue *q, api_reply *rep);

/* JobQueueDetail. *ret is new. */
json_t *queue_json(const api_request *req, const api_wanted_queue *q);
