/* Removes from an answer what its key may not see: entries of a list, or events and streams one by
 * one. Thread: an HTTP worker.
 *
 * Invariant: the output of a deleted job is shown only to keys for which no queue could deny it. */
#include "answer_filter.h"

#include <string.h>

#include "access_store.h"
#include "authorize.h"
#include "ob/json.h"

/* May the key see this entry? */
static int visible(inquiry *c, const access_shows *shows, const json_t *entry, bool *ret)
{
    static const char any_stream[] = ":*";
    ob_cleanup(resource_done) resource res = { 0 };
    const char *arn = json_string_value(json_object_get(entry, shows->arn));
    const char *also = shows->also ? json_string_value(json_object_get(entry, shows->also)) : NULL;
    *ret = false;
    if (!arn)
        return 0;
    resource_add_name(&res, ob_strdup(arn));
    if (also)
        resource_add_name(&res, ob_strdup(also));
    /* Named as in resource.c. */
    arn_parts parts;
    ob_job_ref job = { .index = -1 };
    const char *colon = strrchr(arn, ':');
    size_t n = strlen(arn), tail = sizeof any_stream - 1;
    if ((arn_parse(arn, &parts) && strcmp(parts.kind, "job-definition") == 0) ||
        (n > tail && strcmp(arn + n - tail, any_stream) == 0))
        resource_add_name(&res, ob_strf("%.*s", (int)(colon - arn), arn));
    if (arn_parse(arn, &parts) && strcmp(parts.kind, "job") == 0 &&
        ob_job_ref_parse(parts.rest, &job) && job.index >= 0)
        resource_add_name(&res, ob_strf("%.*s", (int)(colon - arn), arn));
    else /* children are shown without their array's tags */
        res.tags = json_incref(json_object_get(entry, "tags"));
    if (!res.tags && rights_ask_resource_tags(c->req->key)) {
        int r = access_store_tags(c->req, arn, &res.tags, &c->rep->err);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    *ret = verdict_weigh(c->req, c->action, &res) == RIGHT_GIVEN;
    return 0;
}

/* May the key, which may see the group, see this stream of it? */
static int stream_visible(inquiry *c, const api_name *group, const char *stream, bool *ret)
{
    ob_cleanup(resource_done) resource res = { 0 };
    int r = resource_name_stream(c->req, group, stream, &res, &c->rep->err);
    if (r < 0 && r != -ENOENT)
        return r;
    res.orphan |= r == -ENOENT; /* deleted since it was read */
    resource_name_group(c->req, group, &res);
    *ret = verdict_weigh(c->req, c->action, &res) == RIGHT_GIVEN;
    return 0;
}

/* Keeps the entries of a list that are in streams that the key may see; each stream is looked up
 * once. */
static int filter_streams(inquiry *c, const char *list_name)
{
    const json_t *list = json_object_get(c->rep->body, list_name);
    const api_name *name = names_of(c->req, ACCESS_GROUP);
    const api_name *group = name ? name : names_of(c->req, ACCESS_GROUP_ID);
    json_auto_t *asked = json_object(), *kept = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *stream = json_string_value(json_object_get(entry, "logStreamName"));
        const json_t *seen = json_object_get(asked, stream);
        bool visible = json_is_true(seen);
        int r = seen ? 0 : stream_visible(c, group, stream, &visible);
        if (r < 0)
            return r;
        if (!seen)
            (void)json_object_set_new(asked, stream, json_boolean(visible));
        if (visible)
            (void)json_array_append(kept, entry);
    }
    (void)json_object_set(c->rep->body, list_name, kept);
    return 0;
}

int access_filter(api_request *req, api_reply *rep)
{
    const access_rule *rule = rights_are_all(req->key) ? NULL : req->op->access;
    if (!rule || (!rule->shows.list && !rule->in_streams && !rule->of_stream))
        return 0;
    ob_cleanup(ob_freep) char *action = verdict_action(req);
    inquiry c = { .req = req, .rep = rep, .action = action };
    if (rule->of_stream) /* it may have been created since the request */
        return rights_only_add(req->key, action) ? 0 : access_check_uses(&c, rule);
    if (rep->raw) {
        int r = ob_json_parse_as(rep->raw, rep->raw_len, OB_JSON_NUL, &rep->body, &rep->err);
        free(rep->raw);
        rep->raw = NULL;
        if (r < 0)
            return r;
    }
    if (rule->in_streams)
        return rights_only_add(req->key, action) ? 0 : filter_streams(&c, rule->in_streams);
    json_t *list = json_object_get(rep->body, rule->shows.list);
    for (size_t i = 0; i < json_array_size(list);) {
        bool seen = false;
        int r = visible(&c, &rule->shows, json_array_get(list, i), &seen);
        if (r < 0)
            return r;
        if (seen)
            i++;
        else
            (void)json_array_remove(list, i);
    }
    return 0;
}
