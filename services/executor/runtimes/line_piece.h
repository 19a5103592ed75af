/* Long lines are passed on in pieces, the same at each reading. Pure. */
#pragma once

#include <stddef.h>

#define LINE_PIECE_MAX (256u * 1024) /* bytes of an event, as CloudWatch Logs has it */

/* The length of the first piece of a line that is longer than LINE_PIECE_MAX: no character is
 * cut. */
size_t line_piece(const char *text, size_t len);
