/* The table of runtimes. runtimes/meson.build has the list (RUNTIMES) and their source files. Data
 * only. Any thread. */
#include "runtimes/runtimes.h"

#include <string.h>

#define RUNTIME(name) extern const runtime_ops runtime_##name;
RUNTIMES
#undef RUNTIME

#define RUNTIME(name) &runtime_##name,
const runtime_ops *const runtimes[] = { RUNTIMES NULL };
#undef RUNTIME

const runtime_ops *runtime_find(const char *name)
{
    for (size_t i = 0; runtimes[i]; i++)
        if (strcmp(runtimes[i]->name, name) == 0)
            return runtimes[i];
    return NULL;
}

char *runtimes_list(const char *separator, bool help)
{
    char *text = ob_strdup("");
    for (size_t i = 0; runtimes[i]; i++) {
        char *longer = ob_strf("%s%s%s", text, i > 0 ? separator : "",
                               help ? runtimes[i]->help : runtimes[i]->name);
        free(text);
        text = longer;
    }
    return text;
}
