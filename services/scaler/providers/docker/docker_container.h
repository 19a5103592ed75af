/* Executors' containers on an engine: the docker provider's calls, one after the other for each
 * instance, without waiting. Loop thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "ob/docker.h"
#include "ob/http.h"
#include "providers/host_size.h"
#include "providers/instance_dir.h"

#define DOCKER_AGAIN_MS 1000 /* after a call that failed */

typedef enum phase {
    PHASE_STARTING, /* its container is to be made, or started */
    PHASE_RUNNING,
    PHASE_STOPPING,
    PHASE_PURGING, /* its jobs' containers are being removed; it uses no capacity any more */
} phase;

typedef struct docker_instance {
    char id[OB_INSTANCE_TEXT];
    ob_resources size; /* nominal */
    phase phase;
    bool asked; /* a call for it is under way */
    bool kill;  /* no grace */
    int64_t next_ms;
    UT_hash_handle hh;
} docker_instance;

typedef struct docker {
    provider base; /* first */
    host_size size;
    instance_dir_config dirs;
    ob_http *http;
    char *home, *run_dir, *password_file, *image;
    char *engine;                          /* path of its socket, here */
    char *network, *mount, *socket, *copy; /* for executors; by the engine's names */
    json_t *shared;                        /* binds of what executors read, too */
    char *project;                         /* of compose, that has made this one; NULL: none */
    char api[OB_DOCKER_API_TEXT];          /* that the engine speaks; empty: not asked yet */
    char self[256];                        /* host name: of a container, its id */
    bool placed;                           /* network, mount and copy are known */
    bool looking, placing;
    bool looked; /* once since it is placed */
    int64_t look_at_ms, place_at_ms;
    docker_instance *instances;
    int removed;
    bool freed; /* capacity has become free since the last tick */
} docker;

/* Data for a reply; the instance may be gone by then. */
typedef struct docker_asked {
    docker *d;
    char id[OB_INSTANCE_TEXT];
} docker_asked;

docker_instance *docker_find(const docker *d, const char *id);
void docker_forget(docker *d, docker_instance *in);

/* Sends a call for an instance ("": for none); its reply's arg is a docker_asked. 'body' may be
 * NULL. */
__attribute__((format(printf, 7, 8))) void docker_ask(docker *d,
                                                      ob_point point,
                                                      const char *id,
                                                      const char *method,
                                                      const json_t *body,
                                                      ob_http_on_reply on_reply,
                                                      const char *fmt,
                                                      ...);
/* The filter of a listing, ready for a URL. */
void docker_label_filter(char *out, size_t size, const char *label, const char *value);
/* Has it succeeded? Logs a failure. */
bool docker_good(const ob_http_reply *reply, const char *what, const char *id);

/* Removes the container of a job of an instance. */
void docker_remove_job(docker *d, const char *container, const char *instance);

/* Finds the engine's version of the API, and the network and volumes for executors. d->placed tells
 * when it is done. */
void docker_place(docker *d);

/* Creates its container, or uses the existing one, and starts it: PHASE_RUNNING. */
void docker_make(docker *d, docker_instance *in);
/* Stops its container: PHASE_PURGING. */
void docker_stop(docker *d, docker_instance *in);
/* Removes the containers of its jobs, its own container and its directory, then drops it. */
void docker_purge(docker *d, docker_instance *in);
