/* Environments, instances and hosts for tests of the scaler's decisions; one decision at a time. */
#pragma once

#include "unit.h"

#include "decide/decide.h"

#define MAX_LAUNCHES 64
#define VERY_IDLE 60000
#define TYPES(...) ((const char *const[]){ __VA_ARGS__, NULL })

extern const decide_host unlimited;
extern const decide_limits limits;
extern decide_launch launches[MAX_LAUNCHES]; /* last decided */
extern decide_type types_of[2][512];         /* of the environments made, by slot */

/* Decides; 'out' is launches. */
size_t run(decide_env *envs,
           size_t n,
           const decide_host *host,
           const decide_limits *bounds,
           decide_launch *out);
/* The plans of the launches last decided go. */
void forget_plans(void);

/* An environment of these entries of instanceTypes. slot: its own array of types, 0 or 1. */
decide_env make_env(int slot, const char *const *entries, int32_t floor, int32_t max);
void wants(decide_env *env, const decide_shape *shapes, size_t n);
void has(decide_env *env, decide_instance *instances, size_t n);
/* With runs it is full; without, idle for long. */
decide_instance instance(const char *type, ob_instance_state state, int32_t runs);
decide_host host_of(int32_t vcpus, int32_t left);
/* Of the first n launches. */
int32_t launched_vcpus(size_t n);
