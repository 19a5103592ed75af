/* Answers of EC2's Query API.
 * Covers: services/scaler/providers/ec2/ec2_xml.c */
#include "fuzz.h"

#include "ob/text.h"
#include "providers/ec2/ec2_xml.h"

static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) && ob_text_is_utf8(text, strlen(text));
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    while ((text = strstr(text, part))) {
        text += strlen(part);
        n++;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *xml = fuzz_rest(&in, &len);
    ec2_answer answer;
    int r = ec2_answer_read(xml, len, &answer);
    FUZZ_CHECK(is_text(answer.code, sizeof(answer.code)) &&
               is_text(answer.message, sizeof(answer.message)));
    for (size_t i = 0; i < answer.n; i++) {
        const ec2_instance *one = &answer.instances[i];
        FUZZ_CHECK(is_text(one->ec2_id, sizeof(one->ec2_id)) && is_text(one->id, sizeof(one->id)) &&
                   is_text(one->state, sizeof(one->state)));
        FUZZ_CHECK(!one->id[0] || ob_instance_id_is(one->id));
    }
    /* No more than are named, unless entities make more of them. */
    FUZZ_CHECK(r < 0 || memchr(xml, '&', len) || strlen(xml) < len ||
               answer.n <= count(xml, "item"));
    /* Half an answer is none. */
    if (r == 0 && len > 0 && xml[len - 1] == '>') {
        ec2_answer half;
        FUZZ_CHECK(ec2_answer_read(xml, len - 1, &half) < 0);
        ec2_answer_done(&half);
    }
    ec2_answer_done(&answer);
    return 0;
}
