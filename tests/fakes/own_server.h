/* Real PostgreSQL and Redis servers for one test program: private, on a unix socket in a directory
 * of their own. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct own_server {
    char dir[64]; /* holds the data and the socket */
    pid_t pid;
} own_server;

/* Makes and starts a cluster in which everybody may connect as `postgres`. False when PostgreSQL is
 * not installed. Aborts the test program on any other failure. */
bool own_postgres_start(own_server *server);
/* Starts redis-server with a socket at <dir>/redis.sock. password: NULL or text. False when it is
 * not installed. */
bool own_redis_start(own_server *server, const char *password);
/* Starts a killed Redis again, empty. */
void own_redis_restart(own_server *server, const char *password);
/* The server is killed at once; the data stay. */
void own_server_kill(own_server *server);
/* Starts a killed PostgreSQL again. */
void own_postgres_restart(own_server *server);
/* Ends the server and deletes its directory. */
void own_server_stop(own_server *server);
