/* A load generator: submits N jobs over C keep-alive connections, signed by libcurl, and prints how
 * long it took. A Python client needs a millisecond a call, so it would measure itself. One thread,
 * libcurl's multi interface.
 *
 * usage: load COUNT CONNECTIONS QUEUE DEFINITION, with the variables that `openbatch env`
 * prints. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS_MAX 256

typedef struct slot {
    CURL *curl;
    char body[512];
    struct timespec begin;
} slot;

typedef struct load {
    CURLM *multi;
    struct curl_slist *headers;
    slot slots[CONNECTIONS_MAX];
    long count, sent, done, failed;
    const char *queue, *definition;
    double *latency_ms;
} load;

static double ms_since(const struct timespec *begin)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) * 1e3 +
           (double)(now.tv_nsec - begin->tv_nsec) / 1e6;
}

static size_t drop(char *data, size_t size, size_t n, void *arg)
{
    (void)data;
    (void)arg;
    return size * n;
}

static const char *need(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0') {
        fprintf(stderr, "load: %s is not set; eval \"$(./openbatch env)\" first\n", name);
        exit(2);
    }
    return value;
}

static void slot_init(load *l, slot *s)
{
    char url[512], user[256], sigv4[128];
    snprintf(url, sizeof(url), "%s/v1/submitjob", need("AWS_ENDPOINT_URL_BATCH"));
    snprintf(user, sizeof(user), "%s:%s", need("AWS_ACCESS_KEY_ID"), need("AWS_SECRET_ACCESS_KEY"));
    snprintf(sigv4, sizeof(sigv4), "aws:amz:%s:batch", need("AWS_REGION"));
    s->curl = curl_easy_init();
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_USERPWD, user);
    curl_easy_setopt(s->curl, CURLOPT_AWS_SIGV4, sigv4);
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, l->headers);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(s->curl, CURLOPT_PRIVATE, s);
    curl_easy_setopt(s->curl, CURLOPT_TCP_NODELAY, 1L);
}

static void slot_send(load *l, slot *s)
{
    snprintf(s->body, sizeof(s->body),
             "{\"jobName\":\"load-%ld\",\"jobQueue\":\"%s\",\"jobDefinition\":\"%s\"}", l->sent++,
             l->queue, l->definition);
    curl_easy_setopt(s->curl, CURLOPT_POSTFIELDS, s->body);
    clock_gettime(CLOCK_MONOTONIC, &s->begin);
    curl_multi_add_handle(l->multi, s->curl);
}

static void take_finished(load *l)
{
    int left;
    for (CURLMsg *msg; (msg = curl_multi_info_read(l->multi, &left)) != NULL;) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        slot *s = NULL;
        long status = 0;
        CURLcode result = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &s);
        curl_easy_getinfo(msg->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        l->latency_ms[l->done++] = ms_since(&s->begin);
        if (result != CURLE_OK || status != 200)
            l->failed++;
        curl_multi_remove_handle(l->multi, s->curl);
        if (l->sent < l->count)
            slot_send(l, s);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: load COUNT CONNECTIONS QUEUE DEFINITION\n");
        return 2;
    }
    load l = { .count = atol(argv[1]), .queue = argv[3], .definition = argv[4] };
    long connections = atol(argv[2]);
    if (l.count < 1 || connections < 1 || connections > CONNECTIONS_MAX)
        return 2;
    if (connections > l.count)
        connections = l.count;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    l.multi = curl_multi_init();
    l.latency_ms = calloc((size_t)l.count, sizeof(double));
    l.headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < connections; i++) {
        slot_init(&l, &l.slots[i]);
        slot_send(&l, &l.slots[i]);
    }
    for (int running = 1; l.done < l.count;) {
        curl_multi_perform(l.multi, &running);
        take_finished(&l);
        curl_multi_poll(l.multi, NULL, 0, 100, NULL);
    }
    double ms = ms_since(&begin);
    qsort(l.latency_ms, (size_t)l.done, sizeof(double), by_size);
    printf(
        "{\"jobs\": %ld, \"failed\": %ld, \"seconds\": %.3f, \"perSecond\": %.0f, \"p50ms\": %.2f, "
        "\"p99ms\": %.2f}\n",
        l.done, l.failed, ms / 1e3, (double)l.done / ms * 1e3, l.latency_ms[l.done / 2],
        l.latency_ms[l.done * 99 / 100]);
    for (long i = 0; i < connections; i++)
        curl_easy_cleanup(l.slots[i].curl);
    curl_slist_free_all(l.headers);
    curl_multi_cleanup(l.multi);
    free(l.latency_ms);
    return l.failed == 0 ? 0 : 1;
}
