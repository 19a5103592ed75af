/* The connection to the engine: version, the stream of events, listings. Owns 'up' with
 * docker_down.c: requests are sent only while it is true. The events start first, then a listing,
 * so nothing is missed; a listing every 10 s finds what events missed. Silence of the engine ends
 * nothing. Thread: the loop's. */
#include "docker_engine.h"

#include <string.h>

#include "container.h"
#include "docker_down.h"
#include "docker_error.h"
#include "docker_feed.h"
#include "docker_inspect.h"
#include "docker_moves.h"
#include "docker_spec.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"

#define LIST_EVERY_MS 10000
#define HELLO_TIMEOUT_S 10
#define LIST_TIMEOUT_S 60

static char *filter_query(const docker *d)
{
    json_auto_t *filters = json_object();
    ob_cleanup(ob_freep) char *label =
        ob_strf(DOCKER_LABEL_INSTANCE "=%s", d->base.config.instance);
    (void)json_object_set_new(filters, "label", json_pack("[o]", ob_json_text(label)));
    ob_cleanup(ob_freep) char *text = json_dumps(filters, JSON_COMPACT);
    return ob_text_url_encode(text);
}

/* Volumes of a listed container that must be removed with it. */
static json_t *own_volumes(const container *c, const json_t *entry)
{
    json_t *names = json_array();
    size_t i;
    const json_t *mount;
    json_array_foreach(json_object_get(entry, "Mounts"), i, mount)
    {
        const char *name = ob_json_str(mount, "Name", "");
        if (strcmp(ob_json_str(mount, "Type", ""), "volume") == 0 &&
            strncmp(name, c->name, strlen(c->name)) == 0)
            (void)json_array_append_new(names, ob_json_text(name));
    }
    return names;
}

/* The image of another container may have labels like ours. */
static bool has_its_name(const json_t *entry, const ob_run_ref *ref)
{
    char name[OB_RUN_TEXT];
    ob_run_container_name(ref, name);
    const char *its = json_string_value(json_array_get(json_object_get(entry, "Names"), 0));
    return its && strcmp(its + (*its == '/'), name) == 0;
}

/* A probe container that an ended executor left. */
static bool is_left_probe(const docker *d, const json_t *entry)
{
    ob_cleanup(ob_freep) char *probe = ob_strf("/" DOCKER_PROBE "%s", d->base.config.instance);
    const char *its = json_string_value(json_array_get(json_object_get(entry, "Names"), 0));
    return its && strcmp(its, probe) == 0 && !d->probe_call && !*d->unwell;
}

static void remove_left_probe(docker *d)
{
    ob_cleanup(ob_freep) char *name = ob_strf(DOCKER_PROBE "%s", d->base.config.instance);
    if (docker_find(d, name))
        return;
    container *c = docker_add(d, name, STEP_REMOVE);
    (void)ob_text_into(c->name, sizeof(c->name), name);
    c->exists = c->force = true;
}

static void reconcile_one(docker *d, const json_t *entry)
{
    const char *run = ob_json_str(json_object_get(entry, "Labels"), DOCKER_LABEL_RUN, NULL);
    ob_run_ref ref;
    if (is_left_probe(d, entry))
        remove_left_probe(d);
    if (!run || !ob_run_ref_parse(run, &ref) || !has_its_name(entry, &ref))
        return;
    const char *state = ob_json_str(entry, "State", "");
    bool is_over = strcmp(state, "exited") == 0 || strcmp(state, "dead") == 0;
    container *c = docker_find(d, run);
    if (!c) {
        c = docker_add(d, run, STEP_FOUND);
        c->volumes = own_volumes(c, entry);
        const char *gpus = ob_json_str(json_object_get(entry, "Labels"), DOCKER_LABEL_GPUS, NULL);
        c->gpus = gpus && *gpus ? ob_strdup(gpus) : NULL;
        c->exists = true;
        c->listing_no = d->listing_no;
        if (d->purging) {
            container_set_step(c, STEP_REMOVE);
            c->force = true;
        } else {
            ON(d)->found(run, ON(d)->arg);
        }
        return;
    }
    c->listing_no = d->listing_no;
    if (is_over && c->step == STEP_RUN)
        container_died(c);
    else if (c->step == STEP_RUN)
        container_listed(c);
    /* For a running container this is not true, or was not true yet: an inspection decides. */
    if (c->step == STEP_RUN && strcmp(state, "created") == 0)
        container_died(c);
}

static void reconcile(docker *d, const json_t *list)
{
    container *c, *next;
    d->listing_no++;
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry) reconcile_one(d, entry);
    /* A running container that was not listed was removed by something else, or started after the
     * listing: an inspection decides. */
    HASH_ITER(hh, d->containers, c, next)
    if (c->step == STEP_RUN && c->listing_no != d->listing_no)
        container_died(c);
}

static void on_list(const ob_http_reply *reply, void *arg)
{
    docker *d = arg;
    char text[512];
    d->listing = NULL;
    json_auto_t *list = reply->status == 200 ? ob_json_read(reply->body, reply->len) : NULL;
    if (!json_is_array(list)) {
        docker_down(d, docker_error_text(reply, text, sizeof(text)));
        return;
    }
    d->next_list_ms = ob_boot_ms() + LIST_EVERY_MS;
    bool was_up = d->up;
    if (!was_up)
        d->back_ms = ob_wall_ms();
    d->up = true;
    d->down_logged = false;
    d->backoff_ms = 0;
    reconcile(d, list);
    docker_dirty(d);
    if (was_up)
        return;
    ob_info("engine.reached", "{s:s, s:i}", "api", d->api, "containers",
            (int)json_array_size(list));
    ON(d)->engine(true, d->api, ON(d)->arg);
    if (!d->purging)
        ON(d)->listed(ON(d)->arg);
    else if (!d->containers)
        ON(d)->purged(ON(d)->arg);
}

static void send_list(docker *d)
{
    if (d->listing)
        return;
    ob_cleanup(ob_freep) char *filters = filter_query(d);
    ob_cleanup(ob_freep) char *path =
        ob_strf("%s/containers/json?all=1&filters=%s", d->api, filters);
    d->listing = ob_http_send(d->http, OB_POINT_NONE,
                              &(ob_http_request){ .method = "GET",
                                                  .path = path,
                                                  .timeout_s = LIST_TIMEOUT_S,
                                                  .on_reply = on_list,
                                                  .arg = d });
}

static void take_event(const char *text, size_t len, void *arg)
{
    docker *d = arg;
    json_auto_t *event = ob_json_read(text, len);
    const char *action = ob_json_str(event, "Action", "");
    /* Labels are merged into the attributes, so only our keys count; the id is the engine's. */
    const json_t *actor = json_object_get(event, "Actor");
    const char *run = ob_json_str(json_object_get(actor, "Attributes"), DOCKER_LABEL_RUN, NULL);
    container *c = run ? docker_find(d, run) : NULL;
    if (!c || (c->id && strcmp(c->id, ob_json_str(actor, "ID", "")) != 0))
        return;
    if (strcmp(action, "start") == 0)
        c->started_at_ms = ob_json_int(event, "timeNano", 0) / 1000000;
    else if (strcmp(action, "oom") == 0)
        c->oom_seen = true;
    else if (strcmp(action, "die") == 0) {
        c->die_ms = ob_json_int(event, "timeNano", 0) / 1000000;
        c->die_published = true;
        container_died(c);
    } else if (strcmp(action, "destroy") == 0 && c->step == STEP_RUN)
        container_died(c);
}

static bool on_event_data(const char *data, size_t len, void *arg)
{
    docker *d = arg;
    return docker_feed(&d->event, data, len, take_event, d);
}

static void on_events_end(const ob_http_reply *reply, void *arg)
{
    docker *d = arg;
    char text[512];
    d->events = NULL;
    docker_down(d, docker_error_text(reply, text, sizeof(text)));
}

static void on_events_open(void *arg)
{
    send_list(arg);
}

static void on_hello(const ob_http_reply *reply, void *arg)
{
    docker *d = arg;
    char text[512];
    d->hello = NULL;
    json_auto_t *version = reply->status == 200 ? ob_json_read(reply->body, reply->len) : NULL;
    if (!version) {
        docker_down(d, docker_error_text(reply, text, sizeof(text)));
        return;
    }
    ob_docker_api(version, d->api);
    ob_cleanup(ob_freep) char *filters = filter_query(d);
    /* since: also the events that this dockerd has published before, as far as it keeps them. */
    ob_cleanup(ob_freep) char *path = ob_strf("%s/events?since=1&filters=%s", d->api, filters);
    d->events = ob_http_send(d->http, OB_POINT_NONE,
                             &(ob_http_request){ .method = "GET",
                                                 .path = path,
                                                 .on_data = on_event_data,
                                                 .on_open = on_events_open,
                                                 .on_reply = on_events_end,
                                                 .arg = d });
}

static void on_connect_time(void *arg)
{
    docker *d = arg;
    docker_drop_calls(d);
    d->hello = ob_http_send(d->http, OB_POINT_NONE,
                            &(ob_http_request){ .method = "GET",
                                                .path = "/version",
                                                .timeout_s = HELLO_TIMEOUT_S,
                                                .on_reply = on_hello,
                                                .arg = d });
}

static void on_tick(void *arg)
{
    docker *d = arg;
    loop_timer_set(d->base.config.loop, &d->tick_timer, 1000);
    if (!d->containers)
        return;
    docker_dirty(d);
    if (d->up && ob_boot_ms() >= d->next_list_ms)
        send_list(d);
}

static void on_later(void *arg)
{
    docker_dirty(arg);
}

void docker_connect(docker *d)
{
    d->later_timer = (loop_timer){ .fn = on_later, .arg = d };
    d->connect_timer = (loop_timer){ .fn = on_connect_time, .arg = d };
    d->tick_timer = (loop_timer){ .fn = on_tick, .arg = d };
    loop_timer_set(d->base.config.loop, &d->connect_timer, 0);
    loop_timer_set(d->base.config.loop, &d->tick_timer, 1000);
}

void docker_engine_done(docker *d)
{
    loop_timer_stop(d->base.config.loop, &d->connect_timer);
    loop_timer_stop(d->base.config.loop, &d->tick_timer);
    loop_timer_stop(d->base.config.loop, &d->later_timer);
    docker_drop_calls(d);
    ob_buf_done(&d->event);
}
