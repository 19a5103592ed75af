/* Collects what a request was while it is being executed. Copies what it keeps, because key and
 * request are gone when the line is written. Never keeps bodies, secrets or tokens. Thread: an HTTP
 * worker. */
#include "audit_note.h"

#include <stdio.h>
#include <string.h>

#include "auth/resource.h"
#include "ob/buf.h"
#include "ob/json.h"
#include "ob/text.h"
#include "request/names.h"

#define NAME_MAX_SHOWN 300
#define NAMES_BYTES_MAX 6000 /* of all resources of a line: enough for 50 jobs */

void audit_note_done(audit_note *n)
{
    json_decref(n->resources);
    n->resources = NULL;
}

void audit_note_caller(audit_note *n, const api_key *key, const char *region)
{
    n->known = true;
    (void)snprintf(n->key_id, sizeof n->key_id, "%s", key->key_id);
    (void)snprintf(n->name, sizeof n->name, "%s", key->name);
    (void)snprintf(n->session, sizeof n->session, "%s", key->session);
    (void)snprintf(n->region, sizeof n->region, "%s", region);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* The number of the character of 'n' bytes at 'at', which is valid UTF-8. */
static unsigned long number_of(const unsigned char *at, size_t n)
{
    unsigned long c = n == 1 ? at[0] : at[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (at[i] & 0x3f);
    return c;
}

static bool is_control(unsigned long c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x200e || c == 0x200f || c == 0x061c ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

char *audit_text(const char *text, size_t max)
{
    ob_cleanup(ob_freep) char *valid = ob_text_dup(text, max);
    ob_buf out = { 0 };
    ob_buf_str(&out, "");
    const char *end = valid + strlen(valid);
    for (const char *at = valid; at < end;) {
        size_t n = ob_utf8_sequence(at, (size_t)(end - at));
        unsigned long c = n > 0 ? number_of((const unsigned char *)at, n) : 0xfffd;
        if (n == 0 || is_control(c))
            ob_buf_addf(&out, "\\u%04lx", c);
        else
            ob_buf_add(&out, at, n);
        at += n > 0 ? n : 1;
    }
    return out.at;
}

json_t *audit_json(const char *text, size_t max)
{
    if (!text)
        return NULL;
    ob_cleanup(ob_freep) char *shown = audit_text(text, max);
    return ob_json_text(shown);
}

/* ---- resources ------------------------------------------------------------------------------- */

/* False: there are enough. */
static bool add(audit_note *n, const char *text, size_t *bytes)
{
    if (!n->resources)
        n->resources = json_array();
    *bytes += strlen(text);
    if (*bytes > NAMES_BYTES_MAX) {
        (void)json_array_append_new(n->resources, json_string("…"));
        return false;
    }
    (void)json_array_append_new(n->resources, audit_json(text, NAME_MAX_SHOWN));
    return true;
}

static void add_names(audit_note *n, const api_request *req)
{
    size_t bytes = 0;
    for (size_t i = 0; i < req->n_names; i++) {
        const api_name *name = &req->names[i];
        ob_cleanup(ob_freep) char *text = name->name && *name->of
                                              ? resource_batch_arn(req, name->of, name->name)
                                              : ob_strdup(name->text);
        if (!add(n, text, &bytes))
            return;
    }
}

/* Of operations whose handlers answer for each job (request/access_rule.h). */
static void add_jobs(audit_note *n, const api_request *req)
{
    size_t i, bytes = 0;
    json_t *job;
    json_array_foreach(json_object_get(req->body, "jobs"), i, job)
    {
        if (!json_is_string(job))
            continue;
        ob_cleanup(ob_freep) char *text = resource_batch_arn(req, "job", json_string_value(job));
        if (!add(n, text, &bytes))
            return;
    }
}

void audit_note_request(audit_note *n, const api_request *req, const api_reply *rep)
{
    n->refused = rep->code && strcmp(rep->code, "AccessDeniedException") == 0;
    if (!n->refused && req->op->audit != AUDIT_EACH)
        return;
    if (req->op->access && req->op->access->one_by_one)
        add_jobs(n, req);
    else
        add_names(n, req);
}
