/* The command line of an executor that joins by hand.
 * Covers: services/executor/join.c */
#include "fuzz.h"

#include "join.h"

#define ARGUMENTS_MAX 16

static const char *const variables[] = { "OPENBATCH_CE_NAME", "OPENBATCH_JOIN_VCPUS",
                                         "OPENBATCH_JOIN_MEMORY_MIB" };
static const char *const options[] = { "--compute-environment", "--vcpus", "--memory" };

/* Is 'value' the value of some argument, after '=' or as the next one? */
static bool was_given(char *const *arguments, int n, const char *value)
{
    for (int i = 1; i < n; i++) {
        const char *equals = strchr(arguments[i], '=');
        if (strcmp(arguments[i], value) == 0 || (equals && strcmp(equals + 1, value) == 0))
            return true;
    }
    return false;
}

static void check(char **arguments, int n)
{
    char *argv[ARGUMENTS_MAX + 1] = { 0 };
    ob_error err = { 0 };
    memcpy(argv, arguments, (size_t)n * sizeof(*argv));
    int left = join_prepare(n, argv, &err);
    if (left < 0)
        FUZZ_CHECK(err.text[0]);
    for (int i = 1; i < left; i++) {
        /* What is left was there, and none of ours is among it. */
        bool found = false;
        for (int k = 1; k < n; k++)
            found = found || argv[i] == arguments[k];
        FUZZ_CHECK(found);
    }
    if (left >= 0)
        FUZZ_CHECK(left >= 1 && left <= n && !argv[left]);
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        const char *value = getenv(variables[i]);
        FUZZ_CHECK(!value || was_given(arguments, n, value));
        (void)unsetenv(variables[i]);
    }
}

/* As people write them: each option once, in both forms. */
static void check_plain(char *value)
{
    if (!*value)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        char program[] = "openbatch-executor";
        ob_cleanup(ob_freep) char *name = ob_strdup(options[i]);
        ob_cleanup(ob_freep) char *both = ob_strf("%s=%s", options[i], value);
        char *apart[] = { program, name, value, NULL }, *joined[] = { program, both, NULL };
        for (int form = 0; form < 2; form++) {
            FUZZ_CHECK(join_prepare(form ? 2 : 3, form ? joined : apart, NULL) == 1);
            FUZZ_CHECK(strcmp(getenv(variables[i]), value) == 0);
            (void)unsetenv(variables[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    char *arguments[ARGUMENTS_MAX + 1] = { ob_strdup("openbatch-executor") };
    int n = 1;
    while (in.left > 0 && n < ARGUMENTS_MAX)
        arguments[n++] = fuzz_part(&in, NULL);
    check(arguments, n);
    if (n > 1)
        check_plain(arguments[n - 1]);
    while (n > 0)
        free(arguments[--n]);
    return 0;
}
