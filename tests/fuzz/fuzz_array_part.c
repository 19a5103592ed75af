/* The variable that makes an array a part of another one, as any client can submit it.
 * Covers: shared/src/array_part.c */
#include "fuzz.h"

#include "ob/array_part.h"

#define LOOKED_AT 64 /* positions at each end */

/* What is not given is not filled. */
static void check_refused(const char *text)
{
    int n = -7, index = -7, size = -7;
    FUZZ_CHECK(!ob_array_part_read(text, 0, &n, &index, &size));
    FUZZ_CHECK(n == -7 && index == -7 && size == -7);
}

/* Indexes rise and stay below the size, whatever position was asked for before. */
static void check_positions(const char *text, int n, int size, int from, int to)
{
    int last = -1;
    for (int position = from; position < to; position++) {
        int n_again = 0, index = 0, size_again = 0;
        FUZZ_CHECK(ob_array_part_read(text, position, &n_again, &index, &size_again));
        FUZZ_CHECK(n_again == n && size_again == size);
        FUZZ_CHECK(index > last && index >= position && index < size);
        last = index;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_cleanup(ob_freep) char *text = fuzz_part(&in, NULL);
    int n = 0, index = 0, of = 0;
    if (!ob_array_part_read(text, -1, &n, &index, &of)) {
        check_refused(text);
        return 0;
    }
    FUZZ_CHECK(n > 0 && n <= of && index == -1);
    check_positions(text, n, of, 0, n < LOOKED_AT ? n : LOOKED_AT);
    check_positions(text, n, of, n < LOOKED_AT ? 0 : n - LOOKED_AT, n);
    FUZZ_CHECK(ob_array_part_read(text, n, &n, &index, &of) && index == -1);
    return 0;
}
