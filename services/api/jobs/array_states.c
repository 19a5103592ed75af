/* See array_states.h. Pure: any thread. */
#include "array_states.h"

#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

char *array_states_text(int size, char bulk, const char *others)
{
    size_t n = size < 0 ? 0 : size > ARRAY_CHILDREN_MAX ? ARRAY_CHILDREN_MAX : (size_t)size;
    char *out = ob_calloc(n + 1, 1);
    memset(out, bulk, n);
    while (*others) {
        char *end = NULL;
        unsigned long index = strtoul(others, &end, 10);
        if (end == others || !*end)
            break;
        if (index < n)
            out[index] = *end;
        others = end + 1;
    }
    return out;
}
