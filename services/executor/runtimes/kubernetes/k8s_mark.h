/* How far a container's output was passed on, so that a reading that begins anew goes on there.
 * Kubernetes counts in times only, whole seconds at that. Pure. */
#pragma once

#include "k8s_lines.h"

typedef enum k8s_taken {
    K8S_TAKEN_SKIP, /* it was passed on before */
    K8S_TAKEN_PASS,
    K8S_TAKEN_GAP, /* pass it on, but lines before it may be missing */
} k8s_taken;

/* Zero-initialise it. */
typedef struct k8s_mark {
    bool any;       /* a line was passed on */
    int64_t max_ns; /* the latest time of those */
    int64_t at_ns;  /* of the last, and ... */
    uint64_t hash;  /* ... of its first piece, and ... */
    int64_t pieces; /* ... how many of it were passed on */
    /* Of the reading. */
    bool finding;   /* it has not come to the last line yet */
    bool went_back; /* the stream went back in time by itself */
    int64_t skips;  /* pieces of the current line to be skipped; -1: all */
} k8s_mark;

/* A reading begins. Returns the second since the epoch from which it must read; 0: all. */
int64_t k8s_mark_begin(k8s_mark *m);
/* The next line of the reading, or a piece of one. */
k8s_taken k8s_mark_take(k8s_mark *m, const k8s_line *line);
