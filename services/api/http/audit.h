/* The audit in the log: who changed what, and who was refused (docs/operations.md, "Who did it").
 * One line for each change, the number of submissions of each key every ten seconds; for each
 * refusal, each call that failed and each slow request too, as long as there are not too many. */
#pragma once

#include "audit_note.h"

typedef struct audit audit;

#define AUDIT_SLOW_US 1000000

#define AUDIT_COUNTS_MS 10000

/* With a thread that writes the counts so often. */
audit *audit_new(int64_t counts_every_ms);
/* Writes the counts. No request may use it any more; NULL: nothing. */
void audit_free(audit *a);

/* Where a request came from. */
typedef struct audit_source {
    const char *request_id;
    const char *remote; /* the address of the connection */
    const char
        *forwarded; /* what a proxy says (X-Forwarded-For); NULL: nothing. It may be forged */
} audit_source;

/* A request has its reply, which has not been sent. Writes its lines, or counts it. Any thread. */
void audit_request(audit *a, const audit_note *n, const audit_source *from, const api_reply *rep);

/* Writes what was counted since the last time. Any thread. */
void audit_write_counts(audit *a);
