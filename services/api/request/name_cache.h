/* A cache of the queues and definitions that submissions named recently, so that most need no
 * look-up. */
#pragma once

#include "resolve.h"

/* Entries may be out of date: use them only for a submission, because its commit checks them
 * again. */
typedef struct known known;

known *known_new(void);
void known_free(known *k);

/* The meaning of 'text', a name or ARN as sent, for this caller; false: not in the cache. Free a
 * definition with api_definition_done; its body is shared and must not be changed. Any thread. */
bool known_queue(known *k, const api_request *req, const char *text, api_queue *ret);
bool known_definition(known *k, const api_request *req, const char *text, api_definition *ret);
/* Stores the database's answer: a queue that accepts jobs, an active definition. */
void known_queue_put(known *k, const api_request *req, const char *text, const api_queue *queue);
void known_definition_put(known *k,
                          const api_request *req,
                          const char *text,
                          const api_definition *definition);
/* Call it if a commit was refused: the meaning of these texts has changed. */
void known_forget(known *k, const api_request *req, const char *queue, const char *definition);
/* All of it. */
void known_clear(known *k);
