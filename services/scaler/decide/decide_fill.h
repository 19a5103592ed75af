/* Work that waits, packed into instances: pure. Part of decide. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shape.h"

/* Shapes of the same proportions of vCPUs to memory. */
typedef struct fill_group {
    double proportion;
    size_t first, end;   /* in fill.order */
    size_t at;           /* those before it find no room in the instance that is being filled */
    size_t below, above; /* itself, or where to look for groups that are not used up */
} fill_group;

/* Work that waits. */
typedef struct fill {
    decide_shape *rest; /* what is not packed yet, largest need first: that order stays */
    size_t n;
    int64_t *pattern;   /* what fill_one found: how many of each */
    size_t steps;       /* shapes that fill_one has looked at by now: what a decision costs */
    ob_resources least; /* no need is less, kind by kind */
    int64_t *other;     /* for fill_one, with all below */
    size_t *order;      /* shapes by their proportions, of equal ones the largest first */
    fill_group *groups; /* by their proportions, from 1 */
    size_t n_groups;
} fill;

void fill_init(fill *f, const decide_shape *shapes, size_t n);
void fill_done(fill *f);

/* What resources are worth, in the prices' unit: near the catalogue's price for each kind, so that
 * work of different shapes adds up. */
int64_t fill_worth(const ob_resources *r);

/* Packs waiting work into 'room' and counts it off. Returns whether anything found room. */
bool fill_pack(fill *f, ob_resources room);

/* Packs waiting work that an instance was meant for, and counts it off; *room: out, what is left.
 */
bool fill_planned(fill *f, const decide_shape *plan, size_t n_plan, ob_resources *room);

/* Takes one piece of work of exactly this size off. Returns whether there was one. */
bool fill_exact(fill *f, const ob_resources *size);

/* The most valuable way that was found to fill one instance. 'skip': shapes that are left out, or
 * NULL. Returns its worth, and leaves it in f->pattern; 0: nothing fits. */
int64_t fill_one(fill *f, const bool *skip, const ob_resources *room);
