/* The text of an engine's error, without secrets. Owns nothing. Any thread. */
#include "docker_error.h"

#include "host/secrets.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

char *docker_error_dup(const ob_http_reply *reply, const json_t *hidden)
{
    if (reply->status == 0)
        return ob_text_dup(reply->error, DOCKER_ERROR_MAX);
    json_auto_t *body = ob_json_read(reply->body, reply->len);
    const char *message = ob_json_str(body, "message", NULL);
    if (!message)
        return ob_strf("the container engine answered %d", reply->status);
    char *text = ob_strdup(message);
    secrets_hide(hidden, text);
    return text;
}

const char *docker_error_text(const ob_http_reply *reply, char *buf, size_t size)
{
    ob_cleanup(ob_freep) char *text = docker_error_dup(reply, NULL);
    return ob_text_into(buf, size, text);
}
