/* A program's configuration: environment variables, a file with a secret, operators' permits.
 * Covers: shared/src/config.c shared/src/permit.c */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "ob/config.h"
#include "ob/permit.h"

typedef struct all {
    ob_config_common common;
    char *privileged, *host_mounts, *devices, *secret, *inner;
    int64_t small, any;
} all;

static const ob_config_field fields[] = {
    OB_PERMIT_FIELDS(offsetof(all, privileged), offsetof(all, host_mounts), offsetof(all, devices)),
    { "FUZZ_SECRET", OB_CONFIG_SECRET, offsetof(all, secret), "", "", 0, 0 },
    { "FUZZ_INNER", OB_CONFIG_STRING, offsetof(all, inner), "${OPENBATCH_HOME}/a/${FUZZ_SMALL}${",
      "", 0, 0 },
    { "FUZZ_SMALL", OB_CONFIG_INT, offsetof(all, small), "7", "", -9, 99 },
    { "FUZZ_ANY", OB_CONFIG_INT, offsetof(all, any), "0", "", INT64_MIN, INT64_MAX },
    { 0 },
};

static const ob_config_field *field_at(size_t i)
{
    size_t n = 0;
    while (ob_config_common_fields[n].name)
        n++;
    return i < n ? &ob_config_common_fields[i] : fields[i - n].name ? &fields[i - n] : NULL;
}

static void clear(void)
{
    const ob_config_field *f;
    for (size_t i = 0; (f = field_at(i)); i++)
        (void)unsetenv(f->name);
}

/* NAME=value, of our variables only. */
static void set(char *line)
{
    char *value = strchr(line, '=');
    const ob_config_field *f;
    if (!value)
        return;
    *value++ = '\0';
    for (size_t i = 0; (f = field_at(i)); i++)
        if (strcmp(f->name, line) == 0)
            (void)setenv(line, value, 1);
}

static void check_taken(const all *a)
{
    ob_permits permits;
    FUZZ_CHECK(a->small >= -9 && a->small <= 99);
    FUZZ_CHECK(a->common.kafka_partitions >= 1 && a->common.kafka_partitions <= 256);
    FUZZ_CHECK(a->common.home[0] == '/' && strlen(a->common.account) == 12);
    FUZZ_CHECK(!*a->common.kafka_user || *a->common.kafka_password_file);
    /* A default with other variables in it has their values. */
    ob_cleanup(ob_freep) char *inner =
        ob_strf("%s/a/%s${", a->common.home, getenv("FUZZ_SMALL") ? getenv("FUZZ_SMALL") : "7");
    if (!getenv("FUZZ_INNER") && *a->common.home &&
        (!getenv("FUZZ_SMALL") || *getenv("FUZZ_SMALL")))
        FUZZ_CHECK(strncmp(a->inner, "/", 1) == 0 && strlen(a->inner) <= strlen(inner) * 3);
    (void)ob_permits_parse(a->privileged, a->host_mounts, a->devices, &permits, NULL);
}

static void check_environment(fuzz_input *in)
{
    all a = { 0 };
    ob_error err = { 0 };
    while (in->left > 0 && *in->at != '\n') {
        ob_cleanup(ob_freep) char *line = fuzz_part(in, NULL);
        set(line);
    }
    int r = ob_config_load(&a, fields, true, &err);
    if (r == 0) {
        check_taken(&a);
        ob_config_done(&a, fields, true);
    }
    /* After a failure nothing is left in it either. */
    FUZZ_CHECK(r < 0 ? err.text[0] != '\0' : true);
    FUZZ_CHECK(!a.common.home && !a.inner && !a.secret && a.any == 0 && a.small == 0);
    clear();
}

/* A secret is one text of the file, without line ends at its end. */
static void check_secret(const char *text, size_t len)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("secret", MFD_CLOEXEC);
    ob_cleanup(ob_freep) char *path = ob_strf("/proc/self/fd/%d", fd), *secret = NULL;
    FUZZ_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len);
    if (ob_config_read_secret(path, &secret, NULL) < 0)
        return;
    size_t n = strlen(secret);
    FUZZ_CHECK(n > 0 && n <= len && memcmp(secret, text, n) == 0 && secret[n - 1] != '\n');
    while (n < len)
        FUZZ_CHECK(text[n] == '\n' || text[n] == '\r'), n++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    check_environment(&in);
    if (in.left == 0)
        return 0;
    (void)fuzz_byte(&in); /* the '\n' before a file */
    ob_cleanup(ob_freep) char *file = fuzz_rest(&in, &len);
    check_secret(file, len);
    return 0;
}
