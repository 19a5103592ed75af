/* Queues and definitions that submissions lately named, so that most need no look-up. */
#pragma once

#include "resolve.h"

/* What it tells may be out of date: only for a submission, whose commit checks it again. */
typedef struct known known;

known *known_new(void);
void known_free(known *k);

/* What 'text', a name or ARN as sent, means to this caller; false: not known. A definition is to be
 * emptied with api_definition_done; its body is shared and must not be changed. Any thread. */
bool known_queue(known *k, const api_request *req, const char *text, api_queue *ret);
bool known_definition(known *k, const api_request *req, const char *text, api_definition *ret);
/* Remembers what the database said: a queue that takes jobs, an active definition. */
void known_queue_put(known *k, const api_request *req, const char *text, const api_queue *queue);
void known_definition_put(known *k,
                          const api_request *req,
                          const char *text,
                          const api_definition *definition);
/* A commit was refused: what these texts mean has changed. */
void known_forget(known *k, const api_request *req, const char *queue, const char *definition);
/* All of it. */
void known_clear(known *k);
