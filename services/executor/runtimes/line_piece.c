/* See line_piece.h. Owns nothing. Any thread. */
#include "runtimes/line_piece.h"

#include "ob/text.h"

size_t line_piece(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3; back++) {
        size_t at = LINE_PIECE_MAX - back;
        if (((unsigned char)text[at] & 0xc0) == 0x80)
            continue;
        return ob_utf8_sequence(text + at, len - at) > back ? at : LINE_PIECE_MAX;
    }
    return LINE_PIECE_MAX;
}
