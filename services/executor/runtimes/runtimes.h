/* The runtimes that this executor has: a row of runtimes/meson.build each. */
#pragma once

#include "runtimes/runtime.h"

/* In the order in which their names are shown; NULL ends it. */
extern const runtime_ops *const runtimes[];

/* NULL: there is none of that name. */
const runtime_ops *runtime_find(const char *name);
/* Their names for people, or runtime_ops.help of each, with the separator between. New. */
char *runtimes_list(const char *separator, bool help);
