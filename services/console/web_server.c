/* civetweb with a fixed number of threads, one for each connection; clients that hold a thread
 * without need are cut (ob/clients.h). Owns threads and connections; routes.c answers. Never logs
 * what is asked for. */
#include "web_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ob/json.h"
#include "ob/log.h"
#include "routes.h"

/* A thread has a client's connection, one to the api, and what its HTTP client waits with: an
 * epoll, a timer and libcurl's pair of sockets. */
#define FILES_OF_THREAD 6
#define FILES_OF_OTHERS 128

struct web_server {
    console *c;
    struct mg_context *mg;
    int kept_fd; /* [::1] with our port; -1: none */
};

static int on_request(struct mg_connection *conn)
{
    web_request q;
    web_request_begin(&q, conn, mg_get_thread_pointer(conn));
    if (q.info->num_headers >= MG_MAX_HEADERS) { /* the server drops further headers */
        q.close = true;
        web_refuse(&q, 400, "The request has too many headers.");
    } else if (web_check_host(&q)) {
        routes_answer(&q);
    }
    return 200; /* for the server's own statistics */
}

static void *on_thread(const struct mg_context *mg, int type)
{
    if (type != 1) /* not a worker */
        return NULL;
    web_server *s = mg_get_user_data(mg);
    web_worker *w = ob_calloc(1, sizeof *w);
    ob_error err = { 0 };
    w->c = s->c;
    w->body = ob_calloc(1, WEB_BODY_MAX + 1);
    if (api_client_new(s->c->config->api, &w->api, &err) < 0) {
        ob_errlog("client.failed", "{s:s}", "error", err.text /* ours */);
        abort();
    }
    return w;
}

static void on_thread_end(const struct mg_context *mg, int type, void *thread)
{
    web_worker *w = thread;
    if (!w)
        return;
    api_client_free(w->api);
    free(w->body);
    free(w);
}

static int on_connection(const struct mg_connection *conn, void **data)
{
    const web_server *s = mg_get_user_data(mg_get_context(conn));
    ob_conn *slot = ob_conns_add(s->c->conns);
    ob_conn_waits(s->c->conns, slot, WEB_HEADER_MS);
    *data = slot;
    return 0;
}

static void on_connection_end(const struct mg_connection *conn)
{
    const web_server *s = mg_get_user_data(mg_get_context(conn));
    ob_conn *slot = mg_get_user_connection_data(conn);
    if (!slot)
        return;
    mg_set_user_connection_data(conn, NULL);
    ob_conns_remove(s->c->conns, slot);
}

static int on_log(const struct mg_connection *conn, const char *message)
{
    ob_debug("http.reported", "{s:o}", "text", ob_json_text(message));
    return 1;
}

/* Threads that could not open their files would end the process, or leave connections waiting. */
static int allow_files(int64_t threads, ob_error *err)
{
    const rlim_t needed = (rlim_t)threads * FILES_OF_THREAD + FILES_OF_OTHERS;
    struct rlimit limit = { 0 };
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max < needed)
        return ob_fail(err, EMFILE,
                       "OPENBATCH_CONSOLE_THREADS=%lld needs %llu open files, and this process may "
                       "have %llu",
                       (long long)threads, (unsigned long long)needed,
                       (unsigned long long)limit.rlim_max);
    limit.rlim_cur = needed;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0
               ? 0
               : ob_fail(err, errno, "cannot raise the limit of open files");
}

/* Browsers take ::1 or 127.0.0.1 for "localhost", and whatever had the other one on this host would
 * get the cookies of our pages. civetweb may be without IPv6, so the port is only kept: nothing
 * listens, and browsers go on to 127.0.0.1. */
static int keep_loopback6(const console_config *config, int *ret_fd, ob_error *err)
{
    const struct sockaddr_in6 a = { .sin6_family = AF_INET6,
                                    .sin6_port = htons((uint16_t)config->port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    if (strcmp(config->listen, "127.0.0.1") != 0)
        return 0;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0; /* this host has no IPv6 */
    if (bind(fd, (const struct sockaddr *)&a, sizeof a) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int e = errno;
    (void)close(fd);
    return e == EADDRNOTAVAIL ? 0
                              : ob_fail(err, e, "cannot keep [::1]:%d for \"localhost\": %s",
                                        (int)config->port, strerror(e));
}

static void let_go(web_server *s)
{
    if (s->kept_fd >= 0)
        (void)close(s->kept_fd);
    free(s);
}

int web_server_start(console *c, web_server **ret, ob_error *err)
{
    int r = allow_files(c->config->threads, err);
    if (r < 0)
        return r;
    web_server *s = ob_calloc(1, sizeof *s);
    ob_cleanup(ob_freep) char *threads = ob_strf("%lld", (long long)c->config->threads);
    ob_cleanup(ob_freep) char *place =
        ob_strf("%s:%lld", c->config->listen, (long long)c->config->port);
    const char *options[] = { "listening_ports",
                              place,
                              "num_threads",
                              threads,
                              "enable_keep_alive",
                              "yes",
                              "keep_alive_timeout_ms",
                              "5000",
                              "request_timeout_ms",
                              "2000", /* all headers; each read and write */
                              "tcp_nodelay",
                              "1",
                              "decode_url",
                              "no",
                              NULL };
    const struct mg_callbacks callbacks = { .begin_request = on_request,
                                            .log_message = on_log,
                                            .init_thread = on_thread,
                                            .exit_thread = on_thread_end,
                                            .init_connection = on_connection,
                                            .connection_close = on_connection_end };
    s->c = c;
    s->kept_fd = -1;
    r = keep_loopback6(c->config, &s->kept_fd, err);
    if (r == 0)
        r = ob_conns_new((int)c->config->port, (int)c->config->threads, NULL, &c->conns, err);
    if (r < 0) {
        let_go(s);
        return r;
    }
    (void)mg_init_library(0);
    char text[256] = "";
    struct mg_error_data why = { .text = text, .text_buffer_size = sizeof text };
    struct mg_init_data init = { .callbacks = &callbacks,
                                 .user_data = s,
                                 .configuration_options = options };
    s->mg = mg_start2(&init, &why);
    if (!s->mg) {
        web_server_stop(s);
        return ob_fail(err, EIO, "cannot listen on %s: %s", place, text);
    }
    *ret = s;
    return 0;
}

void web_server_stop(web_server *s)
{
    if (!s)
        return;
    if (s->mg)
        mg_stop(s->mg);
    (void)mg_exit_library();
    ob_conns_free(s->c->conns);
    s->c->conns = NULL;
    let_go(s);
}
