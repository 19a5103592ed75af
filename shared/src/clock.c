/* Clocks: the only place that asks the system for the time. Owns nothing. Any thread. */
#include "ob/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now_us(clockid_t clock)
{
    struct timespec ts = { 0 };
    (void)clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t ob_wall_ms(void)
{
    return now_us(CLOCK_REALTIME) / 1000;
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
