/* Reads times of RFC 3339, as container engines write them. Owns nothing. Any thread. */
#include "runtimes/rfc3339.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NS_IN_S 1000000000
#define DATE_LEN 19 /* 2006-01-02T15:04:05 */
#define SHIFT_LEN 6 /* +07:00 */

static bool read_date(const char *text, int64_t *ret_s)
{
    char date[DATE_LEN + 1];
    struct tm tm = { 0 };
    memcpy(date, text, DATE_LEN);
    date[DATE_LEN] = '\0';
    const char *rest = strptime(date, "%Y-%m-%dT%H:%M:%S", &tm);
    *ret_s = timegm(&tm);
    return rest && !*rest;
}

/* Digits after the point; more than nine are ignored. */
static const char *read_fraction(const char *at, const char *end, int64_t *ret_ns)
{
    int64_t unit = NS_IN_S / 10;
    *ret_ns = 0;
    for (; at < end && isdigit((unsigned char)*at); at++, unit /= 10)
        *ret_ns += (*at - '0') * unit;
    return at;
}

/* +07:00 */
static bool read_shift(const char *at, int64_t *ret_s)
{
    static const char form[] = "+00:00";
    for (int i = 1; i < SHIFT_LEN; i++)
        if (form[i] == '0' ? !isdigit((unsigned char)at[i]) : at[i] != form[i])
            return false;
    int64_t s = ((at[1] - '0') * 10 + at[2] - '0') * 3600 + ((at[4] - '0') * 10 + at[5] - '0') * 60;
    *ret_s = *at == '+' ? s : -s;
    return *at == '+' || *at == '-';
}

int64_t rfc3339_ns(const char *text, size_t len, const char **ret_end)
{
    const char *at = text + DATE_LEN, *end = text + len;
    int64_t s = 0, ns = 0, shift_s = 0;
    if (len <= DATE_LEN || !read_date(text, &s))
        return 0;
    if (*at == '.')
        at = read_fraction(at + 1, end, &ns);
    if (at < end && *at == 'Z')
        at++;
    else if (end - at >= SHIFT_LEN && read_shift(at, &shift_s))
        at += SHIFT_LEN;
    else
        return 0;
    if (ret_end)
        *ret_end = at;
    s -= shift_s;
    return s < 0 || s >= INT64_MAX / NS_IN_S ? 0 : s * NS_IN_S + ns;
}
