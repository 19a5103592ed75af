/* The operations of the api that a page may ask for. */
#pragma once

#include <stdbool.h>

typedef struct allowed_operation {
    const char *name;
    const char *service; /* that the request is signed for */
    const char *path;
    const char *target; /* X-Amz-Target; NULL: none */
    bool changes;       /* it changes something: POST, and only from our own page */
} allowed_operation;

/* NULL: not one of them. */
const allowed_operation *allow_list_find(const char *name);
/* The one that makes sessions; pages cannot ask for it. */
extern const allowed_operation allow_list_create_session;
