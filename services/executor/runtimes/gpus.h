/* Which GPUs of the instance are in use. A GPU belongs to one container at a time. Pure. */
#pragma once

#include <stdbool.h>

#include "ob/error.h"

#define GPUS_MAX 64

typedef struct gpu_use {
    bool taken[GPUS_MAX];
} gpu_use;

/* A container uses these: "0,3"; NULL: none. */
void gpus_mark(gpu_use *use, const char *list);
/* Selects 'n' of the first 'count' GPUs that are not taken. *ret is new: their indices, "0,3".
 * Errors: -EBUSY (other containers use them for now), -EINVAL (the instance has fewer). */
int gpus_select(const gpu_use *use, int count, int n, char **ret, ob_error *err);
