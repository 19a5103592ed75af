/* Environments and instances in memory: loaded from PostgreSQL. */
#pragma once

#include "scaler.h"

/* Loads all environments, instances and what is placed on them; forgets what is gone. Safe to
 * repeat at any time. first: leading begins, nothing is known of demand and use yet. */
int envs_load(scaler *s, bool first, int64_t now_ms, ob_error *err);

/* An instance of this type just inserted; takes the launch's plan. Returns it. */
instance *envs_add_instance(scaler *s,
                            const char *id,
                            const env *e,
                            const char *type,
                            decide_launch *launch,
                            const char *token_hash,
                            int64_t now_ms);
void envs_drop_instance(scaler *s, instance *in);
