/* Packs waiting work into instances. Pure. Part of decide. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shape.h"

/* Shapes of the same proportions of vCPUs to memory. */
typedef struct fill_group {
    double proportion;
    size_t first, end;   /* in fill.order */
    size_t at;           /* earlier ones do not fit the instance that is being filled */
    size_t below, above; /* itself, or the next group that may not be used up */
} fill_group;

/* Work that waits. */
typedef struct fill {
    decide_shape *rest; /* what is not packed yet, largest need first: that order stays */
    size_t n;
    int64_t *pattern;   /* what fill_one found: how many of each */
    size_t steps;       /* shapes that fill_one has looked at so far: the cost of a decision */
    ob_resources least; /* no need is less, kind by kind */
    int64_t *other;     /* for fill_one, with all below */
    size_t *order;      /* shapes by their proportions, of equal ones the largest first */
    fill_group *groups; /* by their proportions, from 1 */
    size_t n_groups;
} fill;

void fill_init(fill *f, const decide_shape *shapes, size_t n);
void fill_done(fill *f);

/* The value of resources, in the unit of prices: close to the catalogue's price for each resource,
 * so that work of different shapes can be added up. */
int64_t fill_worth(const ob_resources *r);

/* Packs waiting work into 'room' and removes it. Returns whether anything fitted. */
bool fill_pack(fill *f, ob_resources room);

/* Packs waiting work that an instance was launched for, and removes it; *room: out, the rest */
bool fill_planned(fill *f, const decide_shape *plan, size_t n_plan, ob_resources *room);

/* Removes one piece of work of exactly this size. Returns whether there was one. */
bool fill_exact(fill *f, const ob_resources *size);

/* The most valuable way found to fill one instance. 'skip': shapes that are left out, or NULL.
 * Returns its value and leaves it in f->pattern; 0: nothing fits. */
int64_t fill_one(fill *f, const bool *skip, const ob_resources *room);
