/* See host_size.h. Pure but for asking the kernel. Any thread. */
#include "host_size.h"

#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MEMORY_MIN_MIB (16 * 1024)

int host_size_complete(host_size *size, ob_error *err)
{
    struct sysinfo info;
    if (sysinfo(&info) < 0)
        return ob_fail(err, errno, "sysinfo: %s", strerror(errno));
    if (size->vcpus == 0)
        size->vcpus = 4 * sysconf(_SC_NPROCESSORS_ONLN);
    if (size->memory_mib == 0) {
        size->memory_mib = 2 * (int64_t)(info.totalram / 1024 * info.mem_unit / 1024);
        if (size->memory_mib < MEMORY_MIN_MIB)
            size->memory_mib = MEMORY_MIN_MIB;
    }
    return 0;
}
