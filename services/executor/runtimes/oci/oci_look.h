/* What has become of a container, according to its folder and its keeper. */
#pragma once

#include "oci_model.h"

/* Reads its state and output, and acts on what is new. */
void oci_look(oci_container *c);
/* For oci_process: its keeper has ended. */
void oci_on_keeper_end(int status, void *arg);
/* Its keeper is gone. */
void oci_orphaned(oci_container *c);
/* One step of the removal of what is left. May free it. */
void oci_remove_go(oci_container *c);
