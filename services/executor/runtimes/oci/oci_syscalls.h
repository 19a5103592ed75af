/* The system calls that a container may not make. */
#pragma once

#include <jansson.h>

/* linux.seccomp of a container's configuration (OCI runtime specification). Caller owns it. */
json_t *oci_syscalls_refused(void);
