/* Lists and watches of a fake cluster, by a clock of the test's own: what is told, and that it
 * comes right again after every way in which a list or a watch can end. */
#include "unit.h"

#include "kube_world.h"
#include "ob/clock.h"
#include "ob/kube_watch.h"

#define PATIENCE_MS 20000
#define SILENCE_MS 150000
#define OPEN_MS 60000

typedef struct world {
    kube_world kube;
    ob_kube_watch *watch;
    int64_t now_ms; /* the watch's time */
    char log[4096]; /* what was told, a word each */
    int listed, up, down;
    ob_kube_answer why;
    char text[256];
} world;

static void note(world *w, const char *text)
{
    size_t len = strlen(w->log);
    assert_true(len + strlen(text) + 2 < sizeof(w->log));
    (void)snprintf(w->log + len, sizeof(w->log) - len, "%s%s", len ? " " : "", text);
}

static void on_object(ob_kube_change change, json_t *object, void *arg)
{
    static const char marks[] = { [OB_KUBE_LISTED] = '=',
                                  [OB_KUBE_ADDED] = '+',
                                  [OB_KUBE_MODIFIED] = '~',
                                  [OB_KUBE_DELETED] = '-' };
    char text[128];
    (void)snprintf(text, sizeof(text), "%c%s/%s", marks[change], ob_kube_meta(object, "name"),
                   ob_kube_meta(object, "uid"));
    note(arg, text);
}

static void on_listed(void *arg)
{
    ((world *)arg)->listed++;
    note(arg, "all");
}

static void on_state(bool up, ob_kube_answer kind, const char *text, void *arg)
{
    world *w = arg;
    w->up += up;
    w->down += !up;
    w->why = kind;
    (void)snprintf(w->text, sizeof(w->text), "%s", text);
}

static const ob_kube_watch_ops ops = { on_object, on_listed, on_state };

static int begin(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    kube_world_begin(&w->kube);
    w->now_ms = 1000;
    ob_kube_watch_options options = { .path = "/api/v1/nodes", .labels = "a.b/c=d", .page = 2 };
    w->watch = ob_kube_watch_new(w->kube.k, &options, &ops, w);
    *state = w;
    return 0;
}

static int end(void **state)
{
    world *w = *state;
    ob_kube_watch_free(w->watch);
    kube_world_end(&w->kube);
    free(w);
    return 0;
}

static int64_t step(world *w)
{
    return ob_kube_watch_step(w->watch, w->now_ms);
}

/* The next request, which must begin so; time passes as the watch asks, at most 'within_ms'. */
static size_t expect(world *w, const char *target, int64_t within_ms)
{
    size_t n = w->kube.server.n;
    int64_t real_end_ms = ob_mono_ms() + PATIENCE_MS, begin_ms = w->now_ms;
    while (w->kube.server.n == n) {
        int64_t due_ms = step(w);
        kube_world_settle(&w->kube);
        if (w->kube.server.n == n && due_ms > w->now_ms && due_ms <= begin_ms + within_ms)
            w->now_ms = due_ms;
        assert_true(ob_mono_ms() < real_end_ms);
    }
    assert_int_equal(w->kube.server.n, n + 1);
    if (strncmp(w->kube.server.requests[n].target, target, strlen(target)) != 0)
        fail_msg("%s, not %s", w->kube.server.requests[n].target, target);
    return n;
}

static void told(world *w, const char *log)
{
    (void)step(w);
    kube_world_settle(&w->kube);
    (void)step(w);
    assert_string_equal(w->log, log);
    w->log[0] = '\0';
}

#define PATH "/api/v1/nodes?labelSelector=a.b%2Fc%3Dd&"
#define LIST PATH "limit=2"
#define WATCH PATH "watch=true&allowWatchBookmarks=true&resourceVersion="
#define NODE(name, uid) "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" uid "\"}}"
#define ITEMS(version, items)                                                                      \
    "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"

/* A list of one node, "a" with uid 1, and a watch. Returns the watch's request. */
static size_t stand(world *w)
{
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 200, "", ITEMS("5", NODE("a", "1")));
    size_t watch = expect(w, WATCH "5", 0);
    fake_kube_begin(&w->kube.server, watch);
    told(w, "=a/1 all");
    assert_int_equal(w->up, 1);
    assert_true(ob_kube_watch_up(w->watch));
    return watch;
}

/* After an end of the watch: it lists at once, and is told what changed meanwhile. */
static void lists_again(world *w, int64_t within_ms)
{
    fake_kube_answer(&w->kube.server, expect(w, LIST, within_ms), 200, "",
                     ITEMS("9", NODE("b", "2")));
    size_t watch = expect(w, WATCH "9", 0);
    fake_kube_begin(&w->kube.server, watch);
    told(w, "=b/2 -a/1 all");
    assert_true(ob_kube_watch_up(w->watch));
}

static void a_list_is_followed_by_its_changes(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_line(&w->kube.server, watch, EVENT("ADDED", NODE("b", "2")));
    fake_kube_line(&w->kube.server, watch, EVENT("MODIFIED", NODE("a", "1")));
    fake_kube_line(&w->kube.server, watch, EVENT("BOOKMARK", "{\"metadata\":{}}"));
    fake_kube_line(&w->kube.server, watch, EVENT("DELETED", NODE("b", "2")));
    told(w, "+b/2 ~a/1 -b/2");
    /* A line that comes in pieces, and two in one. */
    static const char halves[] = EVENT("ADDED", NODE("c", "3")) "\n" EVENT("ADDED", NODE("d", "4"));
    fake_kube_part(&w->kube.server, watch, halves, 10);
    kube_world_settle(&w->kube);
    fake_kube_part(&w->kube.server, watch, halves + 10, sizeof(halves) - 11);
    told(w, "+c/3");
    fake_kube_part(&w->kube.server, watch, "\n", 1);
    told(w, "+d/4");
}

static void pages_are_joined_and_nothing_is_gone_before_the_last(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_end(&w->kube.server, watch);
    size_t first = expect(w, LIST, 0);
    assert_null(strstr(w->kube.server.requests[first].target, "continue"));
    fake_kube_answer(
        &w->kube.server, first, 200, "",
        "{\"metadata\":{\"resourceVersion\":\"9\",\"continue\":\"x/y=\"},\"items\":[" NODE(
            "b", "2") "," NODE("c", "3") "]}");
    size_t second = expect(w, LIST "&continue=x%2Fy%3D", 0);
    told(w, "=b/2 =c/3");
    fake_kube_answer(&w->kube.server, second, 200, "", ITEMS("9", NODE("d", "4")));
    (void)expect(w, WATCH "9", 0);
    told(w, "=d/4 -a/1 all");
}

static void a_page_that_expired_begins_the_list_again(void **state)
{
    world *w = *state;
    fake_kube_answer(
        &w->kube.server, expect(w, LIST, 0), 200, "",
        "{\"metadata\":{\"resourceVersion\":\"5\",\"continue\":\"x\"},\"items\":[" NODE("a",
                                                                                        "1") "]}");
    fake_kube_answer(&w->kube.server, expect(w, LIST "&continue=x", 0), 410, "",
                     "{\"kind\":\"Status\",\"reason\":\"Expired\",\"code\":410}");
    size_t again = expect(w, LIST, 0);
    assert_null(strstr(w->kube.server.requests[again].target, "continue"));
    told(w, "=a/1");
    assert_int_equal(w->down, 0);
    fake_kube_answer(&w->kube.server, again, 200, "", ITEMS("6", ""));
    (void)expect(w, WATCH "6", 0);
    told(w, "-a/1 all");
}

static void an_expired_watch_lists_again_whichever_way_it_is_told(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_line(&w->kube.server, watch,
                   EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}"));
    lists_again(w, 0);
    /* As a status, at once. */
    fake_kube_cut(&w->kube.server, w->kube.server.n - 1);
    fake_kube_answer(&w->kube.server, expect(w, LIST, 300), 200, "", ITEMS("11", NODE("b", "2")));
    fake_kube_answer(&w->kube.server, expect(w, WATCH "11", 0), 410, "",
                     "{\"kind\":\"Status\",\"reason\":\"Expired\"}");
    fake_kube_answer(&w->kube.server, expect(w, LIST, 500), 200, "", ITEMS("12", ""));
    told(w, "=b/2 all -b/2 all");
    assert_int_equal(w->down, 0);
}

static void a_watch_that_ends_lists_again(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_end(&w->kube.server, watch);
    lists_again(w, 0);
    assert_int_equal(w->down, 0);
}

static void a_watch_that_breaks_within_a_line_lists_again(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    static const char half[] = "{\"type\":\"DELETED\",\"obj";
    fake_kube_part(&w->kube.server, watch, half, sizeof(half) - 1);
    kube_world_settle(&w->kube);
    fake_kube_cut(&w->kube.server, watch);
    lists_again(w, 0);
    assert_int_equal(w->down, 0);
}

static void a_line_that_is_not_json_lists_again(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_line(&w->kube.server, watch, "{\"type\":\"DELETED\",,}");
    fake_kube_line(&w->kube.server, watch, EVENT("ADDED", NODE("x", "8")));
    lists_again(w, 0);
}

static void a_line_without_an_end_is_not_kept(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    static const char part[8192] = { 'x' };
    for (int i = 0; i <= 2 * 1024 * 1024 / 8192; i++) {
        fake_kube_part(&w->kube.server, watch, part, sizeof(part));
        kube_world_step(&w->kube);
    }
    lists_again(w, 0);
}

static void a_silent_watch_is_given_up(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    w->now_ms += SILENCE_MS - 1;
    fake_kube_line(&w->kube.server, watch, EVENT("BOOKMARK", "{\"metadata\":{}}"));
    told(w, "");
    w->now_ms += SILENCE_MS - 1;
    told(w, "");
    w->now_ms++;
    lists_again(w, 0);
}

static void a_watch_that_is_never_answered_is_given_up_and_told(void **state)
{
    world *w = *state;
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 200, "", ITEMS("5", NODE("a", "1")));
    (void)expect(w, WATCH "5", 0);
    (void)step(w);
    assert_false(ob_kube_watch_up(w->watch));
    w->now_ms += OPEN_MS;
    (void)expect(w, LIST, 0);
    assert_int_equal(w->down, 1);
    assert_int_equal(w->why, OB_KUBE_UNREACHABLE);
}

static void a_new_object_of_an_old_name_follows_the_end_of_the_old_one(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_end(&w->kube.server, watch);
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 200, "", ITEMS("9", NODE("a", "7")));
    (void)expect(w, WATCH "9", 0);
    told(w, "-a/1 =a/7 all");
}

static void a_cluster_that_is_away_is_told_once_and_asked_less_and_less(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_deafen(&w->kube.server);
    fake_kube_cut(&w->kube.server, watch);
    int64_t last_ms = 0;
    for (int i = 0; i < 12; i++) {
        int64_t due_ms = 0;
        kube_world_settle(&w->kube);
        do { /* the list, and the end of it */
            due_ms = step(w);
            kube_world_settle(&w->kube);
        } while (due_ms - w->now_ms == 60000 || due_ms <= w->now_ms);
        last_ms = due_ms - w->now_ms;
        w->now_ms = due_ms;
        assert_true(last_ms <= 10000);
    }
    assert_true(last_ms >= 7500);
    assert_int_equal(w->down, 1);
    assert_int_equal(w->why, OB_KUBE_UNREACHABLE);
    assert_false(ob_kube_watch_up(w->watch));
    assert_string_equal(w->log, ""); /* nothing is concluded */
    fake_kube_listen(&w->kube.server);
    lists_again(w, 20000);
    assert_int_equal(w->up, 2);
}

static void a_busy_server_is_left_alone_as_long_as_it_asks(void **state)
{
    world *w = *state;
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 429, "Retry-After: 30\r\n", "{}");
    kube_world_settle(&w->kube);
    assert_int_equal(step(w) - w->now_ms, 30000);
    assert_int_equal(w->why, OB_KUBE_THROTTLED);
    fake_kube_answer(&w->kube.server, expect(w, LIST, 30000), 200, "", ITEMS("5", ""));
    fake_kube_begin(&w->kube.server, expect(w, WATCH "5", 0));
    told(w, "all");
    assert_int_equal(w->up, 1);
}

static void a_missing_right_is_told_with_the_servers_words(void **state)
{
    world *w = *state;
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 403, "",
                     "{\"kind\":\"Status\",\"message\":\"nodes is forbidden: User \\\"u\\\" cannot "
                     "list\"}");
    kube_world_settle(&w->kube);
    assert_int_equal(w->why, OB_KUBE_FORBIDDEN);
    assert_string_equal(w->text, "nodes is forbidden: User \"u\" cannot list");
    /* Another one, of the watch. */
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 200, "", ITEMS("5", ""));
    fake_kube_answer(&w->kube.server, expect(w, WATCH "5", 0), 401, "",
                     "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}");
    kube_world_settle(&w->kube);
    assert_int_equal(w->why, OB_KUBE_UNAUTHORIZED);
    assert_int_equal(w->down, 2);
    assert_int_equal(w->up, 0);
}

static void an_answer_that_is_no_list_concludes_nothing(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_end(&w->kube.server, watch);
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 200, "", "{\"kind\":\"NodeList\"}");
    told(w, "");
    assert_int_equal(w->why, OB_KUBE_SERVER);
    lists_again(w, 500);
}

static void watches_that_are_cut_again_and_again_are_soon_back(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    for (int i = 0; i < 8; i++) {
        fake_kube_cut(&w->kube.server, watch);
        fake_kube_answer(&w->kube.server, expect(w, LIST, 800), 200, "",
                         ITEMS("5", NODE("a", "1")));
        watch = expect(w, WATCH "5", 0);
        fake_kube_begin(&w->kube.server, watch);
        told(w, "=a/1 all");
    }
    assert_int_equal(w->down, 0);
}

static void the_owner_can_ask_for_a_list(void **state)
{
    world *w = *state;
    (void)stand(w);
    ob_kube_watch_again(w->watch);
    lists_again(w, 0);
}

static void text_with_a_nul_is_no_end(void **state)
{
    world *w = *state;
#define NUL_NODE "{\"metadata\":{\"name\":\"a\",\"uid\":\"1\"},\"m\":\"a\\u0000b\"}"
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 200, "", ITEMS("5", NUL_NODE));
    size_t watch = expect(w, WATCH "5", 0);
    fake_kube_begin(&w->kube.server, watch);
    fake_kube_line(&w->kube.server, watch, EVENT("MODIFIED", NUL_NODE));
    told(w, "=a/1 all ~a/1");
}

static void a_list_of_nothing_may_be_null(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_end(&w->kube.server, watch);
    fake_kube_answer(&w->kube.server, expect(w, LIST, 0), 200, "",
                     "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":null}");
    (void)expect(w, WATCH "9", 0);
    told(w, "-a/1 all");
}

static void an_error_in_a_watch_can_ask_for_a_rest(void **state)
{
    world *w = *state;
    size_t watch = stand(w);
    fake_kube_line(&w->kube.server, watch,
                   EVENT("ERROR", "{\"code\":429,\"details\":{\"retryAfterSeconds\":7}}"));
    kube_world_settle(&w->kube);
    assert_int_equal(step(w) - w->now_ms, 7000);
    lists_again(w, 7000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_list_is_followed_by_its_changes),
        T(pages_are_joined_and_nothing_is_gone_before_the_last),
        T(a_page_that_expired_begins_the_list_again),
        T(an_expired_watch_lists_again_whichever_way_it_is_told),
        T(a_watch_that_ends_lists_again),
        T(a_watch_that_breaks_within_a_line_lists_again),
        T(a_line_that_is_not_json_lists_again),
        T(a_line_without_an_end_is_not_kept),
        T(a_silent_watch_is_given_up),
        T(a_watch_that_is_never_answered_is_given_up_and_told),
        T(a_new_object_of_an_old_name_follows_the_end_of_the_old_one),
        T(a_cluster_that_is_away_is_told_once_and_asked_less_and_less),
        T(a_busy_server_is_left_alone_as_long_as_it_asks),
        T(a_missing_right_is_told_with_the_servers_words),
        T(an_answer_that_is_no_list_concludes_nothing),
        T(text_with_a_nul_is_no_end),
        T(a_list_of_nothing_may_be_null),
        T(an_error_in_a_watch_can_ask_for_a_rest),
        T(watches_that_are_cut_again_and_again_are_soon_back),
        T(the_owner_can_ask_for_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
