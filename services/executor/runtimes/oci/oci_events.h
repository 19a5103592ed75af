/* Hears of changes in containers' folders (inotify). */
#pragma once

#include "oci_model.h"

int oci_events_open(oci *o, ob_error *err);
void oci_events_close(oci *o);
/* From now on changes in its folder are looked at. Errors: -errno. */
int oci_events_watch(oci_container *c, ob_error *err);
