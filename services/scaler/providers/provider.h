/* Where instances come from: a small table of functions, so that other providers can follow. An
 * instance's id is the client token: launching a known id repeats nothing. Everything that a
 * provider creates has the id (directory, container name, tag), so that list finds it again. Calls
 * return soon: longer work, even minutes of an API, continues in tick and is reported through 'on'.
 * Called from the loop thread, never inside a transaction. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/catalog.h"
#include "ob/config.h"
#include "ob/error.h"
#include "ob/id.h"

typedef struct provider provider;

#define PROVIDER_FARGATE "fargate" /* type of an instance that has exactly the size of its job */
/* Instances of unmanaged environments: they use none of a provider's capacity. */
#define PROVIDER_UNMANAGED_LOCAL "unmanaged.local" /* an executor of this host, launched */
#define PROVIDER_JOINED "unmanaged"                /* started by hand: no provider has it */
#define PROVIDER_KUBERNETES "kubernetes"           /* a node of a cluster */

/* One more setting of an executor. */
typedef struct provider_setting {
    const char *name, *value;
} provider_setting;

typedef struct provider_launch_spec {
    const char *id;
    const char *token; /* its executor's; NULL: keep what the instance has */
    const char *ce_name;
    const char *type; /* m5.large, or PROVIDER_FARGATE */
    ob_arch arch;
    ob_resources size; /* nominal */
    bool spot;
    const provider_setting *more; /* settings of an executor on this host; NULL: none */
    size_t n_more;
    const json_t *resources; /* computeResources of its environment (subnets, tags, launchTemplate,
                                ...), borrowed; NULL: the environment is gone */
} provider_launch_spec;

/* Nominal, in thousandths of a vCPU and MiB. */
typedef struct provider_room {
    bool limited; /* false: its end is not known */
    int64_t mcpu, mcpu_left, mcpu_ending;
    int64_t mem_mib, mem_left, mem_ending;
} provider_room;

/* Later reports. The provider's functions call these, so they only record the report. */
typedef struct provider_sink {
    /* The provider has this instance, and it is not ending. Reported when an accepted launch has
     * succeeded, and for all instances by list. */
    void (*found)(const char *id, void *arg);
    /* An accepted launch failed and left nothing behind; r as launch returns it */
    void (*failed)(const char *id, int r, const char *text, void *arg);
    /* An instance ended without an order. */
    void (*gone)(const char *id, const char *text, void *arg);
    void *arg;
} provider_sink;

typedef struct provider_ops {
    /* Starts an instance, or makes sure that it runs or is on its way. Errors: -ENOSPC (no capacity
     * for this type now), -EINVAL (this environment can never have it; the text says why); both
     * leave nothing behind. Others: ask again. */
    int (*launch)(provider *p, const provider_launch_spec *spec, ob_error *err);
    /* Starts to end an instance; unknown ids are allowed. graceful: its executor may finish;
     * otherwise it is killed. In both cases no container of it is left. */
    void (*terminate)(provider *p, const char *id, bool graceful);
    /* Gives an instance its Spot notice: its executor reports it on batch.executions. Errors:
     * -ENOENT */
    int (*interrupt)(provider *p, const char *id, ob_error *err);
    /* Does it have the complete instance, so that a launch needs no new token? 1, 0, or -EAGAIN:
     * not known yet. */
    int (*has)(provider *p, const char *id);
    /* Looks for all its instances, including those of other processes: on.found, now or later. */
    void (*list)(provider *p);
    /* Makes sure that the instances run; advances work in progress. Call it about every 100 ms.
     * Returns true if capacity has become free. */
    bool (*tick)(provider *p);
    /* Is there work in progress that needs a tick soon? */
    bool (*busy)(const provider *p);
    void (*room)(provider *p, provider_room *ret);
    /* Why it could never launch instances of this architecture, as a clause ("this host is
     * x86_64"); NULL: it could. */
    const char *(*refuses)(provider *p, ob_arch arch);
    /* Why no instance of this type (nominal size) can be had now, as a reason for people. */
    void (*lacking)(
        provider *p, const char *type, const ob_resources *nominal, char *out, size_t size);
    const char *name;    /* for people: "the local provider" */
    int64_t register_ms; /* the time within which its instances register, unless set otherwise */
    void (*free)(provider *p);
} provider_ops;

/* Is an instance of that nominal size impossible because the whole provider is smaller */
bool provider_too_small(const provider_room *room, const ob_resources *nominal);
/* The needs of a launch, the available capacity and what is missing: "m5.2xlarge needs 8 vCPUs and
 * 32768 MiB; the local provider has 2 of 8 vCPUs and 4096 of 32768 MiB left: not enough vCPUs and
 * memory". ever: compares with the provider's whole capacity, in use or not. */
void provider_room_text(const provider *p,
                        const provider_room *room,
                        const char *type,
                        const ob_resources *nominal,
                        bool ever,
                        char *out,
                        size_t size);

struct provider {
    const provider_ops *ops;
    provider_sink on; /* set by its user before the first call */
};

/* This copy's settings for every provider. */
typedef struct provider_context {
    const char *home;
    const char *run_dir;
    const char *kafka_password_file; /* executors' own; NULL: no SASL */
} provider_context;

/* A kind of provider: 'provider_<name>' in its folder, and its name in meson.build. */
typedef struct provider_kind {
    const char *name;  /* as OPENBATCH_PROVIDER has it */
    const char *about; /* for people: "executors on this host" */
    bool on_this_host; /* its executors run here: it launches executors for unmanaged environments
                          and gives Spot notices on request */
    const provider_ops *ops;
    const ob_config_field *settings; /* offsets in a struct of its own, of this size */
    size_t settings_size;
    /* 'settings' and 'context' are borrowed for the call. */
    int (*make)(const void *settings,
                const provider_context *context,
                provider **ret,
                ob_error *err);
} provider_kind;
