/* Capacity kept for a large job. */
#pragma once

#include "model.h"

void keep_note_placement(engine *e, const class *cls, ce *c); /* a job of 'cls' was placed there */
void keep_update(engine *e);                                  /* after placement */
void keep_end(engine *e, queue *q); /* its keeper has been served or no longer exists */
void keep_release(engine *e, instance *i);
instance *keep_find_room(const engine *e, const class *cls, const ce *c);
