/* Where instances come from: a small table of functions, so that other providers can follow. An
 * instance's id is the client token: a launch of a known id repeats nothing. Calls return soon;
 * what takes longer goes on in tick. Called from the loop thread, never inside a transaction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/catalog.h"
#include "ob/error.h"
#include "ob/id.h"

typedef struct provider provider;

typedef struct provider_launch_spec {
    const char *id;
    const char *token; /* its executor's; NULL: keep what the instance has */
    const char *ce_name;
    const ob_instance_type *type;
    bool spot;
} provider_launch_spec;

typedef struct provider_room {
    bool limited; /* false: its end is not known */
    int32_t vcpus, vcpus_left, vcpus_ending;
    int64_t mem_mib, mem_left, mem_ending;
} provider_room;

typedef struct provider_ops {
    /* Starts an instance, or makes sure that it runs. Errors: -ENOSPC (no capacity; nothing is
     * left behind), others: ask again. */
    int (*launch)(provider *p, const provider_launch_spec *spec, ob_error *err);
    /* Begins to end an instance; unknown ids are fine. graceful: its executor may finish; otherwise
     * it is killed. Either way no container of it stays. */
    void (*terminate)(provider *p, const char *id, bool graceful);
    /* Does it have the instance, complete, so that a launch needs no new token? */
    bool (*has)(provider *p, const char *id);
    /* Calls fn for each instance that is not ending. */
    void (*list)(provider *p, void (*fn)(const char *id, void *arg), void *arg);
    /* Makes sure that what should run does; goes on with what is ending. Every some 100 ms.
     * Returns true when room has come free. */
    bool (*tick)(provider *p);
    /* Is something ending that wants a tick soon? */
    bool (*busy)(const provider *p);
    void (*room)(provider *p, provider_room *ret);
    /* Could it ever launch this type? */
    bool (*offers)(provider *p, const ob_instance_type *type);
    /* Why no more can be had, as a reason for people. */
    void (*lacking)(provider *p, char *out, size_t size);
    void (*free)(provider *p);
} provider_ops;

struct provider {
    const provider_ops *ops;
};

typedef struct provider_local_config {
    const char *home;
    const char *run_dir;
    const char *executor; /* path of openbatch-executor */
    int32_t vcpus;        /* capacity; 0: by this host's size */
    int64_t mem_mib;
    const char *kafka_password_file; /* executors' own; NULL: no SASL */
} provider_local_config;

/* Executors on this host, each under a runsv of its own, posing as instances. */
int provider_local_new(const provider_local_config *config, provider **ret, ob_error *err);
