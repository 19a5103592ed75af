/* Asks the other services of this host for their metrics. They are found by their sockets, so that
 * a service that is added needs no setting. Owns no socket beyond a call.
 *
 * Invariant: each series is shown once, so of the processes of one service one is shown; whoever
 * can write into the folder is trusted: it is of mode 0700. */
#include "metrics_gather.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "metrics_merge.h"
#include "ob/clock.h"
#include "request/api_metrics.h"

#define STEP_S 2
#define SERVICE_MS 5000
#define PAGE_MAX (64u << 20)
#define SERVICES_MAX 16
#define AT_A_TIME 4

static int connect_to(const char *run_dir, const char *file)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct timeval limit = { .tv_sec = STEP_S };
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", run_dir, file);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* of connect(2) too */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (n > 0 && (size_t)n < sizeof address.sun_path &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* To the end of the answer, which comes when the service closes. The stack of an HTTP worker is
 * small (100 KiB, civetweb's own choice). */
static bool read_all(int fd, ob_buf *out)
{
    char part[8192];
    int64_t until_ms = ob_mono_ms() + SERVICE_MS;
    for (;;) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return true;
        if (n < 0 || out->len + (size_t)n > PAGE_MAX || ob_mono_ms() > until_ms)
            return false;
        ob_buf_add(out, part, (size_t)n);
    }
}

/* The body of a whole answer with status 200, or NULL. */
static const char *body_of(const ob_buf *answer)
{
    static const char ok[] = "HTTP/1.0 200 ", length[] = "Content-Length: ";
    if (!answer->at || strncmp(answer->at, ok, sizeof ok - 1) != 0)
        return NULL;
    const char *end = strstr(answer->at, "\r\n\r\n"), *len = strstr(answer->at, length);
    if (!end || !len || len > end)
        return NULL;
    const char *body = end + 4;
    size_t has = answer->len - (size_t)(body - answer->at);
    return strtoull(len + sizeof length - 1, NULL, 10) == has ? body : NULL;
}

/* What one process said. Of several of one service, a leader and those who stand by, one is shown:
 * their series would be the same. */
typedef struct answer {
    char *service;
    ob_buf whole;
    const char *body; /* within it; NULL: it did not answer */
    bool leads;
} answer;

typedef struct answers {
    answer at[SERVICES_MAX];
    size_t n;
} answers;

static bool says_it_leads(const char *body, const char *service)
{
    ob_cleanup(ob_freep) char *line = ob_strf("\nopenbatch_leader{role=\"%s\"} 1\n", service);
    return strstr(body, line) != NULL;
}

/* Appends its answer; service: new. */
static void
ask(answers *all, const char *folder, const char *file, char *service, ob_metric_page page)
{
    ob_buf request = { 0 };
    answer *a = &all->at[all->n++];
    *a = (answer){ .service = service };
    int fd = connect_to(folder, file);
    if (fd < 0)
        return;
    ob_buf_addf(&request, "GET %s HTTP/1.0\r\n\r\n", ob_metric_page_path(page));
    if (send(fd, request.at, request.len, MSG_NOSIGNAL) == (ssize_t)request.len &&
        read_all(fd, &a->whole))
        a->body = body_of(&a->whole);
    a->leads = a->body && says_it_leads(a->body, service);
    (void)close(fd);
    ob_buf_done(&request);
}

/* "scheduler.metrics": "scheduler", new; NULL: not a socket for metrics. */
static char *service_of(const char *file)
{
    size_t len = strlen(file), suffix = strlen(OB_METRICS_SUFFIX);
    bool is_one = len > suffix && strcmp(file + len - suffix, OB_METRICS_SUFFIX) == 0;
    return is_one ? ob_strf("%.*s", (int)(len - suffix), file) : NULL;
}

/* Those of a folder, and of the folders in it, where a composed copy has its standby. */
static void ask_folder(answers *all, const char *folder, ob_metric_page page, bool deeper)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir)) && all->n < SERVICES_MAX;) {
        char *service = service_of(entry->d_name);
        if (service) {
            ask(all, folder, entry->d_name, service, page);
        } else if (deeper && entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            ob_cleanup(ob_freep) char *inner = ob_strf("%s/%s", folder, entry->d_name);
            ask_folder(all, inner, page, false);
        }
    }
    if (dir)
        (void)closedir(dir);
}

/* Is another process's answer to be shown in its place? */
static bool is_passed_over(const answers *all, size_t i)
{
    const answer *a = &all->at[i];
    for (size_t k = 0; k < all->n; k++) {
        const answer *other = &all->at[k];
        if (k == i || strcmp(other->service, a->service) != 0)
            continue;
        if (other->leads != a->leads   ? other->leads
            : !other->body != !a->body ? other->body != NULL
                                       : k < i)
            return true;
    }
    return false;
}

static void take_answers(const answers *all, ob_metric_page page, metrics_merge *merge)
{
    for (size_t i = 0; i < all->n; i++) {
        const answer *a = &all->at[i];
        if (page == OB_PAGE_METRICS && is_passed_over(all, i))
            continue; /* who stands by has no shares */
        if (a->body)
            metrics_merge_add(merge, a->body, a->whole.len - (size_t)(a->body - a->whole.at));
        if (page == OB_PAGE_METRICS)
            ob_metric_put(&api_metrics[API_SERVICE_UP], a->body != NULL, a->service);
    }
    if (page == OB_PAGE_METRICS)
        ob_metric_sweep(&api_metrics[API_SERVICE_UP]);
}

static void ask_all(const char *run_dir, ob_metric_page page, metrics_merge *merge)
{
    answers all = { 0 };
    ask_folder(&all, run_dir, page, true);
    take_answers(&all, page, merge);
    for (size_t i = 0; i < all.n; i++) {
        ob_buf_done(&all.at[i].whole);
        free(all.at[i].service);
    }
}

void metrics_gather(const char *run_dir, ob_metric_page page, ob_buf *out)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* because of the sweep */
    metrics_merge *all = metrics_merge_new();
    ob_buf own = { 0 };
    (void)pthread_mutex_lock(&one_at_a_time);
    ask_all(run_dir, page, all);
    ob_metrics_show(page, &own);
    (void)pthread_mutex_unlock(&one_at_a_time);
    if (own.len > 0)
        metrics_merge_add(all, own.at, own.len);
    metrics_merge_show(all, out);
    ob_buf_done(&own);
    metrics_merge_free(all);
}

bool metrics_gather_in_turn(gather_for kind, const char *run_dir, ob_metric_page page, ob_buf *out)
{
    static atomic_int asked[GATHER_FOR_PAGES + 1];
    static const int places[] = { [GATHER_FOR_SCRAPES] = AT_A_TIME, [GATHER_FOR_PAGES] = 1 };
    bool fits = atomic_fetch_add(&asked[kind], 1) < places[kind];
    if (fits)
        metrics_gather(run_dir, page, out);
    (void)atomic_fetch_sub(&asked[kind], 1);
    return fits;
}
