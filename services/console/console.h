/* What all parts of the console share. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "live.h"
#include "ob/clients.h"
#include "ob/config.h"
#include "sign_in_link.h"

#define CONSOLE_NAME "console"
#define CONSOLE_RIGHTS_MS 60000

typedef struct console_config {
    ob_config_common common;
    char *listen;
    int64_t port;
    int64_t threads;
    int64_t api_port; /* for the default of 'api' */
    char *api;
    char *region;
    char *key_file;
    char *root_key_file; /* for --link only */
    int64_t session_s;
} console_config;

typedef struct console {
    const console_config *config;
    uint8_t key[SEALED_KEY];
    link_keeper *links;
    live *live;
    ob_conns *conns;
    int rights_ms; /* so often the api is asked what a stream may tell */
} console;
