/* Passes a container's output on, as its keeper writes it. */
#pragma once

#include "oci_model.h"

void oci_follow_begin(oci_container *c, int64_t since_ns);
/* Passes on what is there. When the end was told: to the output's end. */
void oci_follow(oci_container *c);
/* The receiver takes more. */
void oci_follow_resume(oci_container *c);
