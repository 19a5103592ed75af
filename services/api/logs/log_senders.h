/* Who may send output: instances, under their keys. */
#pragma once

#include "log_batch.h"

typedef struct log_senders log_senders;

log_senders *log_senders_new(void);
void log_senders_free(log_senders *senders);

/* Sets 'genuine' of each chunk of the list. Asks the database once at most, whatever the number of
 * chunks and of instances that they name. Errors: -EIO, …; nothing is decided. */
int log_senders_check(log_senders *senders, ob_db *db, log_chunk *list, ob_error *err);
