/* Work that waits, packed into instances: pure. Part of decide. */
#pragma once

#include "decide.h"

/* Sorts largest need first, the order in which all of this takes work. */
void fill_sort(decide_shape *shapes, size_t n);

/* What resources are worth, in the prices' unit: near the catalogue's price for each kind, so that
 * work of different shapes adds up. */
int64_t fill_worth(const ob_resources *r);

/* Packs waiting work into 'room' and counts it off. Returns whether anything found room. */
bool fill_pack(decide_shape *shapes, size_t n, ob_resources room);

/* Packs waiting work that an instance was meant for, and counts it off; *room: out, what is left.
 */
bool fill_planned(
    decide_shape *shapes, size_t n, const decide_shape *plan, size_t n_plan, ob_resources *room);

/* Takes one piece of work of exactly this size off. Returns whether there was one. */
bool fill_exact(decide_shape *shapes, size_t n, const ob_resources *size);

/* The most valuable way that was found to fill one instance. 'skip': shapes that are left out, or
 * NULL; 'pattern': out, how many of each shape, n numbers. Returns their worth; 0: nothing fits. */
int64_t fill_one(const decide_shape *shapes,
                 size_t n,
                 const bool *skip,
                 const ob_resources *room,
                 int64_t *pattern);
