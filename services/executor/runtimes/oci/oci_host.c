/* Reads the host's facts once, at the executor's start. Owns nothing but this process's limit of
 * open files. */
#include "oci_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/seccomp.h>

#define ROOT "/sys/fs/cgroup"
#define CAPABILITIES_MAX 63
#define PIDS_LEAST 1024
#define FILES_WANTED 65536

static bool is_type(const char *path, unsigned long type)
{
    struct statfs at;
    return statfs(path, &at) == 0 && (unsigned long)at.f_type == type;
}

static long long read_number(const char *path, long long otherwise)
{
    long long value = otherwise;
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%lld", &value) != 1)
        value = otherwise;
    if (file)
        (void)fclose(file);
    return value;
}

static bool has_text(const char *path)
{
    FILE *file = fopen(path, "re");
    int c = file ? fgetc(file) : EOF;
    if (file)
        (void)fclose(file);
    return c != EOF && c != '\n';
}

static oci_groups read_groups(void)
{
    if (is_type(ROOT, CGROUP2_SUPER_MAGIC))
        return OCI_GROUPS_V2;
    if (!is_type(ROOT "/unified", CGROUP2_SUPER_MAGIC))
        return OCI_GROUPS_V1;
    return has_text(ROOT "/unified/cgroup.controllers") ? OCI_GROUPS_MIXED : OCI_GROUPS_HYBRID;
}

/* With v2 the root group has no such file; /proc/swaps exists where the kernel can swap. */
static bool read_limits_swap(oci_groups groups)
{
    return access(groups == OCI_GROUPS_V2 ? "/proc/swaps"
                                          : ROOT "/memory/memory.memsw.limit_in_bytes",
                  F_OK) == 0;
}

static void raise_files(oci_host *ret)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    ret->files_soft = (int64_t)limit.rlim_cur;
    ret->files_hard = (int64_t)limit.rlim_max;
    if (limit.rlim_cur >= FILES_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* An eighth of the host's limit: one container's processes leave enough for the others. */
static int64_t read_pids_limit(void)
{
    long long most = read_number("/proc/sys/kernel/pid_max", 0);
    return most <= 0 ? 0 : most / 8 > PIDS_LEAST ? most / 8 : PIDS_LEAST;
}

void oci_host_read(oci_host *ret)
{
    struct utsname name;
    *ret = (oci_host){ .groups = read_groups(), .pids_limit = read_pids_limit() };
    ret->limits_swap = read_limits_swap(ret->groups);
    /* Without a filter: EFAULT where there are filters. */
    ret->refuses_calls = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 && errno == EFAULT;
    ret->oom_score = (int)read_number("/proc/self/oom_score_adj", 0);
    raise_files(ret);
    if (uname(&name) == 0)
        (void)snprintf(ret->name, sizeof(ret->name), "%s", name.nodename);
    for (int i = 0; i <= CAPABILITIES_MAX; i++)
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            ret->capabilities |= 1ULL << i;
}
