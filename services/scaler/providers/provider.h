/* Where instances come from: a small table of functions, so that other providers can follow. An
 * instance's id is the client token: a launch of a known id repeats nothing; whatever a provider
 * makes carries the id (directory, container name, tag), so that list finds it again. Calls return
 * soon, whatever an API behind them takes: what lasts longer, minutes even, goes on in tick and is
 * told through 'on'. Called from the loop thread, never inside a transaction. */
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
/* Of unmanaged environments: they take none of a provider's room. */
#define PROVIDER_UNMANAGED_LOCAL "unmanaged.local" /* an executor of this host, launched */
#define PROVIDER_JOINED "unmanaged"                /* started by hand: no provider has it */

typedef struct provider_launch_spec {
    const char *id;
    const char *token; /* its executor's; NULL: keep what the instance has */
    const char *ce_name;
    const char *type; /* m5.large, or PROVIDER_FARGATE */
    ob_arch arch;
    ob_resources size; /* nominal */
    bool spot;
    const json_t *resources; /* computeResources of its environment (subnets, tags, launchTemplate,
                                ...), borrowed; NULL: the environment is gone */
} provider_launch_spec;

/* Nominal, in thousandths of a vCPU and MiB. */
typedef struct provider_room {
    bool limited; /* false: its end is not known */
    int64_t mcpu, mcpu_left, mcpu_ending;
    int64_t mem_mib, mem_left, mem_ending;
} provider_room;

/* What is learned later. Called from within the provider's functions; these only note it. */
typedef struct provider_sink {
    /* It has this instance, which is not ending. Told when a launch that was only taken on has come
     * to one, and of all by list. */
    void (*found)(const char *id, void *arg);
    /* A launch that was taken on came to nothing and left nothing behind; r as launch returns it.
     */
    void (*failed)(const char *id, int r, const char *text, void *arg);
    /* An instance is gone that nobody asked to end. */
    void (*gone)(const char *id, const char *text, void *arg);
    void *arg;
} provider_sink;

typedef struct provider_ops {
    /* Starts an instance, or makes sure that it runs or is on its way. Errors: -ENOSPC (no capacity
     * for this type now), -EINVAL (this environment can never have it; the text says why); both
     * leave nothing behind. Others: ask again. */
    int (*launch)(provider *p, const provider_launch_spec *spec, ob_error *err);
    /* Begins to end an instance; unknown ids are fine. graceful: its executor may finish; otherwise
     * it is killed. Either way no container of it stays. */
    void (*terminate)(provider *p, const char *id, bool graceful);
    /* Gives an instance its Spot notice: its executor says so on batch.executions. Errors: -ENOENT.
     */
    int (*interrupt)(provider *p, const char *id, ob_error *err);
    /* Does it have the instance, complete, so that a launch needs no new token? 1, 0, or -EAGAIN:
     * not known yet. */
    int (*has)(provider *p, const char *id);
    /* Looks for all instances that it has, also those that another process launched: on.found, now
     * or later. */
    void (*list)(provider *p);
    /* Makes sure that what should run does; goes on with what is under way. Every some 100 ms.
     * Returns true when room has come free. */
    bool (*tick)(provider *p);
    /* Is something under way that wants a tick soon? */
    bool (*busy)(const provider *p);
    void (*room)(provider *p, provider_room *ret);
    /* Why it could never launch instances of this architecture, as a clause ("this host is
     * x86_64"); NULL: it could. */
    const char *(*refuses)(provider *p, ob_arch arch);
    /* Why no instance of this type (nominal size) can be had now, as a reason for people. */
    void (*lacking)(
        provider *p, const char *type, const ob_resources *nominal, char *out, size_t size);
    const char *name;    /* for people: "the local provider" */
    int64_t register_ms; /* its instances have registered after so long, unless set otherwise */
    void (*free)(provider *p);
} provider_ops;

/* Could an instance of that nominal size never be launched, as the provider as a whole is smaller?
 */
bool provider_too_small(const provider_room *room, const ob_resources *nominal);
/* What a launch needs, what is there, and which of them lacks: "m5.2xlarge needs 8 vCPUs and 32768
 * MiB; the local provider has 2 of 8 vCPUs and 4096 of 32768 MiB left: not enough vCPUs and
 * memory". ever: all that the provider has counts, in use or not. */
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

/* What every provider is told of this copy. */
typedef struct provider_context {
    const char *home;
    const char *run_dir;
    const char *kafka_password_file; /* executors' own; NULL: no SASL */
} provider_context;

/* A kind of provider: 'provider_<name>' in its folder, and its name in meson.build. */
typedef struct provider_kind {
    const char *name;  /* as OPENBATCH_PROVIDER has it */
    const char *about; /* for people: "executors on this host" */
    bool on_this_host; /* its executors run here: it takes unmanaged environments', and gives Spot
                          notices when it is told to */
    const provider_ops *ops;
    const ob_config_field *settings; /* offsets in a struct of its own, of this size */
    size_t settings_size;
    /* 'settings' and 'context' are borrowed for the call. */
    int (*make)(const void *settings,
                const provider_context *context,
                provider **ret,
                ob_error *err);
} provider_kind;
