/* What an environment may launch, by its body and the catalogue. Loop thread. */
#pragma once

#include "scaler.h"

/* Takes the environment's body: types, strategy, what makes its instances, how they are replaced,
 * shapes for the scheduler; notes what is wrong with it. e's limits and kind are set before. */
void env_types_set(scaler *s, env *e, const char *body);
void env_types_free(env *e);

/* The provider had none of a type: it is asked for again later. */
void env_types_refuse(env *e, const char *type, int64_t now_ms);
/* It has one again: of that type nothing is in doubt any more. */
void env_types_accept(env *e, const char *type);
/* Brings decide's view of the types up to now. */
void env_types_refresh(env *e, int64_t now_ms);
