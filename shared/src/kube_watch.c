/* Lists and watches (ob/kube_watch.h). Owns at most one call, the line of a watch that has not
 * ended, and what it has told of. A watch is REST until it is due, then it lists, page by page, and
 * then it watches from the version of that list; whatever ends leads to REST. Time is told to it
 * (ob_kube_watch_step), so callbacks only note what has happened, and the next step gives it a
 * time. Thread: the owner's. */
#include "ob/kube_watch.h"

#include <string.h>

#include "kube_held.h"
#include "ob/buf.h"
#include "ob/clock.h"
#include "ob/hash.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define PAGE 500
#define LIST_TIMEOUT_S 60
#define WATCH_S 300 /* the server ends a watch then, or up to */
#define SPREAD_S 60 /* so much later: many that begin at once do not list again at once */
#define OPEN_MS 60000
#define SILENCE_MS 150000 /* bookmarks come about each minute */
#define STOOD_MS 10000    /* a watch that stood so long has not failed */
#define REST_FIRST_MS 200
#define REST_MAX_MS 10000
#define FAILS_OPEN 3 /* a server that opens watches is there: rests of less than a second */
#define LINE_MAX_BYTES ((size_t)2 * 1024 * 1024)

typedef enum phase { REST, LISTING, WATCHING } phase;

struct ob_kube_watch {
    ob_kube *k;
    char *path;
    char *selector; /* "labelSelector=…&fieldSelector=…&", or empty */
    int page;
    ob_kube_watch_ops ops;
    void *arg;
    phase phase;
    ob_http_call *call;
    char *version; /* of the list, and of its pages so far */
    char *more;    /* the token of the next page; NULL: none */
    ob_buf line;
    kube_held *held;
    unsigned list;     /* counts lists */
    int fails;         /* in a row */
    int retry_ms;      /* the server asked for at least so long a rest */
    int64_t due_ms;    /* REST: the end of the rest; -1: the next step sets it */
    int64_t heard_ms;  /* WATCHING: the last sign of life */
    int64_t opened_ms; /* since when it stands; -1: it does not */
    bool heard;        /* since the last step */
    bool opened;       /* the watch has begun */
    bool again;        /* the owner wants a list */
    bool up, down;     /* what was told last */
    ob_kube_answer why;
};

/* ---- ends ---- */

static void tell_down(ob_kube_watch *w, ob_kube_answer kind, const char *text)
{
    if (w->down && w->why == kind)
        return;
    w->up = false;
    w->down = true;
    w->why = kind;
    if (w->ops.state)
        w->ops.state(false, kind, text, w->arg);
}

/* The call has ended or is dropped: a rest, and a list. */
static void rest(ob_kube_watch *w)
{
    w->call = NULL;
    w->phase = REST;
    w->due_ms = -1;
    free(w->more);
    w->more = NULL;
    ob_buf_done(&w->line);
}

static void fail(ob_kube_watch *w, int retry_ms)
{
    w->fails++;
    w->retry_ms = retry_ms;
    rest(w);
}

/* None the first time, then longer and longer, and not the same for all watches. */
static int64_t rest_ms(const ob_kube_watch *w)
{
    int64_t ms = 0;
    if (w->fails > 1)
        ms = w->fails > 7 ? REST_MAX_MS : (int64_t)REST_FIRST_MS << (w->fails - 2);
    if (ms > REST_MAX_MS)
        ms = REST_MAX_MS;
    ms -= ms / 4 * (ob_mono_us() % 1000) / 1000;
    return ms < w->retry_ms ? w->retry_ms : ms;
}

/* ---- objects ---- */

static void tell(ob_kube_watch *w, ob_kube_change change, json_t *object)
{
    w->ops.object(change, object, w->arg);
}

static void take_object(ob_kube_watch *w, ob_kube_change change, json_t *object)
{
    json_auto_t *before = NULL;
    if (change == OB_KUBE_DELETED) {
        if (kube_held_drop(&w->held, object))
            tell(w, change, object);
        return;
    }
    kube_held_add(&w->held, object, w->list, &before);
    if (before)
        tell(w, OB_KUBE_DELETED, before);
    tell(w, change, object);
}

/* ---- the watch ---- */

static void watch_ended(ob_kube_watch *w, int retry_ms)
{
    if (w->opened_ms >= 0 && w->heard_ms - w->opened_ms >= STOOD_MS)
        w->fails = 0;
    if (w->opened && w->fails > FAILS_OPEN)
        w->fails = FAILS_OPEN;
    fail(w, retry_ms);
}

static void drop_watch(ob_kube_watch *w)
{
    ob_http_drop(w->call);
    watch_ended(w, 0);
}

/* An event of type ERROR: mostly that the version is too old. */
static void take_error(ob_kube_watch *w, const json_t *status)
{
    int code = (int)json_integer_value(json_object_get(status, "code"));
    ob_kube_answer kind = ob_kube_answer_kind(code ? code : 500, status);
    if (kind == OB_KUBE_FORBIDDEN || kind == OB_KUBE_UNAUTHORIZED)
        tell_down(w, kind, ob_json_str(status, "message", ""));
    ob_http_drop(w->call);
    watch_ended(w, ob_kube_retry_after_ms(status));
}

static void take_line(ob_kube_watch *w, const char *line, size_t len)
{
    static const char *const types[] = {
        [OB_KUBE_ADDED] = "ADDED", [OB_KUBE_MODIFIED] = "MODIFIED", [OB_KUBE_DELETED] = "DELETED"
    };
    json_auto_t *event = NULL;
    (void)ob_json_parse_as(line, len, OB_JSON_NUL, &event, NULL);
    json_t *object = json_object_get(event, "object");
    const char *type = json_string_value(json_object_get(event, "type"));
    if (!type || !json_is_object(object)) {
        drop_watch(w); /* it is not JSON: something may be missing */
        return;
    }
    for (ob_kube_change change = OB_KUBE_ADDED; change <= OB_KUBE_DELETED; change++)
        if (strcmp(type, types[change]) == 0)
            take_object(w, change, object);
    if (strcmp(type, "ERROR") == 0)
        take_error(w, object);
}

static bool on_data(const char *data, size_t len, void *arg)
{
    ob_kube_watch *w = arg;
    w->heard = true;
    while (len > 0 && w->phase == WATCHING) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;
        if (w->line.len + n > LINE_MAX_BYTES) {
            drop_watch(w);
            return true;
        }
        if (n > 0)
            ob_buf_add(&w->line, data, n);
        data += n + (end != NULL);
        len -= n + (end != NULL);
        if (!end || !w->line.len)
            continue;
        ob_buf line = w->line; /* its end may end the watch */
        w->line = (ob_buf){ 0 };
        take_line(w, line.at, line.len);
        ob_buf_done(&line);
    }
    return true;
}

static void on_open(void *arg)
{
    ob_kube_watch *w = arg;
    w->opened = w->heard = true;
    w->down = false;
    if (w->up)
        return;
    w->up = true;
    if (w->ops.state)
        w->ops.state(true, OB_KUBE_OK, "", w->arg);
}

static void on_watch_end(const ob_kube_reply *reply, void *arg)
{
    ob_kube_watch *w = arg;
    if (w->opened) {
        watch_ended(w, 0); /* a regular end, or it broke */
        return;
    }
    /* Only an answer 200 is a watch. */
    if (reply->kind == OB_KUBE_OK)
        tell_down(w, OB_KUBE_SERVER, "the answer is not a watch");
    else if (reply->kind != OB_KUBE_EXPIRED)
        tell_down(w, reply->kind, reply->message);
    fail(w, reply->retry_after_ms);
}

static void begin_watch(ob_kube_watch *w)
{
    ob_cleanup(ob_freep) char *version = ob_text_url_encode(w->version);
    ob_cleanup(ob_freep) char *query = ob_strf(
        "%swatch=true&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%d", w->selector,
        version, WATCH_S + (int)(ob_hash32(OB_HASH32, w->selector) % SPREAD_S));
    w->phase = WATCHING;
    w->opened_ms = -1;
    w->opened = false;
    w->heard = true;
    w->call = ob_kube_send(w->k, OB_POINT_NONE,
                           &(ob_kube_request){ .method = "GET",
                                               .path = w->path,
                                               .query = query,
                                               .on_data = on_data,
                                               .on_open = on_open,
                                               .on_reply = on_watch_end,
                                               .arg = w });
}

/* ---- the list ---- */

static void begin_page(ob_kube_watch *w);

static void list_complete(ob_kube_watch *w)
{
    json_t *gone;
    while ((gone = kube_held_missing(&w->held, w->list))) {
        tell(w, OB_KUBE_DELETED, gone);
        json_decref(gone);
    }
    if (w->ops.listed)
        w->ops.listed(w->arg);
    begin_watch(w);
}

static void take_page(ob_kube_watch *w, const json_t *list)
{
    size_t i;
    json_t *object;
    json_array_foreach(json_object_get(list, "items"), i, object) if (json_is_object(object))
        take_object(w, OB_KUBE_LISTED, object);
    const char *more = ob_kube_meta(list, "continue");
    free(w->version);
    w->version = ob_strdup(ob_kube_meta(list, "resourceVersion"));
    free(w->more);
    w->more = *more ? ob_strdup(more) : NULL;
    if (w->more)
        begin_page(w);
    else
        list_complete(w);
}

static void on_page(const ob_kube_reply *reply, void *arg)
{
    ob_kube_watch *w = arg;
    w->call = NULL;
    const json_t *items = json_object_get(reply->json, "items"); /* null: none, as Go writes it */
    bool whole = reply->kind == OB_KUBE_OK && (json_is_array(items) || json_is_null(items)) &&
                 *ob_kube_meta(reply->json, "resourceVersion");
    if (whole) {
        take_page(w, reply->json);
        return;
    }
    /* A page that has expired is a list that took too long, and not a cluster that is away. */
    if (reply->kind != OB_KUBE_EXPIRED)
        tell_down(w, reply->kind == OB_KUBE_OK ? OB_KUBE_SERVER : reply->kind,
                  reply->kind == OB_KUBE_OK ? "the answer is not a list" : reply->message);
    fail(w, reply->retry_after_ms);
}

static void begin_page(ob_kube_watch *w)
{
    ob_cleanup(ob_freep) char *more = w->more ? ob_text_url_encode(w->more) : NULL;
    ob_cleanup(ob_freep) char *query =
        ob_strf("%slimit=%d%s%s", w->selector, w->page, more ? "&continue=" : "", more ? more : "");
    w->call = ob_kube_send(w->k, OB_POINT_NONE,
                           &(ob_kube_request){ .method = "GET",
                                               .path = w->path,
                                               .query = query,
                                               .timeout_s = LIST_TIMEOUT_S,
                                               .on_reply = on_page,
                                               .arg = w });
}

/* ---- steps ---- */

static void note_times(ob_kube_watch *w, int64_t now_ms)
{
    if (w->heard)
        w->heard_ms = now_ms;
    if (w->opened && w->opened_ms < 0)
        w->opened_ms = now_ms;
    w->heard = false;
    if (w->phase == REST && w->due_ms < 0)
        w->due_ms = now_ms + rest_ms(w);
}

static int64_t silence_end_ms(const ob_kube_watch *w)
{
    return w->heard_ms + (w->opened_ms >= 0 ? SILENCE_MS : OPEN_MS);
}

int64_t ob_kube_watch_step(ob_kube_watch *w, int64_t now_ms)
{
    note_times(w, now_ms);
    if (w->phase == WATCHING && now_ms >= silence_end_ms(w)) {
        if (!w->opened)
            tell_down(w, OB_KUBE_UNREACHABLE, "a watch gets no answer");
        drop_watch(w);
        note_times(w, now_ms);
    }
    if (w->again) {
        w->again = false;
        ob_http_drop(w->call);
        rest(w);
        w->due_ms = now_ms;
    }
    if (w->phase == REST && now_ms >= w->due_ms) {
        w->phase = LISTING;
        w->retry_ms = 0;
        w->list++;
        begin_page(w);
    }
    if (w->phase == REST)
        return w->due_ms;
    return w->phase == WATCHING ? silence_end_ms(w) : now_ms + LIST_TIMEOUT_S * 1000;
}

void ob_kube_watch_again(ob_kube_watch *w)
{
    w->again = true;
}

bool ob_kube_watch_up(const ob_kube_watch *w)
{
    return w->up;
}

/* ---- beginning and end ---- */

static char *selector_of(const ob_kube_watch_options *options)
{
    ob_buf text = { 0 };
    const char *const values[] = { options->labels, options->fields };
    const char *const names[] = { "labelSelector", "fieldSelector" };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        ob_cleanup(ob_freep) char *value = values[i] ? ob_text_url_encode(values[i]) : NULL;
        if (value)
            ob_buf_addf(&text, "%s=%s&", names[i], value);
    }
    ob_buf_add(&text, "", 1);
    return text.at;
}

ob_kube_watch *ob_kube_watch_new(ob_kube *k,
                                 const ob_kube_watch_options *options,
                                 const ob_kube_watch_ops *ops,
                                 void *arg)
{
    ob_kube_watch *w = ob_calloc(1, sizeof(*w));
    w->k = k;
    w->path = ob_strdup(options->path);
    w->selector = selector_of(options);
    w->page = options->page ? options->page : PAGE;
    w->ops = *ops;
    w->arg = arg;
    w->opened_ms = -1;
    return w;
}

void ob_kube_watch_free(ob_kube_watch *w)
{
    if (!w)
        return;
    ob_http_drop(w->call);
    kube_held_done(&w->held);
    ob_buf_done(&w->line);
    free(w->path);
    free(w->selector);
    free(w->version);
    free(w->more);
    free(w);
}
