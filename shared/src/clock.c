/* Clocks: only this file asks the system for the time. Records when the wall clock was last set: it
 * and the boot clock are slewed alike, so their difference changes only then. Any thread. */
#include "ob/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define JUMP_MS 1000 /* a smaller change is normal adjustment */
#define LOOK_MS 100  /* both clocks are to be read within so long */

static _Atomic int64_t between_ms = INT64_MIN;   /* wall minus boot; at first not known */
static _Atomic int64_t jumped_at_ms = INT64_MIN; /* boot clock */
static _Atomic int64_t jumped_by_ms;

static int64_t now_us(clockid_t clock)
{
    struct timespec ts = { 0 };
    (void)clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t ob_wall_ms(void)
{
    int64_t before_ms = ob_boot_ms();
    int64_t wall_ms = now_us(CLOCK_REALTIME) / 1000;
    int64_t boot_ms = ob_boot_ms();
    int64_t known_ms = atomic_load(&between_ms);
    int64_t now_ms = wall_ms - boot_ms;
    int64_t by_ms = known_ms == INT64_MIN ? 0 : now_ms - known_ms;
    if (boot_ms - before_ms > LOOK_MS)
        return wall_ms; /* this thread was stopped between the two */
    if (known_ms != INT64_MIN && by_ms > -JUMP_MS && by_ms < JUMP_MS)
        return wall_ms;
    if (atomic_compare_exchange_strong(&between_ms, &known_ms, now_ms) && by_ms != 0) {
        atomic_store(&jumped_by_ms, by_ms);
        atomic_store(&jumped_at_ms, boot_ms);
    }
    return wall_ms;
}

bool ob_wall_jumped(int64_t *ret_by_ms, int64_t *ret_ago_ms)
{
    (void)ob_wall_ms(); /* it may have jumped since the last check */
    int64_t at_ms = atomic_load(&jumped_at_ms);
    if (at_ms == INT64_MIN)
        return false;
    *ret_by_ms = atomic_load(&jumped_by_ms);
    *ret_ago_ms = ob_boot_ms() - at_ms;
    return true;
}

bool ob_wall_steady(int64_t for_ms)
{
    int64_t by_ms, ago_ms;
    return !ob_wall_jumped(&by_ms, &ago_ms) || ago_ms >= for_ms;
}

int64_t ob_mono_ms(void)
{
    return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t ob_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t ob_boot_ms(void)
{
    return now_us(CLOCK_BOOTTIME) / 1000;
}

void ob_boot_id(char out[OB_BOOT_ID_TEXT])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file || !fgets(out, OB_BOOT_ID_TEXT, file))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (file)
        (void)fclose(file);
}
