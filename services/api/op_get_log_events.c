/* GetLogEvents of CloudWatch Logs (AWS: "GetLogEvents"): one stream, page by page in both
 * directions. A token names the direction and the number of the event at which the page begins
 * (forward) or before which it ends (backward); at an end the token given comes back. Thread: an
 * HTTP worker. */
#include <stdio.h>
#include <string.h>

#include "log_store.h"
#include "ob/message.h"
#include "ops.h"

#define EVENTS_MAX 10000
#define PAGE_BYTES (1024 * 1024)
#define EVENT_OVERHEAD 26 /* AWS counts 26 bytes an event besides its text */

typedef struct window {
    int64_t from, to;
    bool last; /* the page is the last events of the window, not the first */
} window;

static int invalid(api_reply *rep, const char *text)
{
    return api_error(rep, 400, "InvalidParameterException", "%s", text);
}

static int read_window(const json_t *body, window *ret, api_reply *rep)
{
    const char *token = ob_json_str(body, "nextToken", NULL);
    *ret =
        (window){ .from = 0, .to = INT64_MAX, .last = !ob_json_bool(body, "startFromHead", false) };
    if (token == NULL || token[0] == '\0')
        return 0;
    long long n;
    char direction;
    int used = 0;
    if (sscanf(token, "%c/%lld%n", &direction, &n, &used) != 2 || token[used] != '\0' || n < 0 ||
        (direction != 'f' && direction != 'b'))
        return invalid(rep, "The specified nextToken is invalid.");
    ret->last = direction == 'b';
    if (ret->last)
        ret->to = n;
    else
        ret->from = n;
    return 0;
}

/* Length of the valid UTF-8 sequence at 's', or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t n)
{
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
    if (len <= 1)
        return len;
    if (len > n || s[0] > 0xf4)
        return 0;
    unsigned code = s[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    bool legal = code >= least[len] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return legal ? len : 0;
}

/* Bytes as a JSON string: what is no UTF-8 becomes U+FFFD, NUL and control characters stay. */
static json_t *text_of(const unsigned char *bytes, size_t len)
{
    json_t *plain = json_stringn((const char *)bytes, len);
    if (plain != NULL)
        return plain;
    ob_cleanup(ob_freep) char *out = ob_calloc(3 * len + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence(bytes + i, len - i);
        if (step > 0)
            memcpy(out + n, bytes + i, step);
        else
            memcpy(out + n, "\xef\xbf\xbd", 3);
        n += step > 0 ? step : 3;
        i += step > 0 ? step : 1;
    }
    return json_stringn_nocheck(out, n);
}

/* The rows of the page: as many as fit PAGE_BYTES, from the side at which reading begins. */
static void page_bounds(const PGresult *rows, bool last, int *ret_first, int *ret_end)
{
    int n = PQntuples(rows);
    int64_t bytes = 0;
    int taken = 0;
    while (taken < n) {
        int row = last ? n - 1 - taken : taken;
        bytes += PQgetlength(rows, row, 3) / 2 + EVENT_OVERHEAD;
        if (bytes > PAGE_BYTES && taken > 0)
            break;
        taken++;
    }
    *ret_first = last ? n - taken : 0;
    *ret_end = *ret_first + taken;
}

static int build_page(const PGresult *rows, const window *w, api_reply *rep)
{
    int first, end;
    char forward[40], backward[40];
    json_t *events = json_array();
    page_bounds(rows, w->last, &first, &end);
    for (int row = first; row < end; row++) {
        ob_cleanup(ob_freep) void *bytes = NULL;
        size_t len = 0;
        int r = ob_col_bytes(rows, row, 3, &bytes, &len);
        if (r < 0) {
            json_decref(events);
            return r;
        }
        json_array_append_new(events, json_pack("{s:I, s:o, s:I}", "timestamp",
                                                (json_int_t)ob_col_int(rows, row, 1, 0), "message",
                                                text_of(bytes, len), "ingestionTime",
                                                (json_int_t)ob_col_int(rows, row, 2, 0)));
    }
    int64_t low = first < end                     ? ob_col_int(rows, first, 0, 0)
                  : w->last && w->to != INT64_MAX ? w->to
                                                  : w->from;
    int64_t high = first < end ? ob_col_int(rows, end - 1, 0, 0) + 1 : low;
    snprintf(forward, sizeof(forward), "f/%lld", (long long)high);
    snprintf(backward, sizeof(backward), "b/%lld", (long long)low);
    rep->body = json_pack("{s:o, s:s, s:s}", "events", events, "nextForwardToken", forward,
                          "nextBackwardToken", backward);
    return 0;
}

int op_get_log_events(api_request *req, api_reply *rep)
{
    const log_key key = {
        .account = req->account,
        .region = req->region,
        .group = ob_json_str(req->body, "logGroupName", NULL),
        .stream = ob_json_str(req->body, "logStreamName", NULL),
    };
    window w;
    int64_t limit = ob_json_int(req->body, "limit", EVENTS_MAX);
    if (key.group == NULL)
        return invalid(rep, "logGroupName is required.");
    if (key.stream == NULL)
        return invalid(rep, "logStreamName is required.");
    if (limit < 1 || limit > EVENTS_MAX)
        return invalid(rep, "limit must be between 1 and 10000.");
    int r = read_window(req->body, &w, rep);
    if (r < 0)
        return r;

    int64_t stream_id = 0;
    bool group_exists = false;
    r = req_db(req, &rep->err);
    if (r < 0)
        return r;
    r = log_store_find(req->db, &key, &stream_id, &group_exists, &rep->err);
    if (r == -ENOENT)
        return api_error(
            rep, 400, "ResourceNotFoundException", "The specified log %s does not exist.",
            group_exists || strcmp(key.group, "/aws/batch/job") == 0 ? "stream" : "group");
    if (r < 0)
        return r;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    r = log_store_read(
        req->db, stream_id, w.from, w.to, ob_json_int(req->body, "startTime", INT64_MIN),
        ob_json_int(req->body, "endTime", INT64_MAX), w.last, (int)limit, &rows, &rep->err);
    req_db_release(req); /* what follows is long text */
    if (r < 0)
        return r;
    return build_page(rows, &w, rep);
}
