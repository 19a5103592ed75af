/* Reads the metadata service of an EC2 host: a token (PUT), then /spot/instance-action, which is
 * 404 until the instance is to be interrupted. ("Spot Instance interruption notices" and "Use
 * IMDSv2" of the EC2 user guide.) Owns one call at a time and its token. Never stops asking: a
 * service that is away is asked again. Thread: the loop's; calls go out from its timer, for libcurl
 * must not be entered where a reply is told. */
#include "imds.h"

#include <string.h>
#include <time.h>

#include "loop_http.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"

#define TOKEN_PATH "/latest/api/token"
#define ACTION_PATH "/latest/meta-data/spot/instance-action"
#define TOKEN_HEADER "X-aws-ec2-metadata-token-ttl-seconds: 21600"
#define TIMEOUT_S 2
#define TOKEN_MAX 512
#define BODY_MAX (64u << 20)
#define IDLE_CONNECTIONS 8

struct imds {
    imds_config config;
    ob_http *http;
    char *header; /* with the token; NULL: one is to be fetched */
    bool away;
    loop_timer timer;
};

int64_t imds_parse(const char *text, size_t len, int64_t now_ms, int64_t max_ms)
{
    json_auto_t *answer = NULL;
    struct tm at = { 0 };
    if (ob_json_parse(text, len, &answer, NULL) < 0 || !*ob_json_str(answer, "action", ""))
        return -1;
    const char *rest = strptime(ob_json_str(answer, "time", ""), "%Y-%m-%dT%H:%M:%S", &at);
    if (!rest)
        return max_ms; /* it comes, who knows when */
    int64_t in_ms = (int64_t)timegm(&at) * 1000 - now_ms;
    return in_ms < 0 ? 0 : in_ms > max_ms ? max_ms : in_ms;
}

static void again(imds *m, int64_t delay_ms)
{
    loop_timer_set(m->config.loop, &m->timer, delay_ms);
}

static void forget_token(imds *m)
{
    free(m->header);
    m->header = NULL;
}

/* Said once, until it is back. */
static void note_away(imds *m, const ob_http_reply *reply)
{
    if (!m->away)
        ob_warn("metadata.lost", "{s:s, s:i, s:s}", "url", m->config.url, "status", reply->status,
                "error", reply->error ? reply->error : "");
    m->away = true;
    again(m, m->config.every_ms);
}

static void on_token(const ob_http_reply *reply, void *arg)
{
    imds *m = arg;
    if (reply->status != 200 || reply->len == 0 || reply->len > TOKEN_MAX) {
        note_away(m, reply);
        return;
    }
    m->header = ob_strf("X-aws-ec2-metadata-token: %s", reply->body);
    m->away = false;
    again(m, 0);
}

static void on_action(const ob_http_reply *reply, void *arg)
{
    imds *m = arg;
    int64_t in_ms = -1;
    if (reply->status == 200)
        in_ms = imds_parse(reply->body, reply->len, ob_wall_ms(), m->config.notice_ms);
    if (in_ms >= 0)
        m->config.notice(in_ms, m->config.arg);
    if (reply->status == 401) {
        forget_token(m);
        again(m, 0);
    } else if (reply->status == 200 || reply->status == 404) {
        again(m, m->config.every_ms);
    } else {
        note_away(m, reply);
    }
}

static void on_time(void *arg)
{
    imds *m = arg;
    (void)ob_http_send(m->http, m->header ? OB_POINT_NONE : OB_POINT_EXECUTOR_METADATA,
                       &(ob_http_request){ .method = m->header ? "GET" : "PUT",
                                           .path = m->header ? ACTION_PATH : TOKEN_PATH,
                                           .header = m->header ? m->header : TOKEN_HEADER,
                                           .timeout_s = TIMEOUT_S,
                                           .on_reply = m->header ? on_action : on_token,
                                           .arg = m });
    ob_http_flush(m->http);
}

int imds_new(const imds_config *config, imds **ret, ob_error *err)
{
    static const char scheme[] = "http://";
    if (strncmp(config->url, scheme, sizeof(scheme) - 1) != 0 || !config->url[sizeof(scheme) - 1])
        return ob_fail(err, EINVAL, "OPENBATCH_IMDS must begin with http://, not \"%s\"",
                       config->url);
    ob_cleanup(ob_freep) char *base = ob_strdup(config->url);
    size_t len = strlen(base);
    if (base[len - 1] == '/')
        base[len - 1] = '\0';
    ob_http_options options = { .base = base,
                                .body_max = BODY_MAX,
                                .idle_connections = IDLE_CONNECTIONS };
    ob_http *h = NULL;
    int r = loop_http_new(config->loop, &options, &h, err);
    if (r < 0)
        return r;
    imds *m = ob_calloc(1, sizeof(*m));
    m->config = *config;
    m->http = h;
    m->timer = (loop_timer){ .fn = on_time, .arg = m };
    again(m, 0);
    *ret = m;
    return 0;
}

void imds_free(imds *m)
{
    if (!m)
        return;
    loop_timer_stop(m->config.loop, &m->timer);
    loop_http_free(m->config.loop, m->http);
    forget_token(m);
    free(m);
}
