/* The output of containers, where the engine drops some of it or it is read anew. */
#include "docker_world.h"

#include "ob/clock.h"

/* The engine tells of an end that was so long ago. */
static void end_told_late(world *w, int64_t late_ms)
{
    run_one(w);
    int64_t ended_ms = ob_wall_ms();
    inspect_says(w, "exited", 0, ended_ms);
    say_died(w, ended_ms + late_ms);
    run_until(w, &w->output_over);
}

static void output_that_the_engine_may_have_dropped_ends_with_a_marked_line(void **state)
{
    end_told_late(*state, 11000);
    assert_non_null(
        strstr(((world *)*state)->last_line, "[OpenBatch: the container engine was too slow"));
}

static void output_that_was_taken_in_at_once_has_no_marked_line(void **state)
{
    end_told_late(*state, 2000);
    assert_string_equal(((world *)*state)->last_line, "");
}

static size_t add_frame(char *out, const char *text, size_t len)
{
    static const char at[] = "1970-01-01T00:00:00.000000007Z ";
    size_t n = sizeof(at) - 1 + len;
    memset(out, 0, 8);
    out[0] = 1;
    out[6] = (char)(n >> 8);
    out[7] = (char)n;
    memcpy(out + 8, at, sizeof(at) - 1);
    memcpy(out + 8 + sizeof(at) - 1, text, len);
    return 8 + n;
}

/* The engine keeps it in two parts, and the first reading ends between them. */
static void a_line_that_is_read_anew_has_each_part_once(void **state)
{
    enum { PART = 16384 };
    static char part[PART], data[2 * PART];
    world *w = *state;
    memset(part, 'x', PART);
    size_t first = add_frame(data, part, PART), all = first + add_frame(data + first, "yz\n", 3);
    w->outputs[0] = (engine_answer){ .status = 200, .body = data, .len = first };
    w->outputs[1] = (engine_answer){ .status = 200, .body = data, .len = all };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->is_read_again);
    inspect_says(w, "exited", 0, ob_wall_ms());
    say_died(w, 0);
    run_until(w, &w->output_over);
    assert_int_equal(w->last_len, PART + 2);
    assert_int_equal(w->last_span, PART + 1 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(output_that_the_engine_may_have_dropped_ends_with_a_marked_line),
        IN_WORLD(output_that_was_taken_in_at_once_has_no_marked_line),
        IN_WORLD(a_line_that_is_read_anew_has_each_part_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
