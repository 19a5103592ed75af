/* TagResource, UntagResource, ListTagsForResource: tags of environments, queues, definitions,
 * policies and jobs. Thread: an HTTP worker. */
#include "ob/message.h"
#include "request/name_cache.h"
#include "request/store.h"
#include "tag_operations.h"
#include "tag_store.h"

#define TAGS_MAX 50

static json_t *tags_of(const tagged *t)
{
    json_t *tags = json_object_get(t->body, "tags");
    if (!tags) {
        tags = json_object();
        (void)json_object_set_new(t->body, "tags", tags);
    }
    return tags;
}

static int change(api_request *req, api_reply *rep, void *arg)
{
    ob_cleanup(tagged_done) tagged t = { 0 };
    int r = tags_find(req, true, &t, rep);
    if (r < 0)
        return r;
    json_t *tags = tags_of(&t);
    size_t i;
    json_t *key;
    (void)json_object_update(tags, json_object_get(req->body, "tags"));
    json_array_foreach(json_object_get(req->body, "tagKeys"), i, key)
    {
        (void)json_object_del(tags, json_string_value(key));
    }
    if (json_object_size(tags) > TAGS_MAX)
        return api_client_error_long(rep, req->request_id,
                                     "tags: Member must have length less than or equal to %d",
                                     TAGS_MAX);
    return tags_put(req, &t, rep);
}

int op_change_tags(api_request *req, api_reply *rep)
{
    int r = store_tx(req, OB_POINT_API_TAGS, rep, change, NULL);
    if (r == 0)
        known_clear(req->ctx->known); /* the cache has definitions with their tags */
    return r;
}

int op_list_tags_for_resource(api_request *req, api_reply *rep)
{
    ob_cleanup(tagged_done) tagged t = { 0 };
    int r = tags_find(req, false, &t, rep);
    if (r == 0)
        rep->body = json_pack("{s:O}", "tags", tags_of(&t));
    return r;
}
