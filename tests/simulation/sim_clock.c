/* ob/clock.h on the world's time. Each host has its own: it counts from its boot, and its wall
 * clock may be set (host.ahead_us). Also the kernel's random bytes: from a stream of the seed. */
#include "ob/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "sim.h"

static dice bytes;

void sim_clock_open(uint64_t seed)
{
    bytes = dice_new(seed, "random bytes");
}

static const host *here(void)
{
    static const host none;
    const process *p = world_process();
    return p && p->at ? p->at : &none;
}

int64_t ob_wall_ms(void)
{
    return (SIM_EPOCH_US + world_now_us() + here()->ahead_us) / 1000;
}

int64_t ob_mono_us(void)
{
    return world_now_us() - here()->boot_us;
}

int64_t ob_mono_ms(void)
{
    return ob_mono_us() / 1000;
}

int64_t ob_boot_ms(void)
{
    return ob_mono_us() / 1000;
}

void ob_boot_id(char out[OB_BOOT_ID_TEXT])
{
    (void)snprintf(out, OB_BOOT_ID_TEXT, "%.20s-%d", here()->name, here()->boot);
}

bool ob_wall_jumped(int64_t *ret_by_ms, int64_t *ret_ago_ms)
{
    *ret_by_ms = *ret_ago_ms = 0;
    return false;
}

bool ob_wall_steady(int64_t for_ms)
{
    (void)for_ms;
    return true;
}

/* In place of libc's: ids, tokens and sessions depend on the seed, and names on the process. */

pid_t getpid(void)
{
    return world_process() ? world_process()->number : 1;
}

int gethostname(char *name, size_t size)
{
    (void)snprintf(name, size, "%s", here()->name);
    return 0;
}

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t at = 0; at < len; at += 8) {
        uint64_t n = dice_next(&bytes);
        memcpy((char *)out + at, &n, len - at < 8 ? len - at : 8);
    }
    return (ssize_t)len;
}
