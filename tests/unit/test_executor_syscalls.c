/* Which system calls a container may not make, by its seccomp rules. */
#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "runtimes/oci/oci_syscalls.h"

/* Is a call refused, by its name and the first two arguments? All comparisons are of bits. */
static bool refuses(const json_t *seccomp, const char *name, uint64_t first, uint64_t second)
{
    size_t i, k;
    const json_t *rule, *arg;
    json_array_foreach(json_object_get(seccomp, "syscalls"), i, rule)
    {
        bool fits = false;
        json_array_foreach(json_object_get(rule, "names"), k, arg) fits |=
            strcmp(json_string_value(arg), name) == 0;
        json_array_foreach(json_object_get(rule, "args"), k, arg)
        {
            uint64_t given = json_integer_value(json_object_get(arg, "index")) ? second : first;
            uint64_t mask = (uint64_t)json_integer_value(json_object_get(arg, "value"));
            uint64_t value = (uint64_t)json_integer_value(json_object_get(arg, "valueTwo"));
            assert_string_equal(json_string_value(json_object_get(arg, "op")),
                                "SCMP_CMP_MASKED_EQ");
            fits = fits && (given & mask) == value;
        }
        if (fits)
            return true;
    }
    return false;
}

static void calls_are_refused_as_docker_does(void **state)
{
    (void)state;
    static const char *const never[] = { "mount", "setns",  "unshare",     "clone3",
                                         "bpf",   "syslog", "pidfd_getfd", "fanotify_init" };
    const uint64_t high = 1ULL << 32; /* the kernel does not look at it */
    json_auto_t *calls = oci_syscalls_refused();
    for (size_t i = 0; i < ARRAY_SIZE(never); i++)
        if (!refuses(calls, never[i], 0, 0))
            fail_msg("%s", never[i]);
    assert_false(refuses(calls, "read", 0, 0));

    assert_false(refuses(calls, "clone", SIGCHLD | CLONE_VM | CLONE_VFORK, 0));
    assert_true(refuses(calls, "clone", SIGCHLD | CLONE_NEWUSER, 0));
    assert_true(refuses(calls, "clone", high | CLONE_NEWNS | CLONE_NEWNET, 0));

    for (uint64_t family = 0; family < AF_MAX; family++)
        assert_int_equal(refuses(calls, "socket", high | family, high | SOCK_STREAM | SOCK_CLOEXEC),
                         family == AF_ALG || family == AF_VSOCK);
    assert_true(refuses(calls, "socket", AF_ALG, SOCK_SEQPACKET | SOCK_NONBLOCK));
    assert_false(refuses(calls, "socket", 1, 0xffd00000)); /* socketcall: SYS_SOCKET, an address */
}

static void one_personality_of_a_few_can_be_had(void **state)
{
    (void)state;
    static const uint32_t usable[] = { 0, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26, UINT32_MAX };
    json_auto_t *calls = oci_syscalls_refused();
    for (size_t i = 0; i < ARRAY_SIZE(usable); i++) {
        assert_false(refuses(calls, "personality", usable[i], 0));
        assert_false(refuses(calls, "personality", 1ULL << 40 | usable[i], 0));
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t other = usable[i] ^ 1U << bit;
            bool known = false;
            for (size_t k = 0; k < ARRAY_SIZE(usable); k++)
                known |= other == usable[k];
            assert_int_equal(refuses(calls, "personality", other, 0), !known);
        }
    }
    assert_true(refuses(calls, "personality", ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC, 0));
    assert_true(refuses(calls, "personality", 0xfffffff6, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_refused_as_docker_does),
        cmocka_unit_test(one_personality_of_a_few_can_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
