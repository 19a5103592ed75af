/* Who may see the metrics: whoever has the token in OPENBATCH_METRICS_TOKEN_FILE. They name the
 * queues and environments of all, so no key's policy applies. The file is read for each request:
 * a new token counts at once. Never logs the token. Thread: an HTTP worker. */
#include "metrics_page.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "metrics/metrics_gather.h"
#include "request/api_metrics.h"

#define TOKEN_MIN 16 /* a shorter one could be guessed */

static bool is_page(const exchange *x, ob_metric_page page)
{
    return strcmp(exchange_path(x), ob_metric_page_path(page)) == 0;
}

bool metrics_are_asked(const exchange *x)
{
    return (is_page(x, OB_PAGE_METRICS) || is_page(x, OB_PAGE_SHARES)) &&
           (x->head || strcmp(x->info->request_method, "GET") == 0);
}

/* The token that the request has; NULL: none. */
static const char *bearer(const exchange *x)
{
    static const char scheme[] = "Bearer ";
    const char *text = mg_get_header(x->conn, "Authorization");
    if (!text || strncasecmp(text, scheme, sizeof scheme - 1) != 0)
        return NULL;
    text += sizeof scheme - 1;
    return text + strspn(text, " ");
}

static int refuse(exchange *x, int status, const char *text)
{
    x->type = "text/plain; charset=utf-8";
    ob_series_add(ob_metric_with(&api_metrics[API_SIGNATURE_FAILURES], "MetricsToken"), 1);
    exchange_send(x, status, NULL, text, strlen(text));
    return status;
}

static int show(exchange *x)
{
    ob_buf out = { 0 };
    ob_metric_page page = is_page(x, OB_PAGE_SHARES) ? OB_PAGE_SHARES : OB_PAGE_METRICS;
    bool fits = metrics_gather_in_turn(GATHER_FOR_SCRAPES,
                                       x->w->common->ctx->config->common.run_dir, page, &out);
    if (!fits)
        ob_buf_str(&out, "Too many requests for metrics at a time; try again later.\n");
    x->type = fits ? OB_METRICS_TYPE : "text/plain; charset=utf-8";
    int status = fits ? 200 : 503;
    exchange_send(x, status, NULL, out.at ? out.at : "", out.len);
    ob_buf_done(&out);
    return status;
}

int metrics_answer(exchange *x)
{
    const api_config *config = x->w->common->ctx->config;
    ob_cleanup(ob_freep) char *token = NULL;
    const char *given = bearer(x);
    if (ob_config_read_secret(config->metrics_token_file, &token, NULL) < 0 ||
        strlen(token) < TOKEN_MIN)
        return refuse(x, 403,
                      "OPENBATCH_METRICS_TOKEN_FILE names no file with a token of at least "
                      "16 characters.\n");
    if (!given || strlen(given) != strlen(token) || CRYPTO_memcmp(given, token, strlen(token)) != 0)
        return refuse(x, 401, "The metrics need the bearer token of this copy.\n");
    return show(x);
}
