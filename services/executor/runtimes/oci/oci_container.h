/* The table of containers, their steps, and what the executor is told of one. */
#pragma once

#include "oci_model.h"

/* Advances the containers at the end of this turn, or after a while. */
void oci_dirty(oci *o);
void oci_later(oci *o, int64_t delay_ms);
oci_container *oci_find(oci *o, const char *run);
oci_container *oci_add(oci *o, const char *run, oci_step step);
/* Also removes it from the table. */
void oci_free_container(oci_container *c);

/* name: of a container, or NULL. */
oci_place oci_place_of(const oci *o, const char *name);

void oci_set_step(oci_container *c, oci_step step);
/* Its next step waits for a while. */
void oci_wait(oci_container *c, int64_t delay_ms);
/* What it needed only for its start. */
void oci_drop_plan(oci_container *c);

void oci_tell_running(oci_container *c, int64_t started_at_ms);
void oci_tell_end(oci_container *c, const runtime_end *end);
/* It has not begun. reason: NULL: not the job's fault, it is placed again. */
void oci_end_unstarted(oci_container *c, const char *reason);
__attribute__((format(printf, 2, 3))) void oci_end_failed(oci_container *c, const char *fmt, ...);
