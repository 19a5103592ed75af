/* AWS's query protocol: forms in, XML out, errors by STS's codes. */
#include "unit.h"

#include "http/query_protocol.h"
#include "ob/message.h"

#define NS "https://sts.amazonaws.com/doc/2011-06-15/"

static void a_form_is_an_object_of_texts(void **state)
{
    (void)state;
    static const char form[] = "Action=GetSessionToken&Version=2011-06-15&Duration%53econds=900&"
                               "a=b+c%26&empty=&alone";
    api_reply rep = { 0 };
    json_t *read = NULL;
    assert_int_equal(query_read(form, strlen(form), &read, &rep), 0);
    assert_int_equal(json_object_size(read), 6);
    assert_string_equal(ob_json_str(read, "Action", ""), "GetSessionToken");
    assert_string_equal(ob_json_str(read, "DurationSeconds", ""), "900");
    assert_string_equal(ob_json_str(read, "a", ""), "b c&");
    assert_string_equal(ob_json_str(read, "empty", "?"), "");
    assert_string_equal(ob_json_str(read, "alone", "?"), "");
    json_decref(read);
}

static void a_form_that_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    static api_reply rep;
    char many[65 * 8 + 1] = "";
    for (int i = 0; i < 65; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), "a%d=&", i);
    const char *const forms[] = { "Action=a&Action=b", "a=%00", "a=%ff", "%ff=a", many };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        json_t *read = NULL;
        assert_int_equal(query_read(forms[i], strlen(forms[i]), &read, &rep), -EINVAL);
        assert_null(read);
        assert_string_equal(rep.code, "MalformedInput");
        api_reply_done(&rep);
    }
    json_auto_t *nothing = NULL;
    assert_int_equal(query_read("", 0, &nothing, &rep), 0);
    assert_int_equal(json_object_size(nothing), 0);
}

static void an_action_that_does_not_exist_is_named(void **state)
{
    (void)state;
    static api_reply rep;
    json_auto_t *none = json_object();
    json_auto_t *other = json_pack("{s:s, s:s}", "Action", "AssumeRole", "Version", "2011-06-15");
    (void)query_no_action(none, &rep);
    assert_string_equal(rep.code, "MissingAction");
    (void)query_no_action(other, &rep);
    assert_string_equal(rep.code, "InvalidAction");
    assert_string_equal(rep.message, "Could not find operation AssumeRole for version 2011-06-15");
    api_reply_done(&rep);
}

static void an_answer_is_xml_as_of_aws(void **state)
{
    (void)state;
    static api_reply rep;
    rep.body = json_pack("{s:s, s:s}", "Arn", "arn:aws:iam::1:user/a&b<\x01>", "Account", "1");
    ob_cleanup(ob_freep) char *flat = query_answer("GetCallerIdentity", &rep, "id-1");
    assert_string_equal(flat, "<GetCallerIdentityResponse xmlns=\"" NS "\">"
                              "<GetCallerIdentityResult>"
                              "<Arn>arn:aws:iam::1:user/a&amp;b&lt;?&gt;</Arn>"
                              "<Account>1</Account></GetCallerIdentityResult>"
                              "<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>"
                              "</GetCallerIdentityResponse>\n");
    api_reply_done(&rep);
    rep.body = json_pack("{s:{s:s}}", "Credentials", "AccessKeyId", "ASIA");
    ob_cleanup(ob_freep) char *nested = query_answer("GetSessionToken", &rep, "id-2");
    assert_non_null(strstr(nested, "<GetSessionTokenResult><Credentials><AccessKeyId>ASIA"
                                   "</AccessKeyId></Credentials></GetSessionTokenResult>"));
    api_reply_done(&rep);
}

static void errors_have_the_codes_of_sts(void **state)
{
    (void)state;
    static const struct {
        const char *code, *here, *type;
        int status;
    } cases[] = {
        { "ExpiredTokenException", "ExpiredToken", "Sender", 403 },
        { "UnrecognizedClientException", "InvalidClientTokenId", "Sender", 403 },
        { "InvalidSignatureException", "SignatureDoesNotMatch", "Sender", 403 },
        { "AccessDeniedException", "AccessDenied", "Sender", 403 },
        { "ClientException", "ValidationError", "Sender", 400 },
        { "InvalidAction", "InvalidAction", "Sender", 400 },
        { "ServerException", "ServiceUnavailable", "Receiver", 503 },
        { "ServerException", "InternalFailure", "Receiver", 500 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        static api_reply rep;
        (void)api_error(&rep, cases[i].status, cases[i].code, "it is <so>");
        ob_cleanup(ob_freep) char *text = query_answer("", &rep, "id-3");
        ob_cleanup(ob_freep) char *expected =
            ob_strf("<ErrorResponse xmlns=\"" NS "\"><Error><Type>%s</Type><Code>%s</Code>"
                    "<Message>it is &lt;so&gt;</Message></Error><RequestId>id-3</RequestId>"
                    "</ErrorResponse>\n",
                    cases[i].type, cases[i].here);
        assert_string_equal(text, expected);
        api_reply_done(&rep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_is_an_object_of_texts),
        cmocka_unit_test(a_form_that_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(an_action_that_does_not_exist_is_named),
        cmocka_unit_test(an_answer_is_xml_as_of_aws),
        cmocka_unit_test(errors_have_the_codes_of_sts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
