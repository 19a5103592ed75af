/* Owns the table of paths. Thread: an HTTP worker. */
#include "routes.h"

#include <string.h>

static void route_health(web_request *q)
{
    web_session s;
    if (!web_read_session(q, mg_get_header(q->conn, "X-Console-Pass"), &s))
        return;
    web_session_done(&s);
    api_answer answer;
    api_client_health(q->w->api, &answer);
    if (answer.status == 0)
        web_refuse(q, 502, "The api does not answer.");
    else /* 503: it answers that it is not well */
        web_send(q, 200, "application/json", NULL, answer.body, answer.len);
    api_answer_done(&answer);
}

/* The part of a path after this beginning; NULL: it begins otherwise. */
static const char *below(const char *path, const char *begin)
{
    size_t n = strlen(begin);
    return strncmp(path, begin, n) == 0 ? path + n : NULL;
}

void routes_answer(web_request *q)
{
    const char *operation = below(q->path, "/api/");
    if (operation)
        route_call(q, operation);
    else if (strcmp(q->path, "/session") == 0)
        route_session(q);
    else if (strcmp(q->path, "/session/link") == 0)
        route_session_link(q);
    else if (strcmp(q->path, "/health") == 0)
        route_health(q);
    else if (strcmp(q->path, "/live") == 0)
        route_live(q);
    else
        route_asset(q);
}
