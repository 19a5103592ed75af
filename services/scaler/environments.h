/* Environments and instances in memory: loaded from PostgreSQL. */
#pragma once

#include "scaler.h"

/* Loads all environments, instances and their placements; drops those that are gone. Safe to repeat
 * at any time. first: leading begins, so demand and use are not known yet. */
int envs_load(scaler *s, bool first, int64_t now_ms, ob_error *err);

/* Adds an instance of this type that was just inserted; takes the launch's plan. Returns it. */
instance *envs_add_instance(scaler *s,
                            const char *id,
                            const env *e,
                            const char *type,
                            decide_launch *launch,
                            const char *key_salt,
                            int64_t now_ms);
void envs_drop_instance(scaler *s, instance *in);
