/* Asks a Docker engine for its images, over its API. The paths name no version of the API: the
 * engine then takes its own. Owns nothing between calls; each waits for its answer. One thread. */
#include "image_engine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image_files.h"
#include "ob/http.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define ANSWER_S 10
#define STEP_MS 250
#define BODY_MAX (4 * 1024 * 1024)

typedef struct answer {
    bool done;
    int status;
    char error[512];
    json_t *body;
    int fd;                     /* of a file that takes the body; -1: none */
    int64_t bytes, limit_bytes; /* that it has taken, and may take; 0: no limit */
    int failed;                 /* errno of its last write */
    const image_progress *progress;
} answer;

static int connect_to(const char *host, ob_http **ret, ob_error *err)
{
    static const char unix_prefix[] = "unix://", tcp_prefix[] = "tcp://";
    bool is_unix = strncmp(host, unix_prefix, strlen(unix_prefix)) == 0;
    if (!is_unix && strncmp(host, tcp_prefix, strlen(tcp_prefix)) != 0)
        return ob_fail(err, EHOSTUNREACH, "%s is neither unix:// nor tcp://", host);
    ob_cleanup(ob_freep) char *base =
        is_unix ? ob_strdup("http://engine") : ob_strf("http://%s", host + strlen(tcp_prefix));
    ob_http_options options = { .base = base,
                                .socket = is_unix ? host + strlen(unix_prefix) : NULL,
                                .body_max = BODY_MAX };
    return ob_http_new(&options, ret, err);
}

static void on_reply(const ob_http_reply *reply, void *arg)
{
    answer *a = arg;
    a->done = true;
    a->status = reply->status;
    a->body = ob_json_read(reply->body, reply->len);
    ob_text_format(a->error, sizeof(a->error), "%s",
                   reply->status == 0 ? reply->error : ob_json_str(a->body, "message", ""));
}

static bool on_data(const char *data, size_t len, void *arg)
{
    answer *a = arg;
    a->bytes += (int64_t)len;
    if (a->limit_bytes > 0 && a->bytes > a->limit_bytes)
        a->failed = EFBIG;
    while (len > 0 && !a->failed) {
        ssize_t n = write(a->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            a->failed = errno;
        else
            data += n, len -= (size_t)n;
    }
    if (a->progress)
        a->progress->fn(a->progress->arg);
    return true; /* a file that cannot be written ends the call in 'get' */
}

static int get(const char *host, const char *path, int timeout_s, answer *a, ob_error *err)
{
    ob_http *http = NULL;
    int r = connect_to(host, &http, err);
    if (r < 0)
        return r;
    ob_http_request request = { .method = "GET",
                                .path = path,
                                .timeout_s = timeout_s,
                                .on_data = a->fd >= 0 ? on_data : NULL,
                                .on_reply = on_reply,
                                .arg = a };
    (void)ob_http_send(http, OB_POINT_NONE, &request);
    while (!a->done && !a->failed)
        ob_http_step(http, STEP_MS);
    ob_http_free(http);
    if (a->failed == EFBIG)
        return image_program_too_large(a->limit_bytes, err);
    if (a->failed)
        return ob_fail(err, a->failed, "%s", strerror(a->failed));
    if (a->status == 0)
        return ob_fail(err, EHOSTUNREACH, "the container engine %s: %s", host, a->error);
    if (a->status != 200)
        return ob_fail(err, a->status == 404 ? ENOENT : EIO, "the container engine %s: %s", host,
                       a->error);
    return 0;
}

static bool has_platform(const json_t *image, const char *platform)
{
    const char *variant = ob_json_str(image, "Variant", "");
    ob_cleanup(ob_freep) char *plain =
        ob_strf("%s/%s", ob_json_str(image, "Os", ""), ob_json_str(image, "Architecture", ""));
    ob_cleanup(ob_freep) char *whole = ob_strf("%s/%s", plain, variant);
    return strcmp(platform, plain) == 0 || strcmp(platform, whole) == 0;
}

int image_engine_find(
    const char *host, const char *full, const char *platform, char **ret, ob_error *err)
{
    answer a = { .fd = -1 };
    /* The characters of complete names need no escape in a path. */
    ob_cleanup(ob_freep) char *path = ob_strf("/images/%s/json", full);
    int r = get(host, path, ANSWER_S, &a, err);
    json_auto_t *body = a.body;
    const char *id = ob_json_str(body, "Id", NULL);
    if (r < 0)
        return r;
    if (!id || (platform && !has_platform(body, platform)))
        return ob_fail(err, ENOENT, "the container engine has no image %s for %s", full,
                       platform ? platform : "this host");
    *ret = ob_strdup(id);
    return 0;
}

int image_engine_save(const char *host,
                      const char *id,
                      const char *path,
                      int64_t limit_bytes,
                      const image_progress *progress,
                      ob_error *err)
{
    int fd = image_files_create(path);
    if (fd < 0)
        return ob_fail(err, -fd, "%s: %s", path, strerror(-fd));
    answer a = { .fd = fd, .limit_bytes = limit_bytes, .progress = progress };
    ob_cleanup(ob_freep) char *from = ob_strf("/images/%s/get", id);
    int r = get(host, from, 0, &a, err);
    json_decref(a.body);
    if (close(fd) < 0 && r == 0)
        r = ob_fail(err, errno, "%s: %s", path, strerror(errno));
    return r;
}
