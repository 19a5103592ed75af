/* `openbatch-console --link`, for `./openbatch console`. */
#pragma once

#include "console.h"

/* Makes a session with the root key and prints the text of a link that signs in with it, once,
 * within a minute. Errors: -EINVAL (a file), those of api_client_create_session. */
int print_link(const console_config *config, ob_error *err);
