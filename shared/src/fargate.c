/* Owns the table of Fargate's sizes. Pure: any thread. */
#include "ob/fargate.h"

#include <assert.h>

#include "ob/mem.h"

typedef struct size_range {
    int32_t mcpu, min_mib, max_mib, step_mib;
} size_range;

static const size_range ranges[] = {
    { 250, 512, 512, 512 },       { 250, 1024, 2048, 1024 },      { 500, 1024, 4096, 1024 },
    { 1000, 2048, 8192, 1024 },   { 2000, 4096, 16384, 1024 },    { 4000, 8192, 30720, 1024 },
    { 8000, 16384, 61440, 4096 }, { 16000, 32768, 122880, 8192 }, { 32000, 61440, 61440, 1 },
    { 32000, 122880, 122880, 1 }, { 32000, 249856, 249856, 1 },
};

bool ob_fargate_is_legal(const ob_resources *size)
{
    if (size->gpus != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        const size_range *r = &ranges[i];
        if (r->mcpu == size->mcpu && size->mem_mib >= r->min_mib && size->mem_mib <= r->max_mib &&
            (size->mem_mib - r->min_mib) % r->step_mib == 0)
            return true;
    }
    return false;
}

size_t ob_fargate_sizes(ob_resources out[OB_FARGATE_SIZES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
        for (int32_t mib = ranges[i].min_mib; mib <= ranges[i].max_mib; mib += ranges[i].step_mib) {
            assert(n < OB_FARGATE_SIZES_MAX);
            out[n++] = (ob_resources){ .mcpu = ranges[i].mcpu, .mem_mib = mib };
        }
    return n;
}
