/* Forms of AWS's query protocol, and answers in XML with any text in them.
 * Covers: services/api/http/query_protocol.c */
#include "fuzz.h"

#include "http/query_protocol.h"
#include "ob/buf.h"
#include "ob/message.h"
#include "ob/text.h"

/* Written again, percent-encoded, it reads the same. */
static void check_again(json_t *form)
{
    const char *name;
    json_t *value;
    ob_buf text = { 0 };
    json_object_foreach(form, name, value)
    {
        FUZZ_CHECK(json_is_string(value));
        if (text.len > 0)
            ob_buf_str(&text, "&");
        for (const char *c = name; *c; c++)
            ob_buf_addf(&text, "%%%02X", (unsigned char)*c);
        ob_buf_str(&text, "=");
        for (const char *c = json_string_value(value); *c; c++)
            ob_buf_addf(&text, "%%%02x", (unsigned char)*c);
    }
    static api_reply rep;
    json_auto_t *again = NULL;
    FUZZ_CHECK(query_read(text.at ? text.at : "", text.len, &again, &rep) == 0);
    FUZZ_CHECK(json_equal(form, again));
    ob_buf_done(&text);
}

/* What is between tags has no character that would be read as a part of one. */
static void check_xml(const char *text)
{
    FUZZ_CHECK(ob_text_is_utf8(text, strlen(text)));
    for (const char *at = text; *at; at++) {
        FUZZ_CHECK((unsigned char)*at >= ' ' || strchr("\t\r\n", *at));
        if (*at == '&')
            FUZZ_CHECK(strncmp(at, "&amp;", 5) == 0 || strncmp(at, "&lt;", 4) == 0 ||
                       strncmp(at, "&gt;", 4) == 0 || strncmp(at, "&quot;", 6) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static api_reply rep;
    fuzz_input in = fuzz_begin(data, size);
    size_t len = 0;
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, &len);
    json_t *form = NULL;
    int r = query_read(text, len, &form, &rep);
    FUZZ_CHECK((r < 0) == (rep.code != NULL) && (r < 0) == (form == NULL));
    if (r == 0) {
        rep.body = json_pack("{s:s}", "A", ob_json_str(form, "Action", ""));
        ob_cleanup(ob_freep) char *answer = query_answer("Op", &rep, "id");
        check_xml(answer);
        check_again(form);
        api_reply_done(&rep);
        (void)query_no_action(form, &rep);
    }
    ob_cleanup(ob_freep) char *error = query_answer("", &rep, "id");
    check_xml(error);
    FUZZ_CHECK(strstr(error, "<Code>"));
    json_decref(form);
    api_reply_done(&rep);
    return 0;
}
