/* The next launch for an environment: a type, or an exact size. */
#pragma once

#include "decide_work.h"

/* Within an equal share of the free capacity and half of the whole if something helps there, else
 * anything that still fits. needy: environments that share it. */
bool choose_with_room(const work *k, const work_env *w, size_t needy, decide_launch *ret);
/* The type that is best on a host of this size, whatever is free now; nothing while that type is
 * not available: BEST_FIT waits. False: *ret may name the type that is waited for. */
bool choose_patiently(const work *k, const work_env *w, decide_launch *ret);
/* Whatever the provider has now. */
bool choose_any(const work_env *w, decide_launch *ret);
/* Would an instance of that type help? */
bool choose_helps(const work_env *w, const decide_type *type);
