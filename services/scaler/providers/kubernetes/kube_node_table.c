/* Nodes by uid, see kube_node_table.h. Owns the rows. Invariant: a row that is not known is not in
 * the view, so nothing is concluded from it. One owner thread. */
#include "kube_node_table.h"

#include <stdio.h>
#include <string.h>

#include "ob/mem.h"

kube_node_row *kube_node_table_find(const kube_node_table *t, const char *uid)
{
    kube_node_row *row;
    HASH_FIND_STR(t->rows, uid, row);
    return row;
}

kube_node_row *kube_node_table_get(kube_node_table *t, const char *name, const char *uid)
{
    kube_node_row *row = kube_node_table_find(t, uid);
    if (row)
        return row;
    row = ob_calloc(1, sizeof(*row));
    (void)snprintf(row->seen.facts.name, sizeof(row->seen.facts.name), "%s", name);
    (void)snprintf(row->seen.facts.uid, sizeof(row->seen.facts.uid), "%s", uid);
    HASH_ADD_STR(t->rows, seen.facts.uid, row);
    return row;
}

size_t kube_node_table_at(const kube_node_table *t, const char *uid)
{
    const kube_node_row *row = kube_node_table_find(t, uid);
    bool is_there = row && row->at < t->n_view && t->view[row->at] == &row->seen;
    return is_there ? row->at : t->n_view;
}

static void turn(kube_node_row *row, int64_t passed_ms, const node_load *load)
{
    node_seen *seen = &row->seen;
    row->wanted = false;
    if (row->known)
        seen->not_ready_ms = seen->facts.ready ? 0 : seen->not_ready_ms + passed_ms;
    seen->sure = seen->sure && !seen->facts.ready;
    seen->load_known = load;
    if (load)
        seen->load = node_load_on(load, seen->facts.name);
}

void kube_node_table_turn(kube_node_table *t, int64_t passed_ms, const node_load *load)
{
    kube_node_row *row, *next;
    t->view = ob_realloc(t->view, (HASH_COUNT(t->rows) + 1) * sizeof(*t->view));
    t->n_view = 0;
    HASH_ITER(hh, t->rows, row, next)
    {
        if (!row->selected && !row->wanted && !row->asking) {
            HASH_DEL(t->rows, row);
            free(row);
            continue;
        }
        turn(row, passed_ms, load);
        row->at = t->n_view;
        if (row->known)
            t->view[t->n_view++] = &row->seen;
    }
}

void kube_node_table_done(kube_node_table *t)
{
    kube_node_row *row, *next;
    HASH_ITER(hh, t->rows, row, next)
    {
        HASH_DEL(t->rows, row);
        free(row);
    }
    free(t->view);
    *t = (kube_node_table){ 0 };
}
