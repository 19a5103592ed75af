/* An instance in memory, and the states that it can be in: a small enum for each thing that changes
 * by itself. Each has one function that sets it, which knows the moves that there are; a move that
 * there is not is logged. Loop thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "counters.h"
#include "decide/shape.h"
#include "ob/id.h"
#include "ob/job.h"
#include "ob/seal.h"

/* What its type says of where it comes from. */
typedef enum instance_origin {
    ORIGIN_CATALOGUE,       /* a type of the catalogue, or one that is not in it any more */
    ORIGIN_FARGATE,         /* exactly the size of its job */
    ORIGIN_UNMANAGED_LOCAL, /* launched for an unmanaged environment */
    ORIGIN_JOINED,          /* started by hand: the provider does not know it */
    ORIGIN_NODE,            /* a node of a Kubernetes cluster */
} instance_origin;

/* May its launch still come to nothing, because the provider has none of its type? */
typedef enum instance_prospect {
    PROSPECT_SURE,     /* nothing speaks against it */
    PROSPECT_MAY_FAIL, /* LAUNCHING, of a type that was not available last time */
    PROSPECT_FOUND,    /* the provider has it: to be stored */
} instance_prospect;

/* What the provider has reported since it accepted the launch. */
typedef enum instance_fate {
    FATE_OPEN,   /* nothing */
    FATE_FAILED, /* its launch failed */
    FATE_GONE,   /* it ended without an order */
} instance_fate;

/* What its executor has reported of itself. */
typedef enum instance_executor {
    EXECUTOR_AWAITED,    /* nothing yet, as far as this process knows */
    EXECUTOR_REGISTERED, /* LAUNCHING: it becomes ACTIVE in the next transaction */
    EXECUTOR_LEFT,       /* it has left, and nothing remains to be done */
} instance_executor;

/* The notice of a Spot interruption (interrupt.c), or of an executor that leaves. */
typedef enum instance_notice {
    NOTICE_NONE,
    NOTICE_WANTED,  /* the provider is to give it one */
    NOTICE_REFUSED, /* which it cannot */
    NOTICE_TOLD,    /* its executor reports one */
    NOTICE_TAKEN,   /* and it drains */
} instance_notice;

/* Is anything placed on it? DRAINING or LOST it ends only when nothing is. */
typedef enum instance_placements {
    PLACEMENTS_POSSIBLE,
    PLACEMENTS_SAID_NONE, /* the scheduler, or an executor that leaves, says there are none: to be
                             looked up at once */
    PLACEMENTS_NONE,      /* looked up */
} instance_placements;

/* What its heartbeats told for metrics: runs by state, and sums since its executor's start. */
typedef struct instance_figures {
    bool known; /* false: the next sums are not added, but what comes after them */
    bool unwell;
    int64_t starting, running, starts, start_ms, pulls, failed_pulls, pull_ms;
} instance_figures;

/* How long it has been silent (silence.h). */
typedef struct instance_silence {
    int64_t ms; /* time without a message while the link worked */
    /* When it is asked for a sign, through its partition of batch.placements: */
    uintptr_t sign_no; /* of the questions of this silence; 0: there was none */
    int64_t due_ms;    /* by 'ms': the next question */
    int64_t asked_ms;  /* by 'ms': the first question that arrived, or 0 */
} instance_silence;

/* An instance that has not ended. */
typedef struct instance {
    char id[OB_INSTANCE_TEXT];
    int64_t ce_id;
    char *type;
    instance_origin origin;
    char *node_name, *node_uid; /* ORIGIN_NODE; else NULL */
    ob_resources nominal;       /* counts against maxvCpus and the provider's room */
    ob_resources size;          /* what jobs can use of it */
    bool spot;
    ob_seal_trust trust;
    bool key_stored;   /* its row has the salt; if not, its executor was of an earlier version */
    char *launch_hash; /* as its environment's when it was launched */

    ob_instance_state state;
    int64_t since_ms; /* in this state, as far as this process knows */

    /* The provider. */
    instance_prospect prospect;
    bool launched;       /* it has accepted the launch */
    int64_t retry_at_ms; /* it is asked again not before */
    instance_fate fate;
    int fate_error;  /* FATE_FAILED: -errno, as launch returns it */
    char *fate_text; /* why; owned */

    /* Its executor. */
    instance_executor executor;
    int64_t held; /* runs that it still has, by its last heartbeat; -1: unknown */
    bool beat;    /* heard since heartbeats were last noted in Redis */
    instance_silence silence;
    instance_figures figures;

    instance_notice notice;
    int64_t notice_in_ms;     /* when the instance ends, according to the last report */
    int64_t notice_ask_at_ms; /* the provider is not asked for one before */
    int64_t notice_drawn_ms;  /* the random time of its interruption; 0: not drawn yet */

    /* Its use, as last reported by the scheduler (at the start: from PostgreSQL). */
    ob_resources used;
    int32_t runs;
    bool kept; /* its capacity is kept for one large job, or is not used: nothing is packed into it
                */
    bool ran;  /* it has had a run, or may have */
    int64_t idle_since_ms; /* 0: it has runs */
    decide_shape *plan;    /* what it was launched for, until the scheduler counts it */
    size_t n_plan;

    /* Its end, DRAINING or LOST. */
    bool has_deadline;    /* instance.deadline_at is set */
    const char *end_code; /* why it ends, or its launch (docs/metrics.md); a literal, or NULL */
    instance_placements placements;
    int64_t flush_ms;    /* time with PLACEMENTS_NONE while the link worked */
    int64_t asked_at_ms; /* when the end was tried last */

    counters_entry counted; /* in Redis */
    bool seen;              /* by the reload under way */
    UT_hash_handle hh;
} instance;

/* Its type, and with it where it comes from. */
void instance_set_type(instance *in, const char *type);

/* Each returns whether the state is 'to' now. A move that there is not is logged, and left out; but
 * for instance_set_state: its states are rows that are committed, which memory follows. */
void instance_set_state(instance *in, ob_instance_state to, int64_t now_ms);
bool instance_set_prospect(instance *in, instance_prospect to);
/* error, text: of FATE_FAILED and FATE_GONE. */
bool instance_set_fate(instance *in, instance_fate to, int error, const char *text);
bool instance_set_executor(instance *in, instance_executor to);
bool instance_set_notice(instance *in, instance_notice to);
bool instance_set_placements(instance *in, instance_placements to);
