/* See ob/array_part.h. Owns nothing. */
#include "ob/array_part.h"

#include <string.h>

#define DIGITS_MAX 7 /* a million */

/* Digits at *at; -1: there is no number, or it is too long. */
static int read_number(const char **at)
{
    size_t n = strspn(*at, "0123456789");
    int value = 0;
    if (n == 0 || n > DIGITS_MAX)
        return -1;
    for (const char *end = *at + n; *at < end; (*at)++)
        value = value * 10 + (**at - '0');
    return value;
}

bool ob_array_part_read(const char *text, int position, int *ret_n, int *ret_index, int *ret_size)
{
    const char *at = text;
    int n = 0, last = -1, found = -1;
    do {
        int from = read_number(&at), to = from;
        if (*at == '-') {
            at++;
            to = read_number(&at);
        }
        if (from <= last || to < from)
            return false;
        if (position >= n && position <= n + (to - from))
            found = from + (position - n);
        n += to - from + 1;
        last = to;
    } while (*at == ',' && *++at);
    if (*at++ != '/')
        return false;
    int size = read_number(&at);
    if (*at || size <= last)
        return false;
    *ret_n = n;
    *ret_index = found;
    *ret_size = size;
    return true;
}
