/* Sealed texts, sessions in them, and the cookie that carries one. */
#include "unit.h"

#include "ob/text.h"
#include "web_session.h"

static const uint8_t key[SEALED_KEY] = { 1, 2, 3 }, other_key[SEALED_KEY] = { 1, 2, 4 };

static web_session some_session(void)
{
    web_session s = { .ends_ms = 1800000000000 };
    (void)ob_text_into(s.who, sizeof s.who, "AKIAWHO");
    (void)ob_text_into(s.key_id, sizeof s.key_id, "ASIASESSION");
    (void)ob_text_into(s.secret, sizeof s.secret, "its/secret+key");
    (void)ob_text_into(s.token, sizeof s.token, "its token==");
    (void)ob_text_into(s.region, sizeof s.region, "eu-west-1");
    (void)ob_text_into(s.pass, sizeof s.pass, "0123456789abcdef0123456789abcdef");
    return s;
}

static void a_sealed_text_opens_only_unchanged_for_its_purpose_and_key(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "a", "ab", "abc", "a long text, with \n breaks" };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        ob_cleanup(ob_freep) char *sealed = NULL;
        char *text = NULL;
        assert_int_equal(sealed_text_make(key, "one", texts[i], &sealed, NULL), 0);
        assert_int_equal(strspn(sealed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_"),
                         strlen(sealed));
        assert_int_equal(sealed_text_open(key, "one", sealed, &text, NULL), 0);
        assert_string_equal(text, texts[i]);
        sealed_text_forget(text);
        assert_int_equal(sealed_text_open(key, "two", sealed, &text, NULL), -EBADMSG);
        assert_int_equal(sealed_text_open(other_key, "one", sealed, &text, NULL), -EBADMSG);
        for (size_t at = 0; sealed[at]; at++) {
            char was = sealed[at];
            sealed[at] = was == 'A' ? 'Q' : 'A';
            assert_int_equal(sealed_text_open(key, "one", sealed, &text, NULL), -EBADMSG);
            sealed[at] = was;
        }
    }
}

static void what_is_not_a_sealed_text_does_not_open(void **state)
{
    (void)state;
    char *text = NULL, longer[16384];
    static const char *const wrong[] = {
        "", "A", "====", "....", "\xff\xfe", "a+", "a/b", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(sealed_text_open(key, "one", wrong[i], &text, NULL), -EBADMSG);
    memset(longer, 'A', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(sealed_text_open(key, "one", longer, &text, NULL), -EBADMSG);
    assert_int_equal(sealed_text_make(key, "one", longer, &text, NULL), -EMSGSIZE);
}

static void a_session_comes_back_as_it_was(void **state)
{
    (void)state;
    const web_session s = some_session();
    web_session back = { 0 };
    ob_cleanup(ob_freep) char *sealed = NULL;
    assert_int_equal(web_session_seal(key, "cookie", &s, &sealed, NULL), 0);
    assert_null(strstr(sealed, "secret"));
    assert_int_equal(web_session_open(key, "cookie", sealed, &back, NULL), 0);
    assert_string_equal(back.who, s.who);
    assert_string_equal(back.key_id, s.key_id);
    assert_string_equal(back.secret, s.secret);
    assert_string_equal(back.token, s.token);
    assert_string_equal(back.region, s.region);
    assert_string_equal(back.pass, s.pass);
    assert_int_equal(back.ends_ms, s.ends_ms);
    assert_int_equal(web_session_open(key, "link", sealed, &back, NULL), -EBADMSG);
}

static void a_member_with_a_line_break_is_not_sealed(void **state)
{
    (void)state;
    web_session s = some_session();
    char *sealed = NULL;
    s.token[3] = '\n';
    assert_int_equal(web_session_seal(key, "cookie", &s, &sealed, NULL), -EINVAL);
}

static void a_sealed_text_of_another_form_is_no_session(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "1\n", "2\na\nb\nc\nd\nr\np\n1\n",
                                         "1\na\nb\nc\nd\nus-east-1\nshort pass\n1\n",
                                         ("1\na\nb\nc\nd\nUS EAST\n"
                                          "0123456789abcdef0123456789abcdef\n1\n") };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        web_session s;
        ob_cleanup(ob_freep) char *sealed = NULL;
        assert_int_equal(sealed_text_make(key, "cookie", texts[i], &sealed, NULL), 0);
        assert_int_equal(web_session_open(key, "cookie", sealed, &s, NULL), -EBADMSG);
    }
}

static void the_cookie_is_for_this_console_and_no_script(void **state)
{
    (void)state;
    ob_cleanup(ob_freep) char *plain = web_cookie_set(false, 8085, "VALUE", 60);
    ob_cleanup(ob_freep) char *tls = web_cookie_set(true, 8085, "VALUE", 60);
    ob_cleanup(ob_freep) char *gone = web_cookie_set(true, 8085, NULL, 60);
    assert_string_equal(plain, "openbatch-console-8085=VALUE; Path=/; Max-Age=60; HttpOnly; "
                               "SameSite=Strict");
    assert_string_equal(tls, "__Host-openbatch-console-8085=VALUE; Path=/; Max-Age=60; HttpOnly; "
                             "SameSite=Strict; Secure");
    assert_non_null(strstr(gone, "=; Path=/; Max-Age=0;"));
    char longer[COOKIE_MAX + 1];
    memset(longer, 'A', COOKIE_MAX);
    longer[COOKIE_MAX] = '\0';
    assert_null(web_cookie_set(false, 8085, longer, 60));
}

static void the_cookie_is_found_by_its_whole_name(void **state)
{
    (void)state;
    static const struct {
        const char *header, *found;
    } cases[] = { { "n=1", "1" },      { "a=2; n=1", "1" },    { "xn=2; n=1; n=3", "1" },
                  { "n=a=b;", "a=b" }, { "nn=1; mn=2", NULL }, { "n", NULL },
                  { "", NULL },        { NULL, NULL },         { ";;; n=1", "1" },
                  { "n=", "" },        { "N=1", NULL },        { "a=n=1", NULL } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *found = web_cookie_find(cases[i].header, "n");
        if (cases[i].found)
            assert_string_equal(found, cases[i].found);
        else
            assert_null(found);
    }
}

static void a_region_is_what_may_stand_in_a_signature(void **state)
{
    (void)state;
    assert_true(web_region_is_valid("us-east-1"));
    assert_false(web_region_is_valid(""));
    assert_false(web_region_is_valid("us:east"));
    assert_false(web_region_is_valid("us-east-1\r\nX: y"));
    assert_false(web_region_is_valid("a-region-with-a-name-of-more-than-32-characters"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_text_opens_only_unchanged_for_its_purpose_and_key),
        cmocka_unit_test(what_is_not_a_sealed_text_does_not_open),
        cmocka_unit_test(a_session_comes_back_as_it_was),
        cmocka_unit_test(a_member_with_a_line_break_is_not_sealed),
        cmocka_unit_test(a_sealed_text_of_another_form_is_no_session),
        cmocka_unit_test(the_cookie_is_for_this_console_and_no_script),
        cmocka_unit_test(the_cookie_is_found_by_its_whole_name),
        cmocka_unit_test(a_region_is_what_may_stand_in_a_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
