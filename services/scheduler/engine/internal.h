/* What the engine's files share: its structures, and who does what with them. Not for the service.
 */
#pragma once

#include "engine.h"

#include <stddef.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "ob/error.h"
#include "ob/rows.h"
#include "retry.h"

#define FLAGS_STOPPING (OB_FLAG_TERMINATED | OB_FLAG_TIMED_OUT)
#define QUEUE_DELETED "JobQueue deleted"
#define NO_INDEX UINT16_MAX /* of a job that is no array child; the largest array has 10,000 */

typedef struct job job;
typedef struct array array;
typedef struct child child;
typedef struct run run;
typedef struct class class;
typedef struct queue queue;
typedef struct share share;
typedef struct ce ce;
typedef struct instance instance;
typedef struct work_kind work_kind;

/* A single job, an array's parent (array.base) or a child that differs from its siblings
 * (child.base). There can be a million of them: 64 bytes, and 32 for the node of the tree. */
struct job {
    ob_uuid id;
    class *cls;
    union {
        struct { /* waiting: neighbours in cls->waiting or queue->held; prev is NULL out of a list
                  */
            job *prev, *next;
        };
        struct run *placed; /* STARTING, RUNNING */
    };
    uint64_t order : 40; /* of admission; a child has its parent's; a new one with each retry */
    uint64_t terms : 24; /* number of its terms */
    int64_t at_ms;       /* createdAt while SUBMITTED, else when it became PENDING or RUNNABLE */
    int32_t last_run;
    uint16_t index;
    uint8_t state : 3, flags : 3;
    uint8_t stored : 1;  /* the database has a live row of it */
    uint8_t touched : 1; /* stands in engine.touched */
    uint8_t ended : 4;   /* attempts */
    uint8_t is_array : 1;
    uint8_t waits : 1; /* for others: has a waiter */
};
#define ORDER(n) ((uint64_t)(n) & (((uint64_t)1 << 40) - 1))
#define ENDED(n) ((unsigned)(n)&15)

typedef struct terms {
    char *key;
    uint32_t number;
    int32_t attempts, timeout_s;
    int64_t kind;
    retry_rules *rules;
    size_t n_jobs;
    UT_hash_handle hh; /* engine.terms_by_key */
} terms;

struct array {
    job base;
    int32_t size;
    int32_t bulk;   /* children that have no record of their own and are in bulk_state */
    int32_t low;    /* children below have left the bulk, and ... */
    uint64_t *left; /* ... those with a bit here; NULL: no other */
    ob_job_state bulk_state;
    char *bulk_reason, *stop_reason;
    uint64_t *failed; /* children that have failed; NULL: none. The bulk has bulk_state instead */
    int32_t counts[OB_JOB_STATE_COUNT];
    int64_t last_ms;      /* when a child ended last */
    array *aprev, *anext; /* queue->arrays */
    child *kids;          /* living children that have left the bulk */
};

struct child {
    job base;
    array *parent;
    child *kprev, *knext;
};

struct run {
    job *job;
    instance *on;
    run *rprev, *rnext;                /* instance->runs */
    int64_t started_at_ms, told_at_ms; /* told_at_ms: time of its last event */
    char *stop_reason;                 /* terminated (job.flags) */
    uint32_t mark;                     /* of the registration that named it */
    bool reported;
    int64_t timeout_at_ms; /* steady time; 0: none */
};

/* Whose jobs of a queue they are. */
struct share {
    char *name; /* key; "": of jobs without a share */
    queue *queue;
    size_t n_classes;
    int64_t mcpu;                 /* in use */
    double usage;                 /* of a fair share, vCPU seconds as of at_ms */
    int64_t at_ms, seen_ms;       /* seen_ms: when it had jobs last */
    double weight;                /* lower gets more */
    bool active, stored, changed; /* changed: since the row was told */
    int64_t told_ms;
    struct { /* in a line (line.c) */
        ENGINE_LIST(class *, work);
        size_t first;
        double load; /* who has least goes first */
        int64_t line_mcpu;
    };
    UT_hash_handle hh; /* queue->shares */
};

/* What an environment could launch for a class: within maxvCpus, or else beyond them. */
typedef struct class_fit {
    bool launch, there;  /* some shape, some instance that is there is large enough */
    int32_t cost_mcpu;   /* of the environment's maxvCpus for each job, well packed */
    int32_t least_mcpu;  /* of the smallest shape that is large enough */
    const char *lacking; /* why nothing can be had for it now, or NULL */
} class_fit;

/* Jobs of one queue with one shape, share and priority: what fits one fits all. */
struct class_key {
    ob_resources need;
    int32_t priority;
    share *share;
};
struct class
{
    queue *queue;
    union {
        struct class_key key;
        struct {
            ob_resources need;
            int32_t priority;
            share *share;
        };
    };
    job *waiting;     /* by order; an array stands here while it has children to place */
    size_t n_waiting; /* children counted */
    size_t n_jobs;    /* records that point here */
    char *reason;     /* as stored */
    int64_t code_since_ms, told_ms; /* of the stored reason */
    uint64_t reason_sign, soft_sign, fit_topology;
    int cond; /* what might become a code, and ... */
    int64_t cond_since_ms;
    int64_t passed_ms; /* a job behind was served first since then; 0: none was */
    bool capped;       /* only the queue's reservation for other shares stood in the way */
    bool coming;       /* demand has found room that is on its way, or is asked for */
    bool beyond;       /* but not for all its jobs */
    unsigned starting; /* bits: environments of its queue where some of it is on its way */
    int32_t ahead;     /* jobs before its first one, up to ENGINE_FRONT_MAX */
    job *at;           /* its first job in a line, and, of an array, the child */
    int32_t at_index;
    int64_t given; /* jobs of it that demand has been told of */
    class_fit fit[ENGINE_MAX_CES];
    UT_hash_handle hh; /* queue->classes */
};

struct queue {
    int64_t id; /* key */
    char *name;
    int32_t priority;
    bool known, deleting, sweep; /* sweep: its jobs are to be ended in the next round */
    ce *ces[ENGINE_MAX_CES];
    size_t n_ces;
    share *shares;
    struct {
        bool fair;
        double decay_s;
        int32_t reservation;
        struct weight {
            char *share;
            double factor;
        } * weights;
        size_t n_weights;
    } policy;
    struct time_limit {
        char *code;
        int64_t ms;
    } * limits;
    size_t n_limits;
    share all;        /* a line of all classes: first in, first out */
    int64_t mcpu;     /* in use */
    int64_t cap_mcpu; /* the rest of what it could use is kept for shares that are not active */
    size_t n_active;
    bool shares_changed;             /* who is active, or the weights */
    class *keeper;                   /* room is kept for it; NULL: for none */
    ce *keeps_in;                    /* launches there, below maxvCpus; NULL: an instance is kept */
    uint64_t changes, front_changes; /* of what the front shows; as of the front */
    ENGINE_LIST(engine_front, front);
    int64_t front_ms, front_mcpu;
    bool front_owed; /* the row is not known to say the same */
    struct {         /* the first job that waits, as the last round left it */
        class *cls;  /* NULL: none; valid within the round */
        ob_uuid id;
        int32_t index;
        int64_t since_ms;
    } head;
    int64_t blocked_told_ms;
    class *classes;
    job *held; /* SUBMITTED: came before the queue was known */
    array *arrays;
    size_t n_jobs; /* children not counted */
    UT_hash_handle hh;
};

/* Room on an ACTIVE instance, kept sorted: GPUs, vCPUs, memory, instance id. */
typedef struct slot {
    ob_resources room;
    instance *on;
} slot;

struct ce {
    int64_t id; /* key */
    char *name, *cluster;
    ENGINE_LIST(engine_lack, lacks); /* by need */
    struct engine_text *lacks_text;
    bool known, enabled, valid, exact, unmanaged, use_changed;
    int32_t max_vcpus, share_vcpus;
    ob_resources *shapes;
    size_t n_shapes;
    instance *instances;
    int32_t vcpus;   /* of its instances that are or come ... */
    int64_t mcpu;    /* ... and their usable size */
    size_t launches; /* instances that are LAUNCHING */
    ENGINE_LIST(slot, slots);
    ENGINE_LIST(effect_shape, demand); /* as told last */
    ENGINE_LIST(effect_shape, next);   /* being computed */
    ENGINE_LIST(ob_resources, coming); /* likewise: what is left of LAUNCHING instances */
    ENGINE_LIST(slot, held);           /* likewise: instances that get nothing now, ... */
    ENGINE_LIST(ob_resources, soon);   /* ... and what is left of those that soon will */
    int64_t headroom_mcpu;             /* below max_vcpus, not given out yet */
    queue *headroom_for;               /* its keeper is to get what is below max_vcpus */
    int32_t placed_priority; /* the lowest of the queues that placed here in this round, ... */
    const queue *placed_by;  /* ... and which; NULL: several */
    uint64_t placed_round;
    ob_resources free; /* the most that is free of each kind, as of free_round */
    uint64_t free_round;
    UT_hash_handle hh;
};

/* Why an instance gets nothing new for a while, or until it is well. */
#define SUSPECT_AFTER 3
struct hold {
    int64_t until_ms; /* none is placed before; 0 = not held */
    int64_t for_ms;   /* its length */
    int refusals;     /* that followed one another */
    int failures;     /* holds for starts that failed, that followed one another */
    int64_t kind;     /* of the work for which it is */
    bool trial;       /* held while one run shows whether starts work again */
    struct {
        ob_uuid id;
        int32_t index;
    } failed[SUSPECT_AFTER]; /* jobs whose start failed since one worked */
    int n_failed;
    char *failure;    /* of the last hold for that: a container's reason */
    char *unwell;     /* its executor's word; NULL: it is well */
    int64_t since_ms; /* that it is unwell; 0: no round has seen it yet */
    uint64_t changes; /* of the two texts */
};

struct instance {
    char *id;        /* key */
    uint32_t serial; /* of no other, also after it */
    ce *ce;
    ob_resources size, used;
    int32_t vcpus;
    ob_instance_state state;
    bool known; /* false: gone, or named by a row that was loaded only */
    bool lost;  /* its runs are to be ended in the next round */
    bool in_slots;
    queue *kept_for;  /* for its keeper alone, as far as queues of its priority or less go */
    struct hold hold; /* hold.c */
    int32_t n_runs;
    run *runs;
    instance *iprev, *inext; /* ce->instances */
    UT_hash_handle hh;
};

typedef struct input {
    enum { IN_SUBMIT, IN_STOP, IN_REPORT, IN_REGISTERED } kind;
    const char *instance_id, *reason;
    union {
        engine_submission submission;
        struct {
            ob_job_ref job;
            bool terminate;
        } stop;
        struct {
            engine_run_report *reports;
            size_t n;
        } held;
    };
} input;

typedef struct notice { /* of an end, to those who depend on it */
    job *of;
    int32_t index;
    bool bulk; /* of all children in the bulk of an array */
} notice;

struct engine {
    void *jobs; /* tree (tsearch) of job by id and index */
    queue *queues;
    ce *ces;
    instance *instances;
    uint64_t topology; /* grows with each change of queues, environments, instances */
    int64_t next_order;
    uint32_t mark;
    bool dirty, instances_gone;
    int64_t next_due_ms; /* when the hold of the first instance ends; INT64_MAX = none is held */
    size_t n_unwell;     /* instances */
    work_kind *kinds;    /* hold.c */
    uint32_t last_serial;
    int64_t wait_due_ms; /* likewise of what waits: reasons, fronts, reservations, time limits */
    uint64_t rounds;

    ENGINE_LIST(terms *, terms); /* by number; 0 is not used */
    uint32_t terms_free;         /* no lower number is free */
    terms *terms_by_key;

    int64_t steady_ms;
    int64_t ahead_ms;        /* engine_shown */
    int64_t next_timeout_ms; /* no run times out before */

    struct target *targets; /* depend.c */
    struct waiter *waiters;
    bool waiters_loaded;

    struct job_block *blocks; /* memory of single jobs */
    job *free_jobs;

    ENGINE_LIST(input, inputs);
    struct engine_text *input_text;

    /* Within a round. */
    int64_t now_ms;
    int64_t shown_ms; /* as clients see the time */
    engine_effects *fx;
    ENGINE_LIST(job *, touched);
    ENGINE_LIST(job *, returned); /* RUNNABLE again, not yet in their class */
    ENGINE_LIST(notice, notices);
    ENGINE_LIST(job *, dead); /* ended: freed when the round is over */
    ENGINE_LIST(queue *, by_priority);
    ENGINE_LIST(share *, line); /* of one queue, whose turn it is first; from first_share on */
    size_t first_share;
    ENGINE_LIST(class *, failed); /* fit nowhere, by queue and in their order */
    ENGINE_LIST(instance *, kept);

    size_t n_waiting, n_placed, n_jobs, n_classes, n_instances, ignored;
};

/* list.c, text.c: growing arrays and the memory of strings */
void *eng_list_add(void **items, size_t *n, size_t *cap, size_t size); /* a zeroed new last one */
#define LIST_ADD(of, name)                                                                         \
    ((__typeof__((of)->name))eng_list_add((void **)&(of)->name, &(of)->n_##name,                   \
                                          &(of)->cap_##name, sizeof(*(of)->name)))
const char *eng_text(struct engine_text **text, const char *s); /* NULL stays NULL */
void *eng_text_memory(struct engine_text **text, size_t size);
void eng_text_clear(struct engine_text *text);
void eng_text_free(struct engine_text *text);
void eng_set(char **to, const char *s); /* a copy in place of what was there */

/* table.c: the table of jobs and their memory */
job *eng_find(const engine *e, const ob_uuid *id, int32_t index);
job *eng_single_new(engine *e, const ob_uuid *id, class *cls);
array *eng_array_new(engine *e, const ob_uuid *id, class *cls, int32_t size);
child *eng_child_new(engine *e, array *parent, int32_t index);
void eng_forget(engine *e, job *j); /* it has ended; eng_bury frees it */
void eng_bury(engine *e);
void eng_table_free(engine *e);
size_t eng_table_bytes(const engine *e);
static inline array *eng_as_array(job *j)
{
    return (array *)(void *)j;
}
static inline child *eng_as_child(job *j)
{
    return (child *)(void *)j;
}
static inline int32_t eng_index(const job *j)
{
    return j->index == NO_INDEX ? -1 : j->index;
}
static inline bool eng_placed(const job *j)
{
    return j->state == OB_JOB_STARTING || j->state == OB_JOB_RUNNING;
}

/* queue.c */
queue *eng_queue(engine *e, int64_t id); /* made when unknown */
void eng_queues_sort(engine *e);
void eng_queues_sweep(engine *e); /* admits what was held, ends what a deleted queue has */
void eng_queues_free(engine *e);

/* terms.c */
const terms *eng_terms(const engine *e, const job *j);
uint32_t eng_terms_get(engine *e, const engine_terms *given); /* drop it when the job is freed */
void eng_terms_drop(engine *e, uint32_t number);
void eng_terms_free(engine *e);

/* class.c */
class *
eng_class(engine *e, queue *q, const ob_resources *need, const char *share_name, int32_t priority);
void eng_class_insert(engine *e, job *j); /* by its order, looking from the back */
void eng_class_remove(engine *e, job *j);
void eng_class_take(engine *e, array *a); /* one child has left the bulk */
void eng_class_free_if_unused(engine *e, class *cls);
void eng_return(engine *e, job *j); /* to its class, when all inputs of the round are read */
void eng_returned(engine *e);

/* share.c: who has used what */
share *eng_share(queue *q, const char *name); /* made when unknown; NULL: "" */
void eng_share_free_if_unused(share *s);
void eng_share_free(share *s);
void eng_share_use(engine *e, const class *cls, int sign); /* a job of it is placed, or ends */
void eng_policy_put(queue *q, const engine_policy *policy);
void eng_shares(engine *e);      /* usage, weights and reservations as of now */
void eng_shares_tell(engine *e); /* rows */

/* line.c: the order in which a queue's classes are served. One line at a time. */
void eng_line(engine *e, queue *q);
class *eng_line_first(const engine *e); /* NULL: nobody is left */
/* The first class has one job less; its next one is 'at' (NULL: none). */
void eng_line_served(engine *e, job *at);
void eng_line_skip(engine *e); /* the first class leaves the line */

/* keep.c: room kept for a large job */
void eng_passed(engine *e, const class *cls, ce *c);
void eng_keep(engine *e);               /* after placement */
void eng_keep_end(engine *e, queue *q); /* it has been served, or is no longer there */
instance *eng_kept_room(const engine *e, const class *cls, const ce *c);

/* front.c: the front of a queue, its head, and how long that may wait */
void eng_limits(engine *e); /* ends jobs that have waited at the head for too long */
void eng_heads(engine *e);
void eng_fronts(engine *e);
void eng_blocked(engine *e);
static inline void eng_due(engine *e, int64_t at_ms)
{
    if (at_ms < e->wait_due_ms)
        e->wait_due_ms = at_ms;
}

/* ce.c: environments, instances and the room on them */
ob_resources eng_room(const instance *i);
ce *eng_ce(engine *e, int64_t id);                              /* made when unknown */
instance *eng_instance(engine *e, const char *id);              /* NULL when unknown */
instance *eng_instance_get(engine *e, const char *id);          /* made when unknown */
run *eng_run_add(engine *e, job *j, instance *on);              /* takes room; j becomes placed */
void eng_run_remove(engine *e, run *r);                         /* gives it back */
const char *eng_lacking(const ce *c, const ob_resources *need); /* NULL: nothing is */
instance *eng_best_fit(const ce *c, const ob_resources *need);
/* What its instances count against maxvCpus. */
static inline int64_t eng_provisioned(const ce *c)
{
    return c->exact ? c->mcpu : (int64_t)c->vcpus * 1000;
}
/* Can no instance of that many be within maxvCpus? An environment has such a shape only when its
 * allocation strategy may exceed them: by one instance. */
static inline bool eng_exceeds(const ce *c, int32_t mcpu)
{
    return !c->exact && mcpu > (int64_t)c->max_vcpus * 1000;
}
/* How much has to go before an instance of that many may come; 0 or less: it may. */
static inline int64_t eng_lack(const ce *c, int32_t mcpu)
{
    int64_t over = eng_provisioned(c) - (int64_t)c->max_vcpus * 1000;
    return eng_exceeds(c, mcpu) ? over + 1 : over + mcpu;
}
static inline bool eng_below_max(const ce *c, int32_t mcpu)
{
    return eng_lack(c, mcpu) <= 0;
}
/* Is it more than the environment could ever run? */
static inline bool eng_above_max(const ce *c, const ob_resources *need)
{
    return !c->unmanaged && need->mcpu > (int64_t)c->max_vcpus * 1000;
}
/* Does it fit an instance, or a launch, with that room? */
static inline bool eng_fits(const ce *c, const ob_resources *need, const ob_resources *room)
{
    return c->exact ? memcmp(need, room, sizeof(*need)) == 0 : ob_resources_fit(need, room);
}
static inline bool eng_usable(const ce *c)
{
    return c->known && c->enabled && c->valid;
}
void eng_keep_instance(engine *e, instance *i, queue *q); /* for the queue's keeper */
void eng_keep_release(engine *e, instance *i);
void eng_slot_remove(instance *i);
void eng_slot_insert(instance *i); /* unless it takes nothing */
void eng_instances_sweep(
    engine *e); /* ends the runs of lost instances, forgets those that are gone */
void eng_ces_free(engine *e);

/* hold.c: instances that get nothing new for a while */
void eng_refused(engine *e, instance *i); /* it gave a run back */
void eng_start_worked(engine *e, const job *j, instance *i);
void eng_start_failed(engine *e, const job *j, instance *i, const char *reason);
void eng_tried(engine *e, instance *i); /* a run is placed on it */
void eng_hold_ends(engine *e);          /* of those whose time has come */
static inline bool eng_held(const instance *i)
{
    return i->hold.until_ms || i->hold.unwell;
}
/* For so long that nobody counts on its room. */
bool eng_held_long(const engine *e, const instance *i);
void eng_hold_forget(engine *e, instance *i); /* it is freed */
void eng_kinds_free(engine *e);

/* timeout.c */
void eng_timeout_begin(engine *e, run *r, int64_t running_for_ms);
void eng_timeouts(engine *e); /* marks and stops what is over its time */

/* depend.c */
void eng_wait(engine *e, job *j, const engine_dependency *deps, size_t n); /* may end it */
void eng_wait_load(engine *e, job *j, const engine_dependency *deps, size_t n, int32_t mask);
void eng_fail(engine *e, job *j, const char *reason); /* before anything of it was placed */
void eng_wait_begin(engine *e, job *j);               /* it has become PENDING */
void eng_ended(engine *e, job *j); /* of every end, before the record is forgotten */
void eng_bulk_ended(engine *e, array *a);
void eng_depend(engine *e); /* what follows from the ends of the round */
int32_t eng_waits(const engine *e, const job *j);
void eng_waiters_stop(engine *e, const queue *q, const char *reason, int *left); /* single ones */
void eng_depend_free(engine *e);

/* array.c */
ob_job_state eng_child_state(const engine *e, const array *a, int32_t index);
void eng_child_failed(array *a, int32_t index);
bool eng_in_bulk(const array *a, int32_t index);
void eng_leave_bulk(engine *e, array *a, int32_t index); /* the caller makes the record */
child *eng_next_child(engine *e, array *a);              /* the lowest of the bulk, with a record */
void eng_bulk_move(engine *e, array *a, ob_job_event ev, const char *reason);
void eng_array_check(engine *e, array *a); /* ends it when all its children have ended */

/* admit.c, stop.c, report.c: what inputs do */
void eng_submit(engine *e, const engine_submission *s);
void eng_admit(engine *e, job *j);
void eng_stop(engine *e, job *j, bool terminate, const char *reason);
void eng_stop_ref(engine *e, const ob_job_ref *ref, bool terminate, const char *reason);
void eng_report(engine *e, const char *instance_id, const engine_run_report *r, bool registering);
void eng_registered(engine *e, const char *instance_id, const engine_run_report *held, size_t n);
void eng_lost(engine *e, instance *i); /* ends its runs */

/* place.c, demand.c, reason.c: most of the second half of a round */
void eng_place(engine *e);
void eng_fit(const engine *e, class *cls); /* brings cls->fit up to date with the topology */
int64_t eng_units(const ce *c, const ob_resources *need, const ob_resources *room); /* that fit */
/* The order of jobs within a class, and of heads when first in is first out. */
static inline bool eng_before(const job *a, const job *b)
{
    if (a->order != b->order)
        return a->order < b->order;
    int d = ob_uuid_cmp(&a->id, &b->id);
    return d ? d < 0 : a->index < b->index;
}
void eng_demand(engine *e);
void eng_reasons(engine *e);

/* effects.c: moves and what they tell */
typedef struct ending { /* what an event, a done row, an attempt say of a job's way there */
    const char *reason, *container_reason;
    const instance *on;
    int64_t started_at_ms, stopped_at_ms;
    int64_t after_ms; /* the event is not told as earlier than this */
    bool has_exit_code, timed_out;
    int32_t exit_code;
} ending;
int64_t eng_at(const engine *e, const job *j); /* now, but never before what was shown of the job */
/* The one door: false (and counted) when the state table has no such move. */
bool eng_move(engine *e, job *j, ob_job_event ev);
void eng_touch(engine *e, job *j);
void eng_event(engine *e, const job *j, const ending *x);
void eng_event_range(engine *e, const array *a, int32_t lo, int32_t hi, const ending *x);
/* Ends a job that is in no list any more: move, rows, event; then its parent's end, if it was the
 * last. */
void eng_end(engine *e, job *j, ob_job_event ev, ending *x);
void eng_attempt(engine *e, const job *j, const ending *x);
void eng_order(engine *e, int kind, const char *instance_id, const ob_run_ref *ref);
void eng_live_row(engine *e, const job *j, effect_live *l); /* as it is now */
void eng_flush(engine *e);                                  /* rows of what was touched */
static inline ob_run_ref eng_run_ref(const job *j)
{
    return (ob_run_ref){ .id = j->id, .index = eng_index(j), .run = j->last_run };
}
