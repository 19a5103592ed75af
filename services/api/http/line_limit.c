/* Limits lines of the log by two buckets each: that of all callers of a kind and that of one
 * caller. Owns no lock. Pure. */
#include "line_limit.h"

#include "ob/hash.h"

static bool has_one(const line_bucket *b, int64_t each_ms, int64_t burst, int64_t now_ms)
{
    return b->full_ms - now_ms <= each_ms * (burst - 1);
}

static void take_one(line_bucket *b, int64_t each_ms, int64_t now_ms)
{
    b->full_ms = (b->full_ms > now_ms ? b->full_ms : now_ms) + each_ms;
}

bool line_limit_take(line_limit *l, const line_rates *rates, const char *who, int64_t now_ms)
{
    line_bucket *one = &l->of[ob_hash32(OB_HASH32, who) % LINE_SLOTS];
    if (!has_one(&l->all, rates->each_ms, rates->burst, now_ms) ||
        !has_one(one, rates->each_ms_one, rates->burst_one, now_ms)) {
        l->omitted++;
        return false;
    }
    take_one(&l->all, rates->each_ms, now_ms);
    take_one(one, rates->each_ms_one, now_ms);
    return true;
}

uint64_t line_limit_omitted(line_limit *l)
{
    uint64_t n = l->omitted;
    l->omitted = 0;
    return n;
}
