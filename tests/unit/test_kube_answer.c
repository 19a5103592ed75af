/* What answers of an API server mean. The messages are those of Kubernetes 1.32. */
#include "unit.h"

#include "ob/json.h"
#include "ob/kube.h"
#include "ob/text.h"

static ob_kube_answer kind_of(int code, const char *reason, const char *message)
{
    json_auto_t *status =
        json_pack("{s:s, s:s, s:s}", "kind", "Status", "reason", reason, "message", message);
    assert_non_null(status);
    return ob_kube_answer_kind(code, status);
}

static void codes_of_http_have_their_kind(void **state)
{
    (void)state;
    static const struct {
        int code;
        ob_kube_answer kind;
    } cases[] = {
        { 0, OB_KUBE_UNREACHABLE },    { 200, OB_KUBE_OK },        { 201, OB_KUBE_OK },
        { 202, OB_KUBE_OK },           { 301, OB_KUBE_SERVER },    { 400, OB_KUBE_INVALID },
        { 401, OB_KUBE_UNAUTHORIZED }, { 403, OB_KUBE_FORBIDDEN }, { 404, OB_KUBE_NOT_FOUND },
        { 408, OB_KUBE_SERVER },       { 409, OB_KUBE_CONFLICT },  { 410, OB_KUBE_EXPIRED },
        { 413, OB_KUBE_INVALID },      { 422, OB_KUBE_INVALID },   { 429, OB_KUBE_THROTTLED },
        { 500, OB_KUBE_SERVER },       { 503, OB_KUBE_SERVER },    { 504, OB_KUBE_SERVER },
    };
    json_auto_t *other = json_pack("[i]", 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(ob_kube_answer_kind(cases[i].code, NULL), cases[i].kind);
        assert_int_equal(ob_kube_answer_kind(cases[i].code, other), cases[i].kind);
    }
}

static void a_name_that_is_taken_is_no_conflict_of_versions(void **state)
{
    (void)state;
    assert_int_equal(kind_of(409, "AlreadyExists", "pods \"a\" already exists"), OB_KUBE_EXISTS);
    assert_int_equal(kind_of(409, "Conflict",
                             "Operation cannot be fulfilled on pods \"a\": the UID in the "
                             "precondition (b) does not match the UID in record (c)"),
                     OB_KUBE_CONFLICT);
    /* Two pods at once under a quota; the name was not looked at. */
    assert_int_equal(kind_of(409, "Conflict",
                             "Operation cannot be fulfilled on resourcequotas \"q\": the object "
                             "has been modified; please apply your changes to the latest version "
                             "and try again"),
                     OB_KUBE_CONFLICT);
}

static void a_missing_right_is_told_from_a_rule_about_the_object(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        ob_kube_answer kind;
    } cases[] = {
        { "pods is forbidden: User \"system:serviceaccount:a:b\" cannot list resource \"pods\" in "
          "API group \"\" at the cluster scope",
          OB_KUBE_FORBIDDEN },
        { "forbidden: User \"system:anonymous\" cannot get path \"/\"", OB_KUBE_FORBIDDEN },
        { "", OB_KUBE_FORBIDDEN }, /* something before the server */
        { "pods \"a\" is forbidden: exceeded quota: q, requested: requests.cpu=4, used: "
          "requests.cpu=0, limited: requests.cpu=2",
          OB_KUBE_QUOTA },
        { "pods \"a\" is forbidden: failed quota: q: must specify limits.cpu", OB_KUBE_REFUSED },
        { "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": privileged "
          "(container \"default\" must not set securityContext.privileged=true)",
          OB_KUBE_REFUSED },
        { "pods \"a\" is forbidden: error looking up service account ns/b: serviceaccount \"b\" "
          "not found",
          OB_KUBE_REFUSED },
        { "pods \"a\" is forbidden: unable to create new content in namespace ns because it is "
          "being terminated",
          OB_KUBE_REFUSED },
        { "admission webhook \"a.b.c\" denied the request: no", OB_KUBE_REFUSED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(kind_of(403, "Forbidden", cases[i].message), cases[i].kind);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = OB_KUBE_OK; a <= OB_KUBE_UNREACHABLE; a++) {
        assert_string_not_equal(ob_kube_answer_name((ob_kube_answer)a), "");
        for (int b = OB_KUBE_OK; b < a; b++)
            assert_string_not_equal(ob_kube_answer_name((ob_kube_answer)a),
                                    ob_kube_answer_name((ob_kube_answer)b));
    }
}

static void what_is_escaped_ends_no_part_of_a_path_or_query(void **state)
{
    (void)state;
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        { "", "" },
        { "aZ09-._~", "aZ09-._~" },
        { "a=b,c in (d,e)", "a%3Db%2Cc%20in%20%28d%2Ce%29" },
        { "../x?y&z#%", "..%2Fx%3Fy%26z%23%25" },
        { "\xc3\xa4\n\x7f", "%C3%A4%0A%7F" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *escaped = ob_text_url_encode(cases[i].text);
        assert_string_equal(escaped, cases[i].escaped);
    }
}

static void metadata_of_any_object_is_a_text(void **state)
{
    (void)state;
    json_auto_t *good = json_pack("{s:{s:s, s:i}}", "metadata", "name", "a", "uid", 1);
    json_auto_t *list = json_pack("[i]", 1);
    assert_string_equal(ob_kube_meta(good, "name"), "a");
    assert_string_equal(ob_kube_meta(good, "uid"), "");
    assert_string_equal(ob_kube_meta(good, "namespace"), "");
    assert_string_equal(ob_kube_meta(list, "name"), "");
    assert_string_equal(ob_kube_meta(NULL, "name"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_http_have_their_kind),
        cmocka_unit_test(a_name_that_is_taken_is_no_conflict_of_versions),
        cmocka_unit_test(a_missing_right_is_told_from_a_rule_about_the_object),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
        cmocka_unit_test(what_is_escaped_ends_no_part_of_a_path_or_query),
        cmocka_unit_test(metadata_of_any_object_is_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
