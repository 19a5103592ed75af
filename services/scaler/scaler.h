/* Shared by the scaler's files: the state in memory. All of it belongs to the loop thread.
 * PostgreSQL is the truth; this is the known part of it, loaded when leading begins. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "ce_usage.h"
#include "counters.h"
#include "decide/decide_types.h"
#include "instance_state.h"
#include "listening.h"
#include "ob/bus.h"
#include "ob/catalog.h"
#include "ob/id.h"
#include "ob/lead.h"
#include "ob/seal.h"
#include "providers/kubernetes/kube_environment.h"
#include "providers/provider.h"
#include "scaler_settings.h"

#define SCALER_NAME "scaler"

/* A type of which the provider had no instance. */
typedef struct type_refusals {
    int64_t until_ms; /* asked again not before */
    int32_t n;        /* in a row */
} type_refusals;

/* A compute environment: its user's settings, and its last demand. */
typedef struct env {
    int64_t id;
    char *name;
    int64_t version;
    bool managed;    /* false: others start its instances; nothing is decided for it */
    bool kubernetes; /* its instances are nodes of a cluster: no executor of a host serves it */
    char uuid[OB_UUID_TEXT];
    char *cluster, *kube_namespace; /* of 'kubernetes': the cluster's ARN; else NULL */
    struct kube_environment *kube;  /* nodes.c: its view of the cluster; NULL: none */
    bool unchecked; /* whether it can be used is not known yet: its status stays as it is */
    bool cleared;   /* deleting: nothing of it is left in its cluster */
    bool enabled, deleting, spot, exact, may_exceed;
    decide_strategy strategy;
    int32_t min_vcpus, max_vcpus;
    int32_t wanted_vcpus; /* desiredvCpus of a new version until reached once, else 0 */
    decide_type *types;   /* allowed, sorted by name; from decide's view */
    size_t n_types;
    type_refusals *refusals; /* of each type */
    int64_t scale_down_ms;   /* minScaleDownDelayMinutes */
    char *shapes_json;       /* for ce_status */
    json_t *resources;       /* computeResources of its body */
    char *launch_hash;       /* what of it instances are made by: a hash, see env_types.c */
    int64_t drain_ms; /* time for which runs may continue on instances that an update replaces */
    char *invalid;    /* why nothing can be launched for it, or NULL */

    decide_shape *shapes; /* work that waits: the last demand */
    size_t n_shapes;
    int64_t demand_at_ms;   /* 0: none was read since leading began */
    int64_t short_since_ms; /* time since which it lacks the provider's capacity; 0: it does not */
    struct shortage *shortages; /* which work that is: see shortages.h; sorted by need */
    size_t n_shortages;

    /* ce_status as last written; version -1: no row. */
    int64_t written_version;
    int32_t written_desired;
    char *written_lacking, *written_shapes;
    bool written_valid;
    char *written_reason;

    ce_usage usage; /* the last point of ce_usage, as of usage_ms (0: none) */
    int64_t usage_ms;
    size_t usage_at; /* environment_usage.c: among those that are counted */

    counters_entry counted; /* in Redis */
    bool seen;              /* by the reload under way */
    UT_hash_handle hh;
} env;

typedef struct join_offer join_offer;

typedef struct unknown_instance {
    char id[OB_INSTANCE_TEXT];
    provider *of;
} unknown_instance;

typedef struct scaler {
    scaler_config config;
    ob_bus *bus;
    ob_seal seal;
    ob_leader *leader;
    provider *provider;
    provider *nodes; /* of instances that are nodes of Kubernetes clusters; NULL: none */
    counters *counters;
    ob_lead *lead;  /* the loop */
    ob_probe probe; /* its own, through Kafka */
    listening listening;

    env *envs;
    instance *instances;
    int64_t scheduler_epoch; /* the highest seen */
    bool inbox_rung;         /* look into the inbox now */
    bool reload_owed;        /* positions were lost: look at everything */
    bool dirty;              /* something decide looks at has changed */
    bool dirty_counters;     /* Redis is behind memory */
    bool counters_reloaded;  /* a reload for lost counters was asked for */
    int64_t *inbox;          /* rows acted on, to be deleted with the next status */
    size_t n_inbox;
    unknown_instance *unknown; /* instances of a provider without a row: to be ended */
    size_t n_unknown;
    join_offer *offers; /* of executors started by hand, to be looked at */
    size_t n_offers;
    uint64_t ignored_messages;
    uint64_t forged_messages, repeated_messages; /* refused because of who sent them, or when */
    int32_t placements;                          /* partitions of batch.placements */
    uintptr_t sign_no;                           /* of the last question */

    /* Monotonic times of what is periodic. */
    int64_t swept_at_ms, reloaded_at_ms, decided_at_ms, healed_at_ms;
    int64_t counted_at_ms, led_since_ms, used_at_ms;
    int64_t overdue_at_ms, join_refused_at_ms, nodes_at_ms;
} scaler;

env *scaler_env(const scaler *s, int64_t id);
instance *scaler_instance(const scaler *s, const char *id);
provider *scaler_provider(const scaler *s, const instance *in); /* where it comes from */
void scaler_forget(scaler *s);                                  /* all that was loaded */
