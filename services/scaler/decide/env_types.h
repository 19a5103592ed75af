/* What an environment may launch, according to its settings and the catalogue. Loop thread. */
#pragma once

#include "scaler.h"

/* Reads the environment's settings: types, strategy, launch settings, how instances are replaced,
 * shapes for the scheduler; records what is wrong with it. e's limits and kind are set before. */
void env_types_set(scaler *s, env *e, const char *body);
void env_types_free(env *e);

/* The provider had no instance of a type: it is asked again later. */
void env_types_refuse(env *e, const char *type, int64_t now_ms);
/* It has one again: launches of that type are no longer doubtful. */
void env_types_accept(env *e, const char *type);
/* Updates decide's view of the types to the current time. */
void env_types_refresh(env *e, int64_t now_ms);
