/* The texts of the docker and the ec2 provider when no capacity is left. The docker provider gets
 * no answer from any engine; EC2 is a thread with two answers. */
#include "unit.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "providers/docker/provider_docker.h"
#include "providers/ec2/provider_ec2.h"

#define WAIT_MS 20000

static int launch(provider *p, const char *id, const char *type, ob_error *err)
{
    const ob_instance_type *known = ob_catalog_find(type);
    const provider_launch_spec spec = { .id = id,
                                        .token = "t",
                                        .ce_name = "blue",
                                        .type = type,
                                        .arch = known ? known->arch : OB_ARCH_X86_64,
                                        .size = known ? ob_catalog_nominal(known)
                                                      : (ob_resources){ .mcpu = 250 } };
    return p->ops->launch(p, &spec, err);
}

/* ---- docker ---- */

static void the_engines_host_has_an_end(void **state)
{
    (void)state;
    char home[] = "/tmp/ob-lacking-XXXXXX", text[300], said[300];
    assert_non_null(mkdtemp(home));
    provider *p = NULL;
    ob_error err = { 0 };
    const docker_settings settings = { .size = { .vcpus = 4, .memory_mib = 16384 },
                                       .engine = (char *)"unix:///nowhere/docker.sock",
                                       .image = (char *)"openbatch" };
    const provider_context context = { .home = home, .run_dir = home };
    if (provider_docker.make(&settings, &context, &p, &err) < 0)
        fail_msg("%s", err.text);
    bool arm = p->ops->refuses(p, OB_ARCH_X86_64) != NULL;
    const char *type = arm ? "c6g.xlarge" : "c5.xlarge";
    (void)snprintf(said, sizeof(said),
                   "InsufficientInstanceCapacity: %s needs 4 vCPUs and 8192 MiB; the engine's host "
                   "has 2 of 4 vCPUs and 8192 of 16384 MiB left: not enough vCPUs",
                   type);
    assert_int_equal(launch(p, "i-00000000000000001", arm ? "m6g.large" : "m5.large", &err), 0);
    assert_int_equal(launch(p, "i-00000000000000002", type, &err), -ENOSPC);
    assert_string_equal(err.text, said);
    const ob_resources size = { .mcpu = 4000, .mem_mib = 8192 };
    p->ops->lacking(p, type, &size, text, sizeof(text));
    assert_string_equal(text, said);
    /* Nor memory, where there are vCPUs. */
    assert_int_equal(launch(p, "i-00000000000000003", arm ? "r6g.large" : "r5.large", &err),
                     -ENOSPC);
    p->ops->free(p);
    (void)snprintf(text, sizeof(text), "rm -r '%s'", home);
    assert_int_equal(system(text), 0);
}

/* ---- ec2 ---- */

static const char nothing_there[] = "<DescribeInstancesResponse></DescribeInstancesResponse>";
static const char refusal[] =
    "<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code>"
    "<Message>We have none in this zone</Message></Error></Errors></Response>";

/* A whole request, or what there is of it. */
static void hear(int fd, char *out, size_t size)
{
    size_t n = 0, whole = size - 1;
    out[0] = '\0';
    for (ssize_t got; n < whole && (got = read(fd, out + n, whole - n)) > 0;) {
        n += (size_t)got;
        out[n] = '\0';
        const char *end = strstr(out, "\r\n\r\n"), *len = strcasestr(out, "content-length:");
        if (end && len)
            whole = (size_t)(end + 4 - out) + strtoul(len + 15, NULL, 10);
    }
}

/* Nothing runs, and nothing can be had. */
static void *serve(void *arg)
{
    char request[16384], answer[1024];
    for (int fd; (fd = accept(*(int *)arg, NULL, NULL)) >= 0;) {
        hear(fd, request, sizeof(request));
        bool run = strstr(request, "Action=RunInstances");
        const char *body = run ? refusal : nothing_there;
        int n = snprintf(answer, sizeof(answer),
                         "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                         run ? "500 None" : "200 OK", strlen(body), body);
        (void)send(fd, answer, (size_t)n, MSG_NOSIGNAL);
        (void)close(fd);
    }
    return NULL;
}

static int failed;
static char failed_text[256];
static void on_failed(const char *id, int r, const char *text, void *arg)
{
    (void)id;
    (void)arg;
    failed = r;
    (void)snprintf(failed_text, sizeof(failed_text), "%s", text);
}

static void on_other(const char *id, void *arg)
{
    (void)id;
    (void)arg;
}

static provider *ec2_at(int port)
{
    provider *p = NULL;
    ob_error err = { 0 };
    ob_cleanup(ob_freep) char *endpoint = ob_strf("http://127.0.0.1:%d/", port);
    const provider_ec2_config config = { .endpoint = endpoint,
                                         .region = "us-east-1",
                                         .userpwd = "key:secret",
                                         .image = "ami-1",
                                         .copy = "copy",
                                         .kafka = "kafka:9092" };
    if (provider_ec2_new(&config, &p, &err) < 0)
        fail_msg("%s", err.text);
    p->on = (provider_sink){ .found = on_other, .failed = on_failed };
    return p;
}

/* In EC2's words once it has said any. */
static void ec2_has_none(void **state)
{
    (void)state;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, &fd), 0);

    char text[256];
    ob_error err = { 0 };
    provider *p = ec2_at(ntohs(at.sin_port));
    p->ops->lacking(p, "m5.large", &(ob_resources){ 0 }, text, sizeof(text));
    assert_string_equal(text, "InsufficientInstanceCapacity: EC2 has no capacity now");
    assert_int_equal(launch(p, "i-00000000000000001", "m5.large", &err), 0);
    for (int64_t until_ms = ob_mono_ms() + WAIT_MS; !failed && ob_mono_ms() < until_ms;) {
        (void)p->ops->tick(p);
        (void)usleep(5000);
    }
    assert_int_equal(failed, -ENOSPC);
    assert_string_equal(failed_text, "InsufficientInstanceCapacity: We have none in this zone");
    p->ops->lacking(p, "m5.large", &(ob_resources){ 0 }, text, sizeof(text));
    assert_string_equal(text, failed_text);
    p->ops->free(p);
    (void)shutdown(fd, SHUT_RDWR);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(fd);
}

static void fargate_is_not_for_ec2(void **state)
{
    (void)state;
    ob_error err = { 0 };
    provider *p = ec2_at(1);
    assert_int_equal(launch(p, "i-00000000000000001", PROVIDER_FARGATE, &err), -EINVAL);
    assert_string_equal(err.text, "Fargate environments are not for the ec2 provider");
    p->ops->free(p);
}

int main(void)
{
    ob_log_init("test", OB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engines_host_has_an_end),
        cmocka_unit_test(ec2_has_none),
        cmocka_unit_test(fargate_is_not_for_ec2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
