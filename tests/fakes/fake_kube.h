/* An API server of Kubernetes for unit tests: it listens on this host without TLS, notes requests,
 * and answers what the test says. No thread: the test serves it in turn with its client. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FAKE_KUBE_ARN "arn:aws:eks:us-east-1:123456789012:cluster/fake"
#define FAKE_KUBE_CONNECTIONS 32
#define FAKE_KUBE_REQUESTS 512

typedef struct fake_kube_request {
    int connection;
    char method[16], target[2048]; /* path and query */
    char *head, *body;
    bool answered;
} fake_kube_request;

typedef struct fake_kube fake_kube;
struct fake_kube {
    char dir[64];  /* with fake.json, the cluster's file */
    char file[96]; /* that file */
    int listener, port;
    int connections[FAKE_KUBE_CONNECTIONS]; /* -1: closed */
    char *unread[FAKE_KUBE_CONNECTIONS];
    size_t n_connections;
    fake_kube_request requests[FAKE_KUBE_REQUESTS];
    size_t n;
    /* Called for each request; NULL: the test answers later. */
    void (*on_request)(fake_kube *f, size_t request, void *arg);
    void *arg;
};

void fake_kube_open(fake_kube *f);
void fake_kube_close(fake_kube *f);
/* Writes the cluster's file; extra: further members of its user, such as "\"token\":\"abc\"". */
void fake_kube_write(fake_kube *f, const char *user);
/* Accepts and reads what is there. Returns how many requests have come so far. */
size_t fake_kube_serve(fake_kube *f);

/* header: lines that each end in \r\n, or "". */
void fake_kube_answer(
    fake_kube *f, size_t request, int status, const char *header, const char *body);
/* A body without an end: status 200, then parts. */
void fake_kube_begin(fake_kube *f, size_t request);
void fake_kube_part(fake_kube *f, size_t request, const char *text, size_t len);
void fake_kube_line(fake_kube *f, size_t request, const char *line); /* and its end of line */
/* The body is whole. */
void fake_kube_end(fake_kube *f, size_t request);
/* The connection breaks. */
void fake_kube_cut(fake_kube *f, size_t request);
/* No new connections, until fake_kube_listen. */
void fake_kube_deafen(fake_kube *f);
void fake_kube_listen(fake_kube *f);
