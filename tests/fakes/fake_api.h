/* A server that answers every request with the same text and keeps the last request it got. */
#pragma once

#include <stddef.h>

typedef struct fake_api fake_api;

fake_api *fake_api_new(void);
void fake_api_free(fake_api *f);
int fake_api_port(const fake_api *f);
/* From now on: this status and body. Borrowed. */
void fake_api_answers(fake_api *f, int status, const char *body);
/* The last request, headers and body; "" when there was none. Copies into 'out'. */
void fake_api_last(fake_api *f, char *out, size_t size);
/* How many requests have come. */
int fake_api_count(fake_api *f);
