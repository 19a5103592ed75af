/* The table of providers. providers/meson.build has the list (PROVIDERS) and their source files.
 * Data only. Any thread. */
#include "providers.h"

#include <string.h>

#define PROVIDER(name) extern const provider_kind provider_##name;
PROVIDERS
#undef PROVIDER

#define PROVIDER(name) &provider_##name,
const provider_kind *const providers[] = { PROVIDERS NULL };
#undef PROVIDER

const provider_kind *providers_find(const char *name)
{
    for (size_t i = 0; providers[i]; i++)
        if (strcmp(providers[i]->name, name) == 0)
            return providers[i];
    return NULL;
}

char *providers_names(const char *word, bool on_this_host)
{
    char *text = ob_strdup("");
    size_t n = 0, left = 0;
    for (size_t i = 0; providers[i]; i++)
        left += providers[i]->on_this_host || !on_this_host;
    for (size_t i = 0; providers[i]; i++) {
        if (on_this_host && !providers[i]->on_this_host)
            continue;
        left--;
        char *longer = n == 0      ? ob_strdup(providers[i]->name)
                       : left == 0 ? ob_strf("%s %s %s", text, word, providers[i]->name)
                                   : ob_strf("%s, %s", text, providers[i]->name);
        free(text);
        text = longer;
        n++;
    }
    return text;
}
