/* The first process of a container whose job asks for one (initProcessEnabled): it starts the
 * command, passes signals on to it, and reaps what the command leaves. */
#pragma once

/* args: the command. Does not return before its end; the result is for exit(). */
int keeper_init(char *const args[]);
