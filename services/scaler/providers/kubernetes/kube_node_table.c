/* Nodes by uid, see kube_node_table.h. Owns the rows. Invariant: a row that is not known is not in
 * the view, so nothing is concluded from it. One owner thread. */
#include "kube_node_table.h"

#include <stdio.h>
#include <string.h>

#include "ob/mem.h"

kube_node_row *kube_node_table_find(const kube_node_table *t, const char *uid)
{
    kube_node_row *row = t->rows;
    while (row && strcmp(row->seen.facts.uid, uid) != 0)
        row = row->next;
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
    row->next = t->rows;
    t->rows = row;
    return row;
}

static void free_row(kube_node_row *row)
{
    node_load_free(row->load);
    node_load_free(row->next_load);
    free(row);
}

void kube_node_table_turn(kube_node_table *t, int64_t passed_ms)
{
    size_t n = 0;
    for (kube_node_row **at = &t->rows; *at;) {
        kube_node_row *row = *at;
        if (!row->selected && !row->wanted && !row->asking && !row->counting) {
            *at = row->next;
            free_row(row);
            continue;
        }
        row->wanted = false;
        if (row->known)
            row->seen.not_ready_ms = row->seen.facts.ready ? 0 : row->seen.not_ready_ms + passed_ms;
        row->seen.sure = row->seen.sure && !row->seen.facts.ready;
        n++;
        at = &row->next;
    }
    t->view = ob_realloc(t->view, (n + 1) * sizeof(*t->view));
    t->n_view = 0;
    for (const kube_node_row *row = t->rows; row; row = row->next)
        if (row->known)
            t->view[t->n_view++] = row->seen;
}

void kube_node_table_done(kube_node_table *t)
{
    for (kube_node_row *row = t->rows, *next; row; row = next) {
        next = row->next;
        free_row(row);
    }
    free(t->view);
    *t = (kube_node_table){ 0 };
}
