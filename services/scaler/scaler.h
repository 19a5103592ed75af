/* What the scaler's files share: the state in memory. All of it belongs to the
 * loop thread. The truth is PostgreSQL; this is what is known of it, loaded when leading begins. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "counters.h"
#include "decide/decide.h"
#include "listening.h"
#include "ob/bus.h"
#include "ob/catalog.h"
#include "ob/id.h"
#include "ob/lead.h"
#include "providers/provider.h"
#include "scaler_settings.h"

#define SCALER_NAME "scaler"

/* The provider had none of a type. */
typedef struct type_refusals {
    int64_t until_ms; /* asked again not before */
    int32_t n;        /* in a row */
} type_refusals;

/* A compute environment: what its user wants, and its last demand. */
typedef struct env {
    int64_t id;
    char *name;
    int64_t version;
    bool managed; /* false: others start its instances; nothing is decided for it */
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
    int64_t drain_ms;        /* instances that an update replaces: their runs may last so long */
    char *invalid;           /* why nothing can be launched for it, or NULL */

    decide_shape *shapes; /* work that waits: the last demand */
    size_t n_shapes;
    int64_t demand_at_ms;       /* 0: none was read since leading began */
    int64_t short_since_ms;     /* lacks the provider's room since; 0: it does not */
    struct shortage *shortages; /* which work that is: see shortages.h; sorted by need */
    size_t n_shortages;

    /* ce_status as last written; version -1: no row. */
    int64_t written_version;
    int32_t written_desired;
    char *written_lacking, *written_shapes;
    bool written_valid;
    char *written_reason;

    bool seen; /* by the reload under way */
    UT_hash_handle hh;
} env;

/* An instance that has not ended. */
typedef struct instance {
    char id[OB_INSTANCE_TEXT];
    int64_t ce_id;
    char *type;
    ob_resources nominal; /* counts against maxvCpus and the provider's room */
    ob_resources size;    /* what jobs can use of it */
    bool spot;
    ob_instance_state state;
    char token_hash[65];
    int64_t since_ms; /* in this state, as far as this process knows */

    bool launched;       /* the provider has taken the launch on */
    bool may_fail;       /* LAUNCHING, of a type that it had none of last: it may never come */
    bool found;          /* the provider says that it has it */
    int64_t retry_at_ms; /* the provider is asked again not before */

    /* Use, as the scheduler told it last (or as PostgreSQL said at the start). */
    ob_resources used;
    int32_t runs;
    bool kept; /* its room is for one large job, or not used: nothing is packed into it */
    bool ran;  /* it has had a run, or may have */
    int64_t idle_since_ms; /* 0: it has runs */
    decide_shape *plan;    /* what it was launched for, until the scheduler counts it */
    size_t n_plan;
    char *launch_hash; /* as its environment's when it was launched */

    int64_t silent_ms; /* heard nothing for so long while the link was good */
    /* By then it is asked for a sign, through its partition of batch.placements: */
    uintptr_t sign_no;             /* of the questions of this silence; 0: there was none */
    int64_t sign_due_ms, asked_ms; /* by silent_ms: the next one; the first that arrived, or 0 */
    int64_t held; /* runs that its executor still has, by its last heartbeat; -1: unknown */
    bool drained; /* DRAINING: no placement is left */
    bool ends_at_deadline;     /* DRAINING: instance.deadline_at is set */
    int64_t flush_ms;          /* drained for so long while the link was good */
    int64_t asked_at_ms;       /* DRAINING, LOST: when the end was tried last */
    bool registered;           /* to become ACTIVE in the next transaction */
    int failed;                /* what its launch came to later: -errno; 0: nothing was said */
    bool gone;                 /* it ended by itself */
    char *said;                /* why, of the two above; owned */
    bool ask_now;              /* the scheduler says it is drained */
    bool joined;               /* started by hand: the provider does not know it */
    bool left;                 /* its executor has gone, with nothing left to do */
    bool interrupted;          /* its executor tells of a notice: */
    int64_t interrupted_in_ms; /* the instance goes then, from when it was told last */
    bool notice_taken;         /* and it drains */
    bool notice_wanted;        /* the provider is to give it one */
    bool notice_refused;       /* which it cannot */
    int64_t notice_at_ms;      /* not asked before */
    int64_t drawn_ms;          /* by lot, then; 0: not drawn yet */
    bool beat;                 /* heard since heartbeats were last noted in Redis */

    bool seen; /* by the reload under way */
    UT_hash_handle hh;
} instance;

typedef struct join_offer join_offer;

typedef struct scaler {
    scaler_config config;
    ob_bus *bus;
    ob_leader *leader;
    provider *provider;
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
    char **unknown; /* instances that the provider has and no row: to be ended */
    size_t n_unknown;
    join_offer *offers; /* of executors started by hand, to be looked at */
    size_t n_offers;
    uint64_t ignored_messages;
    int32_t placements; /* partitions of batch.placements */
    uintptr_t sign_no;  /* of the last question */

    /* Monotonic times of what is periodic. */
    int64_t swept_at_ms, reloaded_at_ms, decided_at_ms, healed_at_ms;
    int64_t counted_at_ms, led_since_ms;
    int64_t overdue_at_ms, join_refused_at_ms;
} scaler;

env *scaler_env(const scaler *s, int64_t id);
instance *scaler_instance(const scaler *s, const char *id);
void scaler_forget(scaler *s); /* all that was loaded */
