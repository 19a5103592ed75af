/* The dependencies of submissions: read from PostgreSQL in the round that admits them, because the
 * engine has only living jobs. A job that is in neither place was removed after its retention. Owns
 * the rows until named_free. Thread: the loop's. */
#include "ended_dependencies.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "job_row.h"
#include "ob/rows.h"
#include "scheduler_store.h"

typedef struct row_deps {
    engine_dependency *at;
    size_t n;
} row_deps;

struct ended_dependencies {
    row_deps *rows;
    size_t n_rows;
};

/* ---- Their results ---- */

typedef struct ids {
    ob_uuid *at;
    size_t n, cap;
} ids;

/* Children of arrays: one, or all of them. */
typedef struct ranges {
    ob_uuid *arrays;
    int32_t *from, *to;
    size_t n, cap;
} ranges;

static int by_id(const void *a, const void *b)
{
    return ob_uuid_cmp(a, b);
}

static void add_id(ids *list, const ob_uuid *id)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 64;
        list->at = ob_realloc(list->at, list->cap * sizeof(*list->at));
    }
    list->at[list->n++] = *id;
}

static void add_range(ranges *list, const engine_dependency *d)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 64;
        list->arrays = ob_realloc(list->arrays, list->cap * sizeof(*list->arrays));
        list->from = ob_realloc(list->from, list->cap * sizeof(*list->from));
        list->to = ob_realloc(list->to, list->cap * sizeof(*list->to));
    }
    list->arrays[list->n] = d->id;
    list->from[list->n] = d->index < 0 ? 0 : d->index;
    list->to[list->n++] = d->index < 0 ? INT32_MAX : d->index;
}

static void ranges_done(ranges *list)
{
    free(list->arrays);
    free(list->from);
    free(list->to);
}

static void sort_ids(ids *list)
{
    size_t n = 0;
    if (list->n > 0)
        qsort(list->at, list->n, sizeof(*list->at), by_id);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || ob_uuid_cmp(&list->at[n - 1], &list->at[i]) != 0)
            list->at[n++] = list->at[i];
    list->n = n;
}

/* Compares a row of ended jobs ('index' is NULL), or of ended children. */
static_assert((int)ENDED_JOB_ID == (int)CHILD_JOB_ID, "one function reads both");
static int compare_row(const PGresult *rows, int row, const char *want, const int32_t *index)
{
    int d = strcmp(ob_col(rows, row, CHILD_JOB_ID), want);
    if (d || !index)
        return d;
    int64_t at = ob_col_int(rows, row, CHILD_IDX, -1);
    return at < *index ? -1 : at > *index;
}

/* The first row of the job (index NULL) or of its child, in rows that are ordered by these columns;
 * -1: there is none. */
static int first_row(const PGresult *rows, const ob_uuid *id, const int32_t *index)
{
    char want[OB_UUID_TEXT];
    ob_uuid_format(id, want);
    int low = 0, high = PQntuples(rows);
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (compare_row(rows, middle, want, index) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < PQntuples(rows) && compare_row(rows, low, want, index) == 0 ? low : -1;
}

/* Children have their own row, or the state of the bulk. All rows of the array are present. */
static void list_failed(engine_dependency *d, const PGresult *children, int64_t size, int64_t bulk)
{
    int32_t *failed = ob_calloc((size_t)size + 1, sizeof(*failed));
    int row = first_row(children, &d->id, NULL);
    ob_uuid found;
    for (int32_t i = 0; i < size; i++) {
        int64_t state = bulk;
        if (row >= 0 && row < PQntuples(children) &&
            ob_col_uuid(children, row, CHILD_JOB_ID, &found) && ob_uuid_cmp(&found, &d->id) == 0 &&
            ob_col_int(children, row, CHILD_IDX, -1) == i)
            state = ob_col_int(children, row++, CHILD_STATE, OB_JOB_FAILED);
        if (state == OB_JOB_FAILED)
            failed[d->n_failed++] = i;
    }
    d->failed = failed;
}

static void tell(engine_dependency *d, const PGresult *jobs, const PGresult *children)
{
    int row = first_row(jobs, &d->id, NULL);
    if (row < 0)
        return;
    ob_job_state state = (ob_job_state)ob_col_int(jobs, row, ENDED_STATE, OB_JOB_FAILED);
    int64_t bulk = ob_col_int(jobs, row, ENDED_BULK_STATE, OB_JOB_FAILED);
    int64_t size = ob_col_int(jobs, row, ENDED_ARRAY_SIZE, 0);
    if (d->index >= 0 && state != OB_JOB_SUCCEEDED) { /* else all of its children did */
        int child = first_row(children, &d->id, &d->index);
        state = (ob_job_state)(child < 0 ? bulk
                                         : ob_col_int(children, child, CHILD_STATE, OB_JOB_FAILED));
    }
    d->ended = state == OB_JOB_SUCCEEDED ? DEP_SUCCEEDED : DEP_FAILED;
    if (d->type == OB_DEP_N_TO_N && d->index < 0 && d->ended == DEP_FAILED && size > 0)
        list_failed(d, children, size, bulk);
}

/* For an array that succeeded nothing else is needed. */
static void list_ranges(const ended_dependencies *n, const PGresult *ended, ranges *ret)
{
    for (size_t i = 0; i < n->n_rows; i++)
        for (size_t k = 0; k < n->rows[i].n; k++) {
            const engine_dependency *d = &n->rows[i].at[k];
            int row =
                d->index >= 0 || d->type == OB_DEP_N_TO_N ? first_row(ended, &d->id, NULL) : -1;
            if (row >= 0 && ob_col_int(ended, row, ENDED_STATE, 0) == OB_JOB_FAILED)
                add_range(ret, d);
        }
}

/* A large array's children take long, so the session is kept alive in between. */
static int look_up(ob_leader *leader, ended_dependencies *n, ids *jobs, ob_error *err)
{
    ob_db *db = ob_leader_db(leader);
    ob_cleanup(ob_pq_clearp) PGresult *ended = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *children = NULL;
    ob_cleanup(ranges_done) ranges list = { 0 };
    sort_ids(jobs);
    int r = store_ended(db, jobs->at, jobs->n, &ended, err);
    if (r < 0)
        return r;
    list_ranges(n, ended, &list);
    if (list.n > 0)
        r = store_children(db, list.arrays, list.from, list.to, list.n, &children, err);
    for (size_t i = 0; i < n->n_rows && r == 0; i++) {
        for (size_t k = 0; k < n->rows[i].n; k++)
            tell(&n->rows[i].at[k], ended, children);
        r = ob_leader_keep(leader, err);
    }
    return r;
}

int ended_read(ob_leader *leader, const PGresult *inbox, ended_dependencies **ret, ob_error *err)
{
    ended_dependencies *n = ob_calloc(1, sizeof(*n));
    ids jobs = { 0 };
    n->n_rows = (size_t)PQntuples(inbox);
    n->rows = ob_calloc(n->n_rows + 1, sizeof(*n->rows));
    for (size_t i = 0; i < n->n_rows; i++) {
        engine_dependency deps[ENGINE_MAX_DEPENDENCIES];
        row_deps *row = &n->rows[i];
        if (ob_col_int(inbox, (int)i, INBOX_KIND, 0) != OB_INBOX_SUBMIT)
            continue;
        row->n = job_row_deps(inbox, (int)i, deps);
        if (row->n == 0)
            continue;
        row->at = ob_calloc(row->n, sizeof(*row->at));
        memcpy(row->at, deps, row->n * sizeof(*deps));
        for (size_t k = 0; k < row->n; k++)
            add_id(&jobs, &deps[k].id);
    }
    int r = jobs.n > 0 ? look_up(leader, n, &jobs, err) : 0;
    free(jobs.at);
    if (r < 0)
        ended_free(n);
    else
        *ret = n;
    return r;
}

void ended_free(ended_dependencies *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->n_rows; i++) {
        for (size_t k = 0; k < n->rows[i].n; k++)
            free((void *)n->rows[i].at[k].failed);
        free(n->rows[i].at);
    }
    free(n->rows);
    free(n);
}

const engine_dependency *ended_of(const ended_dependencies *n, int row, size_t *ret_n)
{
    *ret_n = n->rows[row].n;
    return n->rows[row].at;
}
