/* The table of providers; code that chooses one uses only this. */
#pragma once

#include "provider.h"

extern const provider_kind *const providers[]; /* ends with NULL */

/* NULL: there is none of that name. */
const provider_kind *providers_find(const char *name);
/* Their names with a word before the last, "local, docker or ec2"; on_this_host: only of those.
 * New, free it. */
char *providers_names(const char *word, bool on_this_host);
