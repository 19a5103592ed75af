/* An event stream for a tab: what changes in the queues that it shows. The api is asked whether the
 * session may list the jobs of these queues, at the beginning and every minute; of others nothing
 * is told. The stream ends with the session. Thread: an HTTP worker, as long as the tab listens. */
#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "routes.h"

#define QUEUES_MAX 32
#define VALUE_MAX 512
#define CHECK_MS 60000
#define SIGN_MS 15000 /* of life, so that a tab that has gone is found */

static const allowed_operation *list_jobs(void)
{
    return allow_list_find("ListJobs");
}

typedef struct stream_query {
    char pass[PASS_DIGITS + 1];
    char queues[QUEUES_MAX][CHANGE_QUEUE_TEXT];
    size_t n;
    unsigned events;
} stream_query;

/* One "name=value". False: there are too many queues. */
static bool read_pair(stream_query *sq, const char *pair, size_t len)
{
    char value[VALUE_MAX];
    const char *equals = memchr(pair, '=', len);
    if (!equals)
        return true;
    size_t name = (size_t)(equals - pair);
    if (mg_url_decode(equals + 1, (int)(len - name - 1), value, sizeof value, 0) < 0)
        return true;
    if (name == 4 && strncmp(pair, "pass", 4) == 0 && strlen(value) == PASS_DIGITS) {
        memcpy(sq->pass, value, sizeof sq->pass);
    } else if (name == 5 && strncmp(pair, "queue", 5) == 0 && strlen(value) < CHANGE_QUEUE_TEXT) {
        if (sq->n == QUEUES_MAX)
            return false;
        memcpy(sq->queues[sq->n++], value, strlen(value) + 1);
    } else if (name == 5 && strncmp(pair, "event", 5) == 0) {
        sq->events |= strcmp(value, "ALL") == 0 ? CHANGE_KINDS_ALL : change_kind(value);
    }
    return true;
}

static bool read_stream_query(web_request *q, stream_query *ret)
{
    const char *at = q->info->query_string ? q->info->query_string : "";
    *ret = (stream_query){ 0 };
    while (*at) {
        size_t len = strcspn(at, "&");
        if (!read_pair(ret, at, len)) {
            web_refuse(q, 400, "A stream follows at most 32 queues.");
            return false;
        }
        at += len + (at[len] == '&');
    }
    return true;
}

/* Does the api let the session list the jobs of this queue? */
static bool may_list(web_request *q, const web_session *s, const char *queue)
{
    api_answer answer;
    const api_signer signer = { s->key_id, s->secret, s->token, s->region };
    json_auto_t *body = json_pack("{s:o, s:s, s:i}", "jobQueue", ob_json_text(queue),
                                  "jobStatus" /* ours */, "RUNNING", "maxResults", 1);
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    api_client_call(q->w->api, list_jobs(), &signer, text, NULL, q->client, &answer);
    bool may = answer.status == 200;
    api_answer_done(&answer);
    return may;
}

/* Leaves the queues that may be listed. */
static void check_queues(web_request *q, const web_session *s, stream_query *sq)
{
    size_t kept = 0;
    for (size_t i = 0; i < sq->n; i++)
        if (may_list(q, s, sq->queues[i]) && kept++ != i)
            memcpy(sq->queues[kept - 1], sq->queues[i], CHANGE_QUEUE_TEXT);
    sq->n = kept;
}

/* False: the tab has gone. */
static bool write_event(web_request *q, const char *data)
{
    ob_cleanup(ob_freep) char *text = ob_strf("data: %s\n\n", data);
    ob_conn_waits(q->w->c->conns, q->slot, WEB_WRITE_MS);
    int n = mg_write(q->conn, text, strlen(text));
    ob_conn_works(q->w->c->conns, q->slot);
    return n > 0;
}

static bool tell_word(web_request *q, live_word word, const ob_buf *message)
{
    switch (word) {
    case LIVE_CHANGES:
        return write_event(q, message->at);
    case LIVE_NOTHING:
        return write_event(q, "{}");
    case LIVE_DOWN:
        return write_event(q, "{\"live\":false}");
    case LIVE_UP:
        return write_event(q, "{\"live\":true}");
    case LIVE_END:
        break;
    }
    return false;
}

static void stream_until(web_request *q, live_tab *tab, int64_t until_ms)
{
    ob_buf message = { 0 };
    bool goes_on = true;
    while (goes_on && ob_mono_ms() < until_ms) {
        int64_t sign_ms = ob_mono_ms() + SIGN_MS;
        ob_buf_clear(&message);
        live_word word = live_next(tab, sign_ms < until_ms ? sign_ms : until_ms, &message);
        goes_on = tell_word(q, word, &message) && !ob_conn_is_left(q->w->c->conns, q->slot);
    }
    ob_buf_done(&message);
}

void route_live(web_request *q)
{
    stream_query *sq = ob_calloc(1, sizeof *sq);
    web_session s = { 0 };
    if (!web_request_is(q, "GET") || q->head) {
        web_refuse(q, 405, "A stream needs GET.");
    } else if (read_stream_query(q, sq) && web_read_session(q, sq->pass, &s)) {
        check_queues(q, &s, sq);
        live_tab *tab = live_join(q->w->c->live, sq->queues, sq->n, sq->events);
        if (!tab) {
            web_refuse(q, 503, "Too many tabs follow what happens.");
        } else {
            int64_t left_ms = s.ends_ms - ob_wall_ms();
            web_send_head(q, 200, "text/event-stream", NULL);
            /* The browser comes again, and is checked again. */
            stream_until(q, tab, ob_mono_ms() + (left_ms < CHECK_MS ? left_ms : CHECK_MS));
            live_leave(tab);
        }
    }
    web_session_done(&s);
    free(sq);
}
