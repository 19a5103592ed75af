/* Metrics as text: Prometheus' text format 0.0.4. Owns the escaping of what comes from outside.
 *
 * Invariant: the lines of a metric stand together, behind its HELP and TYPE. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "metrics_internal.h"

typedef struct page {
    ob_metric_page which;
    ob_buf *out;
} page;

/* 'value' with the point before its last 'decimals' digits, without zeros at the end. */
static void add_number(ob_buf *out, int64_t value, int decimals)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%0*" PRId64, decimals + 1 + (value < 0), value);
    ob_buf_add(out, digits, (size_t)(n - decimals));
    while (decimals > 0 && digits[n - 1] == '0') {
        n--;
        decimals--;
    }
    if (decimals > 0) {
        ob_buf_add(out, ".", 1);
        ob_buf_add(out, digits + n - decimals, (size_t)decimals);
    }
}

/* Within quotes. Control characters have no escape but the newline; a terminal should not see
 * them. */
static void add_escaped(ob_buf *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at == '\\' || *at == '"')
            ob_buf_add(out, (const char[]){ '\\', *at }, 2);
        else if (*at == '\n')
            ob_buf_add(out, "\\n", 2);
        else
            ob_buf_add(out, (unsigned char)*at < ' ' || *at == 0x7f ? "?" : at, 1);
    }
}

/* The labels of a series, and "le" of a histogram's line (NULL: none). */
static void add_labels(ob_buf *out, const ob_metric *m, const ob_series *s, const char *le)
{
    const char *before = "{";
    for (size_t i = 0; i < OB_METRIC_LABELS && m->labels[i]; i++) {
        ob_buf_addf(out, "%s%s=\"", before, m->labels[i]);
        add_escaped(out, metrics_value(s, i));
        ob_buf_str(out, "\"");
        before = ",";
    }
    if (le)
        ob_buf_addf(out, "%sle=\"%s\"", before, le);
    if (le || m->labels[0])
        ob_buf_str(out, "}");
    ob_buf_str(out, " ");
}

static void add_histogram(ob_buf *out, const ob_metric *m, const ob_series *s)
{
    uint64_t count = 0;
    ob_buf le = { 0 };
    for (size_t i = 0;; i++) {
        ob_buf_clear(&le);
        if (m->bounds[i])
            add_number(&le, m->bounds[i], m->decimals);
        else
            ob_buf_str(&le, "+Inf");
        count += atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
        ob_buf_addf(out, "%s_bucket", m->name);
        add_labels(out, m, s, le.at);
        ob_buf_addf(out, "%" PRIu64 "\n", count);
        if (!m->bounds[i])
            break;
    }
    ob_buf_done(&le);
    ob_buf_addf(out, "%s_sum", m->name);
    add_labels(out, m, s, NULL);
    add_number(out, atomic_load_explicit(&s->value, memory_order_relaxed), m->decimals);
    ob_buf_addf(out, "\n%s_count", m->name);
    add_labels(out, m, s, NULL);
    ob_buf_addf(out, "%" PRIu64 "\n", count);
}

static void add_series(ob_buf *out, const ob_metric *m, const ob_series *s)
{
    switch (m->kind) {
    case OB_COUNTER:
    case OB_GAUGE:
        ob_buf_str(out, m->name);
        add_labels(out, m, s, NULL);
        add_number(out, atomic_load_explicit(&s->value, memory_order_relaxed), m->decimals);
        ob_buf_str(out, "\n");
        break;
    case OB_HISTOGRAM:
        add_histogram(out, m, s);
        break;
    }
}

static void add_metric(const ob_metric *m, void *arg)
{
    static const char *const kinds[] = {
        [OB_COUNTER] = "counter", [OB_GAUGE] = "gauge", [OB_HISTOGRAM] = "histogram"
    };
    const page *p = arg;
    const ob_series *only = atomic_load(&m->only);
    if (m->page != p->which || (!m->series && !only))
        return;
    ob_buf_addf(p->out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
    if (only)
        add_series(p->out, m, only);
    for (const ob_series *s = m->series; s; s = s->hh.next)
        add_series(p->out, m, s);
}

void ob_metrics_show(ob_metric_page which, ob_buf *out)
{
    page p = { which, out };
    if (which == OB_PAGE_METRICS)
        metrics_process();
    metrics_ask_watchers();
    metrics_each(add_metric, &p);
}
