/* Included by every unit test: cmocka needs these headers first. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ob/mem.h" /* ARRAY_SIZE */

/* An instance that no other process names: its control groups are the host's, and tests run side by
 * side. */
static inline const char *own_instance(void)
{
    static char name[20];
    if (!name[0])
        (void)snprintf(name, sizeof(name), "i-%017x", (unsigned)getpid());
    return name;
}
