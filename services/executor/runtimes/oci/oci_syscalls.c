/* What Docker's default profile refuses a container without further capabilities (moby's profiles,
 * seccomp/default.json): calls that reach the kernel's less tested parts, or beyond the container.
 * Refused by name, so a call that is newer than this list is allowed. A name that the host's
 * library does not know is left out by crun and runc. Owns nothing. Any thread. */
#include "oci_syscalls.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/personality.h>
#include <sys/socket.h>

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
    /* mounts and namespaces, and what is the host's there; clone and clone3 are below */
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "pivot_root",
    "setdomainname",
    "sethostname",
    "setns",
    "umount",
    "umount2",
    "unshare",
    /* what is not separate in a container: keys, accounts, quotas, other processes, memory */
    "acct",
    "add_key",
    "fanotify_init",
    "get_mempolicy",
    "kcmp",
    "keyctl",
    "lookup_dcookie",
    "lsm_get_self_attr",
    "lsm_list_modules",
    "lsm_set_self_attr",
    "mbind",
    "migrate_pages",
    "move_pages",
    "open_by_handle_at",
    "pidfd_getfd",
    "process_madvise",
    "quotactl",
    "quotactl_fd",
    "request_key",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "syslog",
    "userfaultfd",
    "vhangup",
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

/* An argument of which these bits are so. The library compares 64 bits, and the kernel takes 32. */
static json_t *bits(int index, uint32_t mask, uint32_t value)
{
    return json_pack("{s:i, s:I, s:I, s:o}", "index", index, "value", (json_int_t)mask, "valueTwo",
                     (json_int_t)value, "op", ob_json_text("SCMP_CMP_MASKED_EQ"));
}

/* args: all of them must be so. */
static json_t *refused_if(const char *name, json_t *args)
{
    json_t *r = rule(json_pack("[o]", ob_json_text(name)), EPERM);
    (void)json_object_set_new(r, "args", args);
    return r;
}

/* Namespaces. */
static void add_clone(json_t *rules)
{
    for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
        (void)json_array_append_new(
            rules, refused_if("clone", json_pack("[o]", bits(0, namespaces[i], namespaces[i]))));
}

/* The kernel's ciphers, and the hypervisor. The type of a socket has none of the other bits. With
 * socketcall, which 32-bit programs use, the arguments are in memory, and the library would refuse
 * all sockets; but there the second argument is an address, which has some of these bits. */
static void add_socket(json_t *rules)
{
    static const uint32_t families[] = { AF_ALG, AF_VSOCK };
    const uint32_t other_bits = ~(uint32_t)(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (size_t i = 0; i < ARRAY_SIZE(families); i++)
        (void)json_array_append_new(
            rules, refused_if("socket", json_pack("[o, o]", bits(0, UINT32_MAX, families[i]),
                                                  bits(1, other_bits, 0))));
}

/* All but PER_LINUX, PER_LINUX32, either with UNAME26, and UINT32_MAX, which only asks. A rule has
 * one comparison of an argument, so: of the bits that none of these four has, all are set or none
 * is, if each that is set is followed by one that is set, and the last by the first; and where they
 * are set, so are the other two. */
static void add_personality(json_t *rules)
{
    const uint32_t usable = PER_LINUX32 | UNAME26;
    uint32_t first = 1, at = first;
    do {
        uint32_t next = at;
        do
            next = next << 1 | next >> 31;
        while (next & usable);
        (void)json_array_append_new(
            rules, refused_if("personality", json_pack("[o]", bits(0, at | next, at))));
        at = next;
    } while (at != first);
    for (uint32_t bit = 1; bit; bit <<= 1)
        if (bit & usable)
            (void)json_array_append_new(
                rules, refused_if("personality", json_pack("[o]", bits(0, first | bit, first))));
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
    add_clone(rules);
    add_socket(rules);
    add_personality(rules);
    /* Its flags are in memory, where they cannot be checked; programs then use clone. */
    (void)json_array_append_new(rules, rule(json_pack("[o]", ob_json_text("clone3")), ENOSYS));
    return json_pack("{s:o, s:o, s:o}", "defaultAction", ob_json_text("SCMP_ACT_ALLOW"),
                     "architectures", texts(architectures, ARRAY_SIZE(architectures) - 1),
                     "syscalls", rules);
}
