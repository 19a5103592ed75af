/* Hexadecimal digits. */
#pragma once

/* The value of a digit, upper or lower case; -1: not a digit. */
static inline int ob_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
