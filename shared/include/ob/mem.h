/* Memory: allocation that cannot fail, and its end by scope. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

/* Cleanup by attribute: `ob_cleanup(ob_freep) char *s = NULL;` */
#define ob_cleanup(fn) __attribute__((cleanup(fn)))

static inline void ob_freep(void *p)
{
    free(*(void **)p);
}

/* Hands ownership out of a cleanup variable. */
#define ob_take(p)                                                                                 \
    ({                                                                                             \
        __typeof__(p) ob_taken_ = (p);                                                             \
        (p) = NULL;                                                                                \
        ob_taken_;                                                                                 \
    })

/* Members of an array (not of a pointer). */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Allocation in base and start-up code: aborts when memory is out. Free with free(). */
void *ob_calloc(size_t n, size_t size);
void *ob_realloc(void *p, size_t size);
char *ob_strdup(const char *s);
__attribute__((format(printf, 1, 2))) char *ob_strf(const char *fmt, ...);
