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

/* Bytes of a line. Names that are valid are shorter, so what a call has touched is always shown
 * whole, whatever else the call names. */
#define NAME_MAX_SHOWN 300
#define JOB_MAX_SHOWN 160
#define NAMES_MAX_SHOWN (50 * JOB_MAX_SHOWN) /* all that a call may stop */
#define NAMES_MAX_UNCHANGED 1000             /* of a call that has changed nothing */

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

/* What 'n' bytes of text take in a line: JSON writes a backslash before these. */
static size_t in_line(const char *text, size_t n)
{
    size_t bytes = n;
    for (size_t i = 0; i < n; i++)
        bytes += text[i] == '"' || text[i] == '\\';
    return bytes;
}

char *audit_text(const char *text, size_t max)
{
    ob_cleanup(ob_freep) char *valid = ob_text_dup(text, max);
    size_t left = strlen(valid), used = 0;
    ob_buf out = { 0 };
    ob_buf_str(&out, "");
    for (const char *at = valid; left > 0;) {
        char escaped[16];
        const char *shown = at;
        size_t n = ob_utf8_sequence(at, left), shown_len = n;
        unsigned long c = number_of((const unsigned char *)at, n);
        if (is_control(c)) {
            shown_len = (size_t)snprintf(escaped, sizeof escaped, "\\u%04lx", c);
            shown = escaped;
        }
        used += in_line(shown, shown_len);
        if (used > max)
            break;
        ob_buf_add(&out, shown, shown_len);
        at += n;
        left -= n;
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

char *audit_job_id(const char *text)
{
    ob_job_ref ref;
    char id[OB_RUN_TEXT];
    if (!ob_job_ref_parse(text, &ref))
        return ob_strdup(text ? text : "");
    ob_job_ref_format(&ref, id);
    return ob_strdup(id);
}

/* ---- resources ------------------------------------------------------------------------------- */

/* False: there are enough. */
static bool add(audit_note *n, const char *text, size_t max_shown, size_t *bytes)
{
    if (!n->resources)
        n->resources = json_array();
    ob_cleanup(ob_freep) char *shown = audit_text(text, max_shown);
    *bytes += in_line(shown, strlen(shown));
    bool fits = *bytes <= (n->changed ? NAMES_MAX_SHOWN : NAMES_MAX_UNCHANGED);
    (void)json_array_append_new(n->resources, fits ? ob_json_text(shown) : json_string("…"));
    return fits;
}

/* As a policy names it. New. */
static char *shown_name(const api_request *req, const api_name *name)
{
    bool job = name->valid && strcmp(name->of, "job") == 0;
    if (!name->name || !*name->of)
        return ob_strdup(name->text);
    ob_cleanup(ob_freep) char *id = job ? audit_job_id(name->name) : ob_strdup(name->name);
    return resource_batch_arn(req, name->of, id);
}

static void add_names(audit_note *n, const api_request *req)
{
    size_t bytes = 0;
    for (size_t i = 0; i < req->n_names; i++) {
        ob_cleanup(ob_freep) char *text = shown_name(req, &req->names[i]);
        if (!add(n, text, NAME_MAX_SHOWN, &bytes))
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
        ob_cleanup(ob_freep) char *id = audit_job_id(json_string_value(job));
        ob_cleanup(ob_freep) char *text = resource_batch_arn(req, "job", id);
        if (!add(n, text, JOB_MAX_SHOWN, &bytes))
            return;
    }
}

/* What has failed by a mistake of the caller has changed nothing; of an error of ours, where 'rep'
 * has no code yet, nobody knows. What needs no right gives nothing that the key does not have. */
static bool may_have_changed(const api_request *req, const api_reply *rep)
{
    const access_rule *rule = req->op->access;
    if (rep->code)
        return rep->status >= 500;
    if (rule && rule->one_by_one)
        return json_array_size(json_object_get(rep->body, "successful")) > 0;
    return !rule || rule->needs == ACCESS_NEEDS_RIGHT;
}

void audit_note_request(audit_note *n, const api_request *req, const api_reply *rep)
{
    n->refused = rep->code && strcmp(rep->code, "AccessDeniedException") == 0;
    n->changed = req->op->audit == AUDIT_EACH && may_have_changed(req, rep);
    if (!n->refused && req->op->audit != AUDIT_EACH)
        return;
    if (req->op->access && req->op->access->one_by_one)
        add_jobs(n, req);
    else
        add_names(n, req);
}
