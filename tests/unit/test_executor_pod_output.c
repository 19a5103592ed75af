/* What Kubernetes gives of outputs, and what it answers to pods. */
#include "unit.h"

#include "ob/buf.h"
#include "runtimes/kubernetes/k8s_lines.h"
#include "runtimes/kubernetes/k8s_mark.h"
#include "runtimes/kubernetes/k8s_refusal.h"

#define T(s) "2026-12-02T10:00:0" s "Z "
#define GAP "<gap>"

/* A reader: all that it has passed on, each line in brackets. */
typedef struct reader {
    k8s_lines lines;
    k8s_mark mark;
    ob_buf passed;
    size_t span;
} reader;

static void on_line(const k8s_line *line, void *arg)
{
    reader *r = arg;
    k8s_taken taken = k8s_mark_take(&r->mark, line);
    if (taken == K8S_TAKEN_SKIP)
        return;
    if (taken == K8S_TAKEN_GAP)
        ob_buf_str(&r->passed, GAP);
    ob_buf_str(&r->passed, "[");
    ob_buf_add(&r->passed, line->text, line->len);
    ob_buf_str(&r->passed, "]");
    r->span += line->span;
}

static reader reader_of(void)
{
    return (reader){ .lines.on_line = on_line };
}

static int64_t begin(reader *r)
{
    r->lines.arg = r;
    k8s_lines_reset(&r->lines);
    return k8s_mark_begin(&r->mark);
}

static void take(reader *r, const char *text)
{
    k8s_lines_take(&r->lines, text, strlen(text));
}

static void assert_passed(reader *r, const char *text)
{
    assert_string_equal(r->passed.len > 0 ? r->passed.at : "", text);
}

static void done(reader *r)
{
    k8s_lines_reset(&r->lines);
    ob_buf_done(&r->passed);
}

static void lines_are_the_same_in_whatever_pieces_they_come(void **state)
{
    static const char text[] = T("1") "a\n" T("2") "\n" T("2.5") "b c\nno time\n" T("3") "last";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        reader r = reader_of();
        assert_int_equal(begin(&r), 0);
        for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
            size_t left = sizeof(text) - 1 - at;
            k8s_lines_take(&r.lines, text + at, left < piece ? left : piece);
        }
        assert_passed(&r, "[a][][b c][no time]");
        k8s_lines_end(&r.lines);
        assert_passed(&r, "[a][][b c][no time][last]");
        assert_int_equal(r.span, 1 + 0 + 3 + 7 + 4 + 5);
        done(&r);
    }
}

static void a_long_line_has_the_same_pieces_at_each_reading(void **state)
{
    size_t len = 2 * LINE_PIECE_MAX + 100;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, len + 64);
    size_t head = (size_t)snprintf(text, 64, "%s", T("1"));
    for (size_t i = 0; i < len; i++)
        text[head + i] = "\xc3\xa4"[i % 2]; /* pieces end between characters */
    text[head + len] = '\n';
    size_t spans[2] = { 0 };
    ob_buf passed[2] = { { 0 } };
    for (int k = 0; k < 2; k++) {
        reader r = reader_of();
        (void)begin(&r);
        size_t piece = k == 0 ? 1000 : 77777;
        for (size_t at = 0; at < head + len + 1; at += piece)
            k8s_lines_take(&r.lines, text + at,
                           head + len + 1 - at < piece ? head + len + 1 - at : piece);
        spans[k] = r.span;
        passed[k] = r.passed;
        k8s_lines_reset(&r.lines);
    }
    assert_int_equal(spans[0], len + 1);
    assert_int_equal(spans[1], len + 1);
    assert_string_equal(passed[0].at, passed[1].at);
    ob_buf_done(&passed[0]);
    ob_buf_done(&passed[1]);
}

static void a_reading_that_begins_anew_goes_on_after_the_last_line(void **state)
{
    reader r = reader_of();
    (void)begin(&r);
    take(&r, T("1") "a\n" T("5.1") "b\n" T("5.2") "b\n" T("5.3") "cut of");
    assert_int_equal(begin(&r), 1796205604); /* a second more */
    take(&r, T("5.1") "b\n" T("5.2") "b\n" T("5.3") "cut off\n" T("5.3") "c\n");
    assert_passed(&r, "[a][b][b][cut off][c]");
    (void)begin(&r); /* and once more, with nothing new */
    take(&r, T("5.1") "b\n" T("5.2") "b\n" T("5.3") "cut off\n" T("5.3") "c\n");
    k8s_lines_end(&r.lines);
    assert_passed(&r, "[a][b][b][cut off][c]");
    done(&r);
}

static void lines_out_of_order_are_neither_lost_nor_repeated(void **state)
{
    reader r = reader_of();
    (void)begin(&r);
    take(&r, T("5.20") "out\n" T("5.19") "err\n");
    (void)begin(&r);
    take(&r, T("5.20") "out\n" T("5.19") "err\n" T("5.18") "late\n" T("5.21") "d\n");
    assert_passed(&r, "[out][err][late][d]");
    done(&r);
}

static void what_the_kubelet_has_dropped_is_marked(void **state)
{
    reader r = reader_of();
    (void)begin(&r);
    take(&r, T("1") "a\n" T("2") "b\n");
    (void)begin(&r);
    take(&r, T("4") "d\n" T("5") "e\n");
    assert_passed(&r, "[a][b]" GAP "[d][e]");
    done(&r);
}

/* As a real kubelet did under a fast writer (rotation): it jumped ahead, and then repeated. */
static void a_stream_that_goes_back_is_not_repeated_and_is_marked(void **state)
{
    reader r = reader_of();
    (void)begin(&r);
    take(&r, T("1") "a\n" T("4") "d\n" T("6") "f\n" T("3") "c\n" T("4") "d\n" T("6") "f\n" T(
                 "7") "g\n" T("8") "h\n");
    assert_passed(&r, "[a][d][f]" GAP "[g][h]");
    done(&r);
}

static void a_long_line_that_was_cut_goes_on_at_its_piece(void **state)
{
    size_t len = LINE_PIECE_MAX + 5000;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, len + 64);
    size_t head = (size_t)snprintf(text, 64, "%s", T("1"));
    memset(text + head, 'x', len);
    reader r = reader_of();
    (void)begin(&r);
    k8s_lines_take(&r.lines, text, head + len);
    assert_int_equal(r.span, LINE_PIECE_MAX);
    (void)begin(&r);
    text[head + len] = '\n';
    k8s_lines_take(&r.lines, text, head + len + 1);
    take(&r, T("2") "b\n");
    assert_int_equal(r.span, len + 1 + 2);
    done(&r);
}

static void a_refusal_is_of_a_pod_of_now_or_of_all(void **state)
{
    static const char quota[] = "pods \"p\" is forbidden: exceeded quota: q, requested: "
                                "requests.cpu=%s,requests.memory=64Mi, used: requests.cpu=1,"
                                "requests.memory=1Gi, limited: requests.cpu=4,requests.memory=%s";
    char text[512];
    (void)snprintf(text, sizeof(text), quota, "3500m", "1Gi");
    assert_int_equal(k8s_refusal_of(403, text, true), K8S_REFUSED_NOW);
    (void)snprintf(text, sizeof(text), quota, "5", "1Gi");
    assert_int_equal(k8s_refusal_of(403, text, true), K8S_REFUSED_JOB);
    (void)snprintf(text, sizeof(text), quota, "1", "32Mi");
    assert_int_equal(k8s_refusal_of(403, text, true), K8S_REFUSED_JOB);
    assert_int_equal(k8s_refusal_of(403, "exceeded quota: q, requested: ", true), K8S_REFUSED_NOW);
    static const char right[] = "pods is forbidden: User \"aws-batch\" cannot create resource "
                                "\"pods\" in API group \"\" in the namespace \"default\"";
    assert_int_equal(k8s_refusal_of(403, right, true), K8S_REFUSED_EVERY);
    assert_int_equal(k8s_refusal_of(403, right, false), K8S_REFUSED_JOB);
    assert_int_equal(k8s_refusal_of(404, "namespaces \"x\" not found", true), K8S_REFUSED_EVERY);
    assert_int_equal(k8s_refusal_of(404, "namespaces \"x\" not found", false), K8S_REFUSED_JOB);
    assert_int_equal(k8s_refusal_of(403,
                                    "pods \"p\" is forbidden: violates PodSecurity "
                                    "\"restricted:latest\": namespaces is forbidden: no",
                                    true),
                     K8S_REFUSED_JOB);
    assert_int_equal(k8s_refusal_of(422, "Pod \"p\" is invalid: spec.x: Invalid value", true),
                     K8S_REFUSED_JOB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_in_whatever_pieces_they_come),
        cmocka_unit_test(a_long_line_has_the_same_pieces_at_each_reading),
        cmocka_unit_test(a_reading_that_begins_anew_goes_on_after_the_last_line),
        cmocka_unit_test(lines_out_of_order_are_neither_lost_nor_repeated),
        cmocka_unit_test(what_the_kubelet_has_dropped_is_marked),
        cmocka_unit_test(a_stream_that_goes_back_is_not_repeated_and_is_marked),
        cmocka_unit_test(a_long_line_that_was_cut_goes_on_at_its_piece),
        cmocka_unit_test(a_refusal_is_of_a_pod_of_now_or_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
