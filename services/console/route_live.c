/* An event stream for a tab: what changes in the queues that it shows. The api is asked whether the
 * session may list the jobs of these queues, at the beginning and again and again; of others
 * nothing is told. While the api does not answer, what it said last counts for a while. The stream
 * ends with the session. Thread: an HTTP worker, as long as the tab listens.
 *
 * Invariant: a thread that asks the api belongs to a tab that has joined, of which there is a
 * limited number, and it asks for ASK_MS at most, for all queues together. */
#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "routes.h"

#define QUEUES_MAX 32
#define VALUE_MAX 512
#define SIGN_MS 15000 /* of life, so that a tab that has gone is found */
#define ASK_MS 10000
#define RETRY "retry: 1000\n\n" /* so soon a browser comes again, in ms, when the stream breaks */

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

/* A stream that stands. Times are of ob_mono_ms; the session's end is of ob_wall_ms, and stays so:
 * who asks again after the stream has ended is then told that the session has. */
typedef struct stream {
    web_request *q;
    const web_session *s;
    stream_query *wanted;
    live_tab *tab;
    int64_t check_ms; /* then the api is asked (again) */
    int64_t until_ms; /* what it said last counts until then */
    int64_t wait_ms;  /* while it is asked: its answers are waited for until then */
    bool ended;       /* the api says that the session has */
} stream;

static bool is_wanted(const stream *st)
{
    const console *c = st->q->w->c;
    return !live_is_ending(c->live) && !ob_conn_is_left(c->conns, st->q->slot);
}

static bool goes_on_asking(void *arg)
{
    const stream *st = arg;
    return ob_mono_ms() < st->wait_ms && is_wanted(st);
}

typedef enum verdict { MAY, MAY_NOT, UNKNOWN, SESSION_ENDED } verdict;

static verdict verdict_of(const api_answer *answer)
{
    if (answer->status == 200)
        return MAY;
    if (answer->status < 400 || answer->status == 429 || answer->status >= 500)
        return UNKNOWN;
    return api_answer_ends_session(answer) ? SESSION_ENDED : MAY_NOT;
}

/* Does the api let the session list the jobs of this queue? */
static verdict may_list(const stream *st, const char *queue)
{
    api_answer answer;
    const web_session *s = st->s;
    const api_signer signer = { s->key_id, s->secret, s->token, s->region };
    json_auto_t *body = json_pack("{s:o, s:s, s:i}", "jobQueue", ob_json_text(queue),
                                  "jobStatus" /* ours */, "RUNNING", "maxResults", 1);
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    api_client_call(st->q->w->api, list_jobs(), &signer, text, NULL, st->q->client, &answer);
    verdict v = verdict_of(&answer);
    api_answer_done(&answer);
    return v;
}

/* UNKNOWN when one of the queues is. */
static verdict ask_for_all(stream *st, char (*ret)[CHANGE_QUEUE_TEXT], size_t *ret_n)
{
    verdict v = MAY;
    st->wait_ms = ob_mono_ms() + ASK_MS;
    api_client_while(st->q->w->api, goes_on_asking, st);
    for (size_t i = 0; i < st->wanted->n && v <= MAY_NOT; i++) {
        v = goes_on_asking(st) ? may_list(st, st->wanted->queues[i]) : UNKNOWN;
        if (v == MAY)
            memcpy(ret[(*ret_n)++], st->wanted->queues[i], sizeof *ret);
    }
    api_client_while(st->q->w->api, NULL, NULL);
    return v <= MAY_NOT ? MAY : v;
}

/* False: the session has ended, or nobody wants the stream any more. */
static bool check_rights(stream *st)
{
    const int lasts_ms = st->q->w->c->rights_ms;
    char(*may)[CHANGE_QUEUE_TEXT] = ob_calloc(st->wanted->n + 1, sizeof *may);
    size_t n = 0;
    verdict v = ask_for_all(st, may, &n);
    int64_t now_ms = ob_mono_ms();
    if (v == MAY) {
        st->until_ms = now_ms + 2 * (int64_t)lasts_ms;
        live_hear(st->tab, may, n);
    } else if (now_ms >= st->until_ms) {
        live_hear(st->tab, NULL, 0);
    }
    st->check_ms = now_ms + (v == MAY ? lasts_ms : lasts_ms / 12);
    free(may);
    st->ended = v == SESSION_ENDED;
    return !st->ended && is_wanted(st);
}

/* False: the tab has gone. */
static bool write_text(web_request *q, const char *text)
{
    ob_conn_waits(q->w->c->conns, q->slot, WEB_WRITE_MS);
    size_t len = strlen(text);
    int n = mg_write(q->conn, text, len);
    ob_conn_works(q->w->c->conns, q->slot);
    return n >= 0 && (size_t)n == len; /* what follows a part would be read as its rest */
}

static bool write_event(web_request *q, const char *data)
{
    ob_cleanup(ob_freep) char *text = ob_strf("data: %s\n\n", data);
    return write_text(q, text);
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

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void follow(stream *st)
{
    ob_buf message = { 0 };
    bool goes_on = write_text(st->q, RETRY);
    int64_t left_ms;
    while (goes_on && (left_ms = st->s->ends_ms - ob_wall_ms()) > 0) {
        int64_t until_ms = earliest(st->check_ms, ob_mono_ms() + earliest(left_ms, SIGN_MS));
        ob_buf_clear(&message);
        live_word word = live_next(st->tab, until_ms, &message);
        goes_on = tell_word(st->q, word, &message) && is_wanted(st) &&
                  (ob_mono_ms() < st->check_ms || check_rights(st));
    }
    ob_buf_done(&message);
}

static void run_stream(web_request *q, const web_session *s, stream_query *wanted, live_tab *tab)
{
    stream st = { .q = q, .s = s, .wanted = wanted, .tab = tab };
    if (check_rights(&st)) {
        web_send_head(q, 200, "text/event-stream", NULL);
        follow(&st);
    } else if (st.ended) {
        web_refuse(q, 401, "This session has ended: sign in again.");
    } else { /* who has left reads nothing */
        web_refuse(q, 503, "The console is stopping.");
    }
}

void route_live(web_request *q)
{
    stream_query *sq = ob_calloc(1, sizeof *sq);
    web_session s = { 0 };
    if (!web_request_is(q, "GET") || q->head) {
        web_refuse(q, 405, "A stream needs GET.");
    } else if (read_stream_query(q, sq) && web_read_session(q, sq->pass, &s)) {
        live_tab *tab = live_join(q->w->c->live, sq->events);
        if (!tab) {
            web_refuse(q, 503, "Too many tabs follow what happens.");
        } else {
            run_stream(q, &s, sq, tab);
            live_leave(tab);
        }
    }
    web_session_done(&s);
    free(sq);
}
