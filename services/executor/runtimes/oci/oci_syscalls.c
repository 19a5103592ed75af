/* What Docker's default profile refuses, by its documentation ("Seccomp security profiles for
 * Docker"): calls that reach the kernel's less tested parts, or beyond the container. Refused by
 * name, so a call that is newer than this list is allowed. A name that the host's library does not
 * know is left out by crun and runc. Owns nothing. Any thread. */
#include "oci_syscalls.h"

#include <errno.h>
#include <sched.h>

#include "ob/error.h"
#include "ob/json.h"

static const char *const refused[] = {
    /* modules, other kernels, the machine */
    "create_module",
    "delete_module",
    "finit_module",
    "get_kernel_syms",
    "init_module",
    "ioperm",
    "iopl",
    "kexec_file_load",
    "kexec_load",
    "nfsservctl",
    "query_module",
    "reboot",
    "swapoff",
    "swapon",
    "sysfs",
    "_sysctl",
    "uselib",
    "ustat",
    "vm86",
    "vm86old",
    /* clocks */
    "clock_adjtime",
    "clock_adjtime64",
    "clock_settime",
    "clock_settime64",
    "settimeofday",
    "stime",
    /* mounts and namespaces; clone and clone3 are below */
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "pivot_root",
    "setns",
    "umount",
    "umount2",
    "unshare",
    /* what is not separate in a container: keys, accounts, quotas, other processes, memory */
    "acct",
    "add_key",
    "get_mempolicy",
    "kcmp",
    "keyctl",
    "lookup_dcookie",
    "mbind",
    "move_pages",
    "open_by_handle_at",
    "quotactl",
    "quotactl_fd",
    "request_key",
    "set_mempolicy",
    "userfaultfd",
    /* programs and requests that the kernel runs */
    "bpf",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "perf_event_open",
};

static const unsigned namespaces[] = { CLONE_NEWCGROUP, CLONE_NEWIPC,  CLONE_NEWNET, CLONE_NEWNS,
                                       CLONE_NEWPID,    CLONE_NEWUSER, CLONE_NEWUTS };

static json_t *rule(json_t *names, int error)
{
    return json_pack("{s:o, s:o, s:i}", "names", names, "action", ob_json_text("SCMP_ACT_ERRNO"),
                     "errnoRet", error);
}

/* clone, if it has this flag. */
static json_t *refused_clone(unsigned flag)
{
    json_t *r = rule(json_pack("[o]", ob_json_text("clone")), EPERM);
    (void)json_object_set_new(r, "args",
                              json_pack("[{s:i, s:I, s:I, s:o}]", "index", 0, "value",
                                        (json_int_t)flag, "valueTwo", (json_int_t)flag, "op",
                                        ob_json_text("SCMP_CMP_MASKED_EQ")));
    return r;
}

/* Programs for these run, too; the library ends a program for any other at its first call. */
static const char *const architectures[] = {
#if defined(__x86_64__)
    "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
#elif defined(__aarch64__)
    "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",
#endif
    NULL, /* none: the machine's own */
};

static json_t *texts(const char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, ob_json_text(list[i]));
    return array;
}

json_t *oci_syscalls_refused(void)
{
    json_t *rules = json_array();
    (void)json_array_append_new(rules, rule(texts(refused, ARRAY_SIZE(refused)), EPERM));
    for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
        (void)json_array_append_new(rules, refused_clone(namespaces[i]));
    /* Its flags are in memory, where they cannot be checked; programs then use clone. */
    (void)json_array_append_new(rules, rule(json_pack("[o]", ob_json_text("clone3")), ENOSYS));
    return json_pack("{s:o, s:o, s:o}", "defaultAction", ob_json_text("SCMP_ACT_ALLOW"),
                     "architectures", texts(architectures, ARRAY_SIZE(architectures) - 1),
                     "syscalls", rules);
}
