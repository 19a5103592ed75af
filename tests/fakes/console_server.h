/* What tests of the console's HTTP side share. */
#pragma once

#include "web_server.h"

/* A port of 127.0.0.1 that nobody has now. */
int free_port(void);
/* Ends the console at once. By itself civetweb looks only every two seconds whether it is to end;
 * connections wake it. */
void stop_server(web_server *server, int port);
