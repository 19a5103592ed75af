/* See k8s_mark.h. A reading that begins anew repeats lines; they end with the last one that was
 * passed on, which is known by its time and text. If a later one comes first, the last is gone: the
 * kubelet keeps only so much of an output, so others may be gone, too. A stream that goes back in
 * time by itself has been rotated: it repeats what was passed on, and may have left some out. Owns
 * nothing. Any thread. */
#include "k8s_mark.h"

#define NS_IN_S 1000000000
/* Lines of stdout and stderr are stored a little out of order. */
#define BACK_NS NS_IN_S

static uint64_t hash_of(const k8s_line *line)
{
    uint64_t hash = 14695981039346656037ull; /* FNV-1a */
    for (size_t i = 0; i < line->len; i++)
        hash = (hash ^ (uint8_t)line->text[i]) * 1099511628211ull;
    return hash;
}

int64_t k8s_mark_begin(k8s_mark *m)
{
    m->finding = m->any;
    m->went_back = false;
    m->skips = 0;
    int64_t at_s = m->at_ns / NS_IN_S - 1;
    return m->any && at_s > 0 ? at_s : 0;
}

static k8s_taken pass_first(k8s_mark *m, const k8s_line *line, uint64_t hash, k8s_taken taken)
{
    m->any = true;
    m->max_ns = line->at_ns > m->max_ns ? line->at_ns : m->max_ns;
    m->at_ns = line->at_ns;
    m->hash = hash;
    m->pieces = 1;
    m->skips = 0;
    return taken;
}

static k8s_taken take_first(k8s_mark *m, const k8s_line *line)
{
    uint64_t hash = hash_of(line);
    if (!m->finding && line->at_ns && line->at_ns < m->max_ns - BACK_NS)
        m->finding = m->went_back = true;
    if (!m->finding)
        return pass_first(m, line, hash, K8S_TAKEN_PASS);
    bool is_last = line->at_ns == m->at_ns && hash == m->hash;
    if (!is_last && line->at_ns <= m->max_ns) {
        m->skips = -1;
        return K8S_TAKEN_SKIP;
    }
    bool is_gap = m->went_back || !is_last;
    if (is_last) {
        m->finding = m->went_back;
        m->skips = m->pieces - 1;
        return K8S_TAKEN_SKIP;
    }
    m->finding = m->went_back = false;
    return pass_first(m, line, hash, is_gap ? K8S_TAKEN_GAP : K8S_TAKEN_PASS);
}

k8s_taken k8s_mark_take(k8s_mark *m, const k8s_line *line)
{
    if (line->begins)
        return take_first(m, line);
    if (m->skips != 0) {
        m->skips -= m->skips > 0;
        return K8S_TAKEN_SKIP;
    }
    m->pieces++;
    return K8S_TAKEN_PASS;
}
