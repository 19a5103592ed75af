/* Containers that ask for folders and devices of the host.
 * Covers: shared/src/host_path.c shared/src/permit.c */
#include "fuzz.h"

#include "ob/host_path.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/permit.h"

#define GUARDED "/srv/copy"

/* The same question, answered another way: by the list of a path's parts. */
static size_t parts_of(char *path, char **parts, size_t max)
{
    size_t n = 0;
    for (char *rest = path, *part; (part = strsep(&rest, "/"));) {
        if (strcmp(part, "..") == 0)
            n -= n > 0;
        else if (*part && strcmp(part, ".") != 0 && n < max)
            parts[n++] = part;
    }
    return n;
}

/* Is it /srv/copy, something in it, or a folder around it? */
static bool is_guarded(const char *path)
{
    static const char *const guarded[] = { "srv", "copy" };
    ob_cleanup(ob_freep) char *copy = ob_strdup(path);
    size_t max = strlen(path) + 1;
    ob_cleanup(ob_freep) char **parts = ob_calloc(max, sizeof(*parts));
    size_t n = parts_of(copy, parts, max);
    for (size_t i = 0; i < n && i < 2; i++)
        if (strcmp(parts[i], guarded[i]) != 0)
            return false;
    return true;
}

static void check_guard(const json_t *container)
{
    static ob_host_guard *guard;
    if (!guard)
        guard = ob_host_guard_new(GUARDED, NULL, NULL, NULL);
    bool refused = ob_host_guard_check(guard, container, false, NULL) < 0;
    size_t i;
    const json_t *volume;
    json_array_foreach(json_object_get(container, "volumes"), i, volume)
    {
        const char *path = ob_json_str(json_object_get(volume, "host"), "sourcePath", "");
        if (*path && is_guarded(path))
            FUZZ_CHECK(refused);
        if (*path && ob_host_path_in(path, GUARDED))
            FUZZ_CHECK(refused);
    }
}

/* Once what is not permitted was dropped, nothing of it is asked for any more. */
static void check_permits(json_t *container)
{
    static const ob_permits refuse = { OB_PERMIT_REFUSE, OB_PERMIT_REFUSE, OB_PERMIT_REFUSE },
                            drop = { OB_PERMIT_DROP, OB_PERMIT_DROP, OB_PERMIT_DROP };
    bool refused = ob_permits_check(&refuse, container, NULL) < 0;
    ob_cleanup(ob_freep) char *note = ob_permits_note(&drop, container);
    FUZZ_CHECK(refused == (note != NULL));
    ob_permits_drop(&drop, container);
    FUZZ_CHECK(ob_permits_check(&refuse, container, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *container = ob_json_read((const char *)data, size);
    if (!container) { /* one path */
        fuzz_input in = fuzz_begin(data, size);
        ob_cleanup(ob_freep) char *path = fuzz_rest(&in, NULL);
        container =
            json_pack("{s:[{s:{s:o}}]}", "volumes", "host", "sourcePath", ob_json_text(path));
    }
    check_guard(container);
    check_permits(container);
    return 0;
}
