/* A load generator: posts requests over C keep-alive connections, signed by libcurl, and prints how
 * long that took as one JSON object. A Python client needs a millisecond a call, so it would
 * measure itself. One thread, libcurl's multi interface. Like an SDK it sends an invocation id with
 * each request, so the api keeps what makes a repetition harmless.
 *
 * usage: load [OPTION]... COUNT CONNECTIONS QUEUE DEFINITION    submits jobs
 *        load [OPTION]... -p PATH -b BODY COUNT CONNECTIONS     posts this body
 *   -t SECONDS   stop after that time, even if COUNT is not reached
 *   -a SIZE      the jobs are arrays of that size
 *   -e MS        begin a request every MS milliseconds, not as soon as a connection is free
 *   -v           print a line for each answer: job id, wall time of sending, milliseconds
 *
 * It needs the variables that `openbatch env` prints. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define ANSWER_MAX 512 /* of each answer, this much is kept */

typedef struct slot {
    CURL *curl;
    struct curl_slist *headers;
    char body[1024];
    char answer[ANSWER_MAX];
    size_t answer_len;
    double sent_at; /* wall time, seconds since the epoch */
    struct timespec begin;
    bool busy;
} slot;

typedef struct load {
    CURLM *multi;
    slot slots[CONNECTIONS_MAX];
    long count, connections, sent, done, failed;
    double seconds, every_ms; /* 0: no limit; as fast as the connections allow */
    long array_size;
    bool verbose;
    const char *queue, *definition, *path, *body;
    struct timespec begin;
    double *latency_ms;
    size_t latencies, latencies_max;
    char failure[ANSWER_MAX + 64]; /* the first */
} load;

static double ms_since(const struct timespec *begin)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) * 1e3 +
           (double)(now.tv_nsec - begin->tv_nsec) / 1e6;
}

static size_t keep(char *data, size_t size, size_t n, void *arg)
{
    slot *s = arg;
    size_t len = size * n, space = sizeof(s->answer) - 1 - s->answer_len;
    memcpy(s->answer + s->answer_len, data, len < space ? len : space);
    s->answer_len += len < space ? len : space;
    s->answer[s->answer_len] = '\0';
    return len;
}

static const char *need(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0') {
        (void)fprintf(stderr, "load: %s is not set; eval \"$(./openbatch env)\" first\n", name);
        exit(2);
    }
    return value;
}

static void slot_init(const load *l, slot *s)
{
    char url[512], user[256], sigv4[128];
    (void)snprintf(url, sizeof(url), "%s%s", need("AWS_ENDPOINT_URL_BATCH"), l->path);
    (void)snprintf(user, sizeof(user), "%s:%s", need("AWS_ACCESS_KEY_ID"),
                   need("AWS_SECRET_ACCESS_KEY"));
    (void)snprintf(sigv4, sizeof(sigv4), "aws:amz:%s:batch", need("AWS_REGION"));
    s->curl = curl_easy_init();
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_USERPWD, user);
    curl_easy_setopt(s->curl, CURLOPT_AWS_SIGV4, sigv4);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->curl, CURLOPT_PRIVATE, s);
    curl_easy_setopt(s->curl, CURLOPT_TCP_NODELAY, 1L);
}

static void new_headers(const load *l, slot *s)
{
    char header[96];
    curl_slist_free_all(s->headers);
    (void)snprintf(header, sizeof(header), "amz-sdk-invocation-id: %08lx-%04x-4000-8000-%012lx",
                   (long)l->begin.tv_nsec, (unsigned)getpid() & 0xffff, l->sent);
    s->headers = curl_slist_append(NULL, "Content-Type: application/json");
    s->headers = curl_slist_append(s->headers, header);
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers);
}

static void slot_send(load *l, slot *s)
{
    char array[64] = "";
    struct timespec now;
    if (l->array_size > 0)
        (void)snprintf(array, sizeof(array), ",\"arrayProperties\":{\"size\":%ld}", l->array_size);
    new_headers(l, s);
    if (l->body != NULL)
        (void)snprintf(s->body, sizeof(s->body), "%s", l->body);
    else
        (void)snprintf(s->body, sizeof(s->body),
                       "{\"jobName\":\"load-%ld\",\"jobQueue\":\"%s\",\"jobDefinition\":\"%s\"%s}",
                       l->sent, l->queue, l->definition, array);
    l->sent++;
    s->busy = true;
    s->answer_len = 0;
    s->answer[0] = '\0';
    curl_easy_setopt(s->curl, CURLOPT_POSTFIELDS, s->body);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    s->sent_at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    (void)clock_gettime(CLOCK_MONOTONIC, &s->begin);
    curl_multi_add_handle(l->multi, s->curl);
}

/* Is the last request sent? */
static bool is_all_sent(const load *l)
{
    return l->sent >= l->count || (l->seconds > 0 && ms_since(&l->begin) >= l->seconds * 1e3);
}

/* May another request begin now? */
static bool is_due(const load *l)
{
    return !is_all_sent(l) &&
           (l->every_ms <= 0 || ms_since(&l->begin) >= (double)l->sent * l->every_ms);
}

static void send_due(load *l)
{
    for (long i = 0; i < l->connections && is_due(l); i++)
        if (!l->slots[i].busy)
            slot_send(l, &l->slots[i]);
}

static void add_latency(load *l, double ms)
{
    if (l->latencies == l->latencies_max) {
        l->latencies_max = l->latencies_max ? l->latencies_max * 2 : 4096;
        l->latency_ms = realloc(l->latency_ms, l->latencies_max * sizeof(double));
        if (l->latency_ms == NULL)
            abort();
    }
    l->latency_ms[l->latencies++] = ms;
}

static void print_answer(const slot *s, double ms)
{
    const char *id = strstr(s->answer, "\"jobId\":\"");
    (void)printf("{\"jobId\": \"%.36s\", \"sentAt\": %.6f, \"ms\": %.3f}\n", id ? id + 9 : "",
                 s->sent_at, ms);
}

static void take_finished(load *l)
{
    int left;
    for (const CURLMsg *msg; (msg = curl_multi_info_read(l->multi, &left)) != NULL;) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        slot *s = NULL;
        long status = 0;
        CURLcode result = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &s);
        curl_easy_getinfo(msg->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        double ms = ms_since(&s->begin);
        add_latency(l, ms);
        if ((result != CURLE_OK || status != 200) && l->failed++ == 0)
            (void)snprintf(l->failure, sizeof(l->failure), "%ld %s %s", status,
                           curl_easy_strerror(result), s->answer);
        if (l->verbose)
            print_answer(s, ms);
        l->done++;
        s->busy = false;
        curl_multi_remove_handle(l->multi, s->curl);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const load *l, double part)
{
    size_t at = (size_t)((double)l->latencies * part);
    return l->latencies ? l->latency_ms[at < l->latencies ? at : l->latencies - 1] : 0;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: load [-t SECONDS] [-a SIZE] [-e MS] [-v] COUNT CONNECTIONS"
                          " (QUEUE DEFINITION | -p PATH -b BODY)\n");
    return 2;
}

static bool read_arguments(load *l, int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "t:a:e:vp:b:")) != -1;) {
        switch (c) {
        case 't':
            l->seconds = atof(optarg);
            break;
        case 'a':
            l->array_size = atol(optarg);
            break;
        case 'e':
            l->every_ms = atof(optarg);
            break;
        case 'v':
            l->verbose = true;
            break;
        case 'p':
            l->path = optarg;
            break;
        case 'b':
            l->body = optarg;
            break;
        default:
            return false;
        }
    }
    if (argc - optind != (l->body ? 2 : 4))
        return false;
    l->count = atol(argv[optind]);
    l->connections = atol(argv[optind + 1]);
    if (l->count < 1 || l->connections < 1 || l->connections > CONNECTIONS_MAX)
        return false;
    if (l->body)
        return strlen(l->body) < sizeof(l->slots[0].body);
    l->queue = argv[optind + 2];
    l->definition = argv[optind + 3];
    return true;
}

static void print_figures(load *l)
{
    struct rusage used;
    double ms = ms_since(&l->begin);
    (void)getrusage(RUSAGE_SELF, &used);
    qsort(l->latency_ms, l->latencies, sizeof(double), by_size);
    (void)printf("{\"jobs\": %ld, \"failed\": %ld, \"seconds\": %.3f, \"perSecond\": %.1f, "
                 "\"p50ms\": %.2f, \"p99ms\": %.2f, \"cpuUs\": %.2f}\n",
                 l->done, l->failed, ms / 1e3, (double)l->done / ms * 1e3, quantile(l, 0.5),
                 quantile(l, 0.99),
                 (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    if (l->failed)
        (void)fprintf(stderr, "load: %ld of %ld failed: %s\n", l->failed, l->done, l->failure);
}

int main(int argc, char **argv)
{
    static load l = { .path = "/v1/submitjob" };
    if (!read_arguments(&l, argc, argv))
        return usage();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    l.multi = curl_multi_init();
    for (long i = 0; i < l.connections; i++)
        slot_init(&l, &l.slots[i]);
    (void)clock_gettime(CLOCK_MONOTONIC, &l.begin);
    while (l.done < l.sent || !is_all_sent(&l)) {
        int running;
        send_due(&l);
        curl_multi_perform(l.multi, &running);
        take_finished(&l);
        curl_multi_poll(l.multi, NULL, 0, l.every_ms > 0 || l.done == l.sent ? 1 : 100, NULL);
    }
    print_figures(&l);
    for (long i = 0; i < l.connections; i++) {
        curl_easy_cleanup(l.slots[i].curl);
        curl_slist_free_all(l.slots[i].headers);
    }
    curl_multi_cleanup(l.multi);
    free(l.latency_ms);
    return l.failed == 0 ? 0 : 1;
}
