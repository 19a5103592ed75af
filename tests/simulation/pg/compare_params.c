/* Random parameters for the comparison: of few values, so that keys meet, and in a range where a
 * statement takes only that. */
#include <string.h>

#include "compare.h"
#include "pg_rows.h"
#include "random_bytes.h"
#include "sim_pg.h"

#define ROWS_MAX 5

static uint64_t seed;

void pick_seed(uint64_t value)
{
    seed = value * 0x9E3779B97F4A7C15u + 1;
}

uint64_t pick(uint64_t n)
{
    return random_next(&seed) % n;
}

const char *pick_text(void)
{
    static char longer[3 * 1100 + 1]; /* than reasons may be, and not of bytes */
    static const char *const texts[] = { "", "a", "b", "c", "unmanaged", longer };
    if (!*longer)
        for (size_t i = 0; i + 3 < sizeof(longer); i += 3)
            memcpy(longer + i, "€", 3);
    return texts[pick(pick(8) ? 5 : 6)];
}

ob_uuid pick_uuid(void)
{
    ob_uuid id;
    memset(id.b, (int)pick(6) + 1, sizeof(id.b));
    return id;
}

int64_t pick_int(void)
{
    return (int64_t)pick(7) - 1;
}

/* Numbers that must be in a range, or that are of use only there. */
static const struct {
    const char *stmt;
    int param;
    int64_t low, high;
} ranges[] = {
    { "inbox", 0, 0, 5 },
    { "live_page", 2, 0, 5 },
    { "events", 2, 0, 5 },
    { "last_ends", 0, -1, 0 },
    { "last_ends", 2, 4, 6 },
    { "last_ends", 4, 0, 20 },
    { "last_ends", 5, 0, 8 },
    { "traced_children", 1, 0, 5 },
    { "ended_page", 3, 0, 5 },
    { "stop_page", 2, 0, 5 },
    { "orphaned_attempts", 4, 0, 5 },
    { "orphaned_pods", 4, 0, 5 },
    { "orphaned_done", 4, 0, 5 },
    { "past_job_events", 1, 0, 8 },
    { "past_usage", 2, 0, 5 },
    { "past_instances", 1, 100, 100 }, /* which ones go is not said */
    { "instance_advance", 1, 0, 4 },
    { "instance_advance", 3, 0, 31 },
    { "instance_end_empty", 1, 0, 4 },
    { "leader_lock", 0, 1, 2 },
    { "leader_end_stalled", 0, 1, 2 },
};

/* The parameters that hold the text of an array. */
static const struct {
    const char *stmt;
    int param;
} array_texts[] = {
    { "live_insert", 15 },  { "live_update", 15 }, { "done_insert", 10 },
    { "event_insert", 16 }, { "counts_put", 1 },   { "counts_put", 2 },
};

static int64_t number_of(const char *stmt, int param)
{
    static const int64_t past[] = { -1000, 1000 }, deadlines[] = { -1, 0, 3600000 };
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
        if (ranges[i].param == param && strcmp(ranges[i].stmt, stmt) == 0)
            return ranges[i].low + (int64_t)pick((uint64_t)(ranges[i].high - ranges[i].low + 1));
    if (strcmp(stmt, "past_instances") == 0)
        return past[pick(2)];
    if (strcmp(stmt, "instance_advance") == 0)
        return deadlines[pick(3)];
    return pick_int();
}

static const char *text_of(const char *stmt, int param)
{
    static const char *const arrays[] = { NULL, "{1,0,2,0,0,5,0}", "{0,0,0,0,0,0,1}" };
    for (size_t i = 0; i < ARRAY_SIZE(array_texts); i++)
        if (array_texts[i].param == param && strcmp(array_texts[i].stmt, stmt) == 0)
            return arrays[pick(3)];
    if (strcmp(stmt, "log_make_streams") == 0 && param == 4) /* an id, as text */
        return pick(2) ? "01010101-0101-0101-0101-010101010101" : NULL;
    return pick(20) ? pick_text() : NULL;
}

/* Parameters of leading are mostly those that PostgreSQL expects. */
static bool pick_leader(const declared *d, ob_params *p)
{
    const char *role = pick(2) ? "scheduler" : "scaler";
    const pg_leader *l = sim_pg_find(PG_LEADER, &(pg_leader){ .role = role });
    if (strcmp(d->name, "leader_epoch") == 0) {
        ob_param_text(p, role);
        ob_param_text(p, "holder");
    } else if (strcmp(d->name, "leader_fence") == 0) {
        ob_param_text(p, role);
        ob_param_int(p, pick(4) ? l->epoch : pick_int());
        ob_param_int(p, pick(4) ? l->round + 1 : pick_int());
    } else if (strcmp(d->name, "leader_standby") == 0) {
        ob_param_text(p, pick(2) ? "openbatch-scheduler" : "openbatch-scaler");
    } else if (strcmp(d->name, "move_watermark") == 0) {
        l = sim_pg_find(PG_LEADER, &(pg_leader){ .role = "scheduler" });
        ob_param_int(p, pick(4) ? l->epoch : pick_int());
        for (int i = 0; i < 3; i++)
            ob_param_int(p, pick_int());
    } else {
        return false;
    }
    return true;
}

static void pick_array(const declared *d, const char *type, size_t n, ob_params *p)
{
    ob_uuid ids[ROWS_MAX];
    int32_t ints[ROWS_MAX];
    int64_t longs[ROWS_MAX];
    const char *texts[ROWS_MAX];
    int lens[ROWS_MAX];
    for (size_t i = 0; i < n; i++) {
        bool is_null = pick(60) == 0;
        ids[i] = pick_uuid();
        ints[i] = is_null ? INT32_MIN : (int32_t)number_of(d->name, p->n);
        longs[i] = is_null ? INT64_MIN : ints[i];
        texts[i] = text_of(d->name, p->n);
        lens[i] = texts[i] ? (int)strlen(texts[i]) : 0;
    }
    if (strcmp(type, "uuid[]") == 0)
        ob_param_uuid_array(p, ids, n);
    else if (strcmp(type, "int[]") == 0)
        ob_param_int32_array(p, ints, n);
    else if (strcmp(type, "bigint[]") == 0)
        ob_param_int64_array(p, longs, n);
    else if (strcmp(type, "bytea[]") == 0)
        ob_param_bytes_array(p, (const void *const *)texts, lens, n);
    else
        ob_param_text_array(p, texts, n);
}

static void pick_scalar(const declared *d, const char *type, ob_params *p)
{
    if (strcmp(type, "uuid") == 0) {
        ob_uuid id = pick_uuid();
        ob_param_uuid(p, &id);
    } else if (strcmp(type, "text") == 0) {
        ob_param_text(p, text_of(d->name, p->n));
    } else {
        ob_param_int(p, number_of(d->name, p->n));
    }
}

void pick_params(const declared *d, ob_params *p)
{
    if (pick_leader(d, p))
        return;
    char types[1024];
    (void)snprintf(types, sizeof(types), "%s", d->params);
    size_t n = pick(ROWS_MAX) / (pick(2) + 1) + (pick(10) > 0);
    n = n > ROWS_MAX ? ROWS_MAX : n;
    /* The api names a stream once, and the scaler an instance. */
    if (strcmp(d->name, "log_open") == 0 || strcmp(d->name, "log_move") == 0 ||
        strcmp(d->name, "instance_resize") == 0)
        n = n > 1 ? 1 : n;
    char *rest = types;
    for (char *type; *types && (type = strsep(&rest, ","));) {
        type += *type == ' ';
        if (strchr(type, '['))
            pick_array(d, type, n, p);
        else
            pick_scalar(d, type, p);
    }
}
