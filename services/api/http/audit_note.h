/* What the log will say of one request. */
#pragma once

#include "auth/keys.h"
#include "request/operation.h"

/* Zero-initialise; audit_note_done frees. */
typedef struct audit_note {
    const api_operation *op; /* NULL: not known */
    char key_id[129];        /* of the key; of a session: its key's. "": the request names none */
    char name[KEY_NAME_MAX + 1];
    char session[SESSION_ID_TEXT];
    char region[65];
    bool known;          /* the signature was checked, so the caller is who it claims to be */
    bool refused;        /* the signature or the right was */
    bool changed;        /* it has changed something, or may have: its result is not known */
    json_t *resources;   /* as policies name them; owned, NULL: none */
    int64_t received_us; /* when the whole request had arrived (ob_mono_us); 0: it has not */
} audit_note;
void audit_note_done(audit_note *n);

/* Its caller: key->session says whether it is a session. */
void audit_note_caller(audit_note *n, const api_key *key, const char *region);
/* After its handler: the resources that the request names, if a line will need them. */
void audit_note_request(audit_note *n, const api_request *req, const api_reply *rep);

/* Any bytes as text for a log that people read on terminals: valid, and control characters (also
 * those that change the direction of text) as \uXXXX. Takes at most 'max' bytes of a line, cut
 * between characters. New. */
char *audit_text(const char *text, size_t max);
/* The same as a JSON value; NULL gives NULL. */
json_t *audit_json(const char *text, size_t max);
/* The id of a job as all answers spell it, if it is one. New. */
char *audit_job_id(const char *text);
