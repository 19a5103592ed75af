/* A server that answers requests with the same text and keeps the last request it got. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct fake_api fake_api;

fake_api *fake_api_new(void);
void fake_api_free(fake_api *f);
int fake_api_port(const fake_api *f);
/* From now on: this status and body. Borrowed. */
void fake_api_answers(fake_api *f, int status, const char *body);
/* Requests with this text in them are refused (403) until the next call. Borrowed; NULL: none. */
void fake_api_refuses(fake_api *f, const char *text);
/* Requests are not answered until the next call. */
void fake_api_hangs(fake_api *f, bool hangs);
/* The last request, headers and body; "" when there was none. Copies into 'out'. */
void fake_api_last(fake_api *f, char *out, size_t size);
/* How many requests have come. */
int fake_api_count(fake_api *f);
