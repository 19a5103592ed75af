/* Quantities, see node_quantity.h: a decimal number, and a suffix or an exponent (Kubernetes:
 * apimachinery, "resource.Quantity"). Owns nothing. Pure: any thread. */
#include "node_quantity.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "ob/mem.h"

#define DIGITS_MAX 18   /* significant ones; they fit 60 bits, and with any suffix 120 */
#define EXPONENT_MAX 64 /* beyond it a number is 0 or too large anyway */

__extension__ typedef unsigned __int128 wide;

/* digits × 10^tens × 2^twos, in thousandths. */
typedef struct number {
    wide digits;
    int tens, twos;
    bool more; /* digits were left out behind the last one */
} number;

static const struct {
    const char *suffix;
    int tens, twos;
} suffixes[] = {
    { "", 0, 0 },    { "n", -9, 0 },  { "u", -6, 0 },  { "m", -3, 0 },
    { "k", 3, 0 },   { "M", 6, 0 },   { "G", 9, 0 },   { "T", 12, 0 },
    { "P", 15, 0 },  { "E", 18, 0 },  { "Ki", 0, 10 }, { "Mi", 0, 20 },
    { "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 }, { "Ei", 0, 60 },
};

/* Returns what follows the digits; NULL: there are none. */
static const char *take_digits(const char *at, number *n)
{
    bool any = false, point = false;
    int significant = 0;
    for (;; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (!isdigit((unsigned char)*at))
            return any ? at : NULL;
        any = true;
        if (significant == DIGITS_MAX) {
            n->more = n->more || *at != '0';
            n->tens += !point;
            continue;
        }
        n->digits = n->digits * 10 + (unsigned)(*at - '0');
        significant += n->digits > 0;
        n->tens -= point;
    }
}

static bool take_exponent(const char *at, number *n)
{
    if (*at != 'e' && *at != 'E')
        return false;
    at++;
    int sign = *at == '-' ? -1 : 1, exponent = 0;
    at += *at == '-' || *at == '+';
    if (!*at)
        return false;
    for (; isdigit((unsigned char)*at); at++)
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*at - '0');
    n->tens += sign * exponent;
    return !*at;
}

static bool take_suffix(const char *at, number *n)
{
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
        if (!strcmp(at, suffixes[i].suffix)) {
            n->tens += suffixes[i].tens;
            n->twos = suffixes[i].twos;
            return true;
        }
    return take_exponent(at, n);
}

static int64_t value_of(const number *n, bool up)
{
    wide value = n->digits << n->twos;
    bool part = n->more;
    for (int i = n->tens; i > 0 && value > 0; i--) {
        if (value > INT64_MAX)
            return INT64_MAX;
        value *= 10;
    }
    for (int i = n->tens; i < 0 && value > 0; i++) {
        part = part || value % 10 > 0;
        value /= 10;
    }
    value += up && part;
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

bool node_quantity(const char *text, bool up, int64_t *ret)
{
    number n = { .tens = 3 };
    const char *rest = text ? take_digits(text + (*text == '+'), &n) : NULL;
    if (!rest || !take_suffix(rest, &n))
        return false;
    *ret = value_of(&n, up);
    return true;
}
