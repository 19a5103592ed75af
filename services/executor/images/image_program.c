/* Runs a program and watches it. Owns the child while it runs. What the program gets of the
 * environment is listed here: the executor's own has passwords. Progress is what the kernel counts
 * as read and written by it: a program that waits for a silent registry counts nothing. One
 * thread. */
#include "image_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/secrets.h"
#include "image_files.h"
#include "ob/text.h"

#define LOOK_MS 250
#define LIMIT_STEPS 16
#define ERROR_KEPT 8192 /* the end of what it prints as errors */

static const char *const passed_on[] = { "PATH",          "HOME",        "TZ",
                                         "http_proxy",    "https_proxy", "no_proxy",
                                         "HTTP_PROXY",    "HTTPS_PROXY", "NO_PROXY",
                                         "SSL_CERT_FILE", "SSL_CERT_DIR" };

typedef struct io_count {
    unsigned long long in, out;
} io_count;

typedef struct child {
    const image_program *program;
    pid_t pid;
    int out_fd, err_fd; /* -1: closed */
    ob_buf errors;
    bool too_much, too_large;
    io_count counted;
    unsigned long long look_at; /* when it has written so many bytes, its folder is measured */
} child;

/* In the child, which ends or becomes another program: nothing is freed. */
static void make_environment(char *env[ARRAY_SIZE(passed_on) + 3])
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
        const char *value = getenv(passed_on[i]);
        if (value)
            env[n++] = ob_strf("%s=%s", passed_on[i], value);
    }
    /* Large temporary files go where the image will be. */
    env[n++] = ob_strdup("TMPDIR=.");
    env[n++] = ob_strdup("LANG=C.UTF-8");
    env[n] = NULL;
}

__attribute__((noreturn)) static void become(const image_program *p, pid_t parent, const int fds[2])
{
    char *env[ARRAY_SIZE(passed_on) + 3];
    int none = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    make_environment(env);
    (void)umask(022);
    (void)signal(SIGPIPE, SIG_DFL);
    if (p->keep_fd > 0)
        (void)fcntl(p->keep_fd, F_SETFD, 0);
    if (dup2(none, 0) < 0 || dup2(fds[0], 1) < 0 || dup2(fds[1], 2) < 0 ||
        (p->folder && chdir(p->folder) < 0))
        _exit(126);
    (void)execvpe(p->argv[0], (char *const *)p->argv, env);
    _exit(errno == ENOENT ? 127 : 126);
}

static int begin(child *c, ob_error *err)
{
    int out[2] = { -1, -1 }, errors[2] = { -1, -1 };
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        return ob_fail(err, errno, "pipe2: %s", strerror(errno));
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0)
        become(c->program, parent, (int[]){ out[1], errors[1] });
    int code = errno;
    (void)close(out[1]);
    (void)close(errors[1]);
    c->out_fd = out[0];
    c->err_fd = errors[0];
    return c->pid < 0 ? ob_fail(err, code, "fork: %s", strerror(code)) : 0;
}

/* What it has read and written, as the kernel counts it. */
static io_count count_bytes(pid_t pid)
{
    char path[64];
    io_count n = { 0 };
    (void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return n;
    if (fscanf(file, "rchar: %llu wchar: %llu", &n.in, &n.out) != 2)
        n = (io_count){ 0 };
    (void)fclose(file);
    return n;
}

static void take_errors(child *c, const char *data, size_t len)
{
    ob_buf_add(&c->errors, data, len);
    if (c->errors.len > 2 * ERROR_KEPT) {
        memmove(c->errors.at, c->errors.at + c->errors.len - ERROR_KEPT, ERROR_KEPT + 1);
        c->errors.len = ERROR_KEPT;
    }
}

static void take_output(child *c, const char *data, size_t len)
{
    const image_program *p = c->program;
    if (!p->out || c->too_much)
        return;
    c->too_much = p->out->len + len > p->out_max;
    if (c->too_much)
        (void)kill(c->pid, SIGKILL);
    else
        ob_buf_add(p->out, data, len);
}

static void read_from(child *c, int *fd, void (*take)(child *, const char *, size_t))
{
    char data[8192];
    ssize_t n = read(*fd, data, sizeof(data));
    if (n > 0) {
        take(c, data, (size_t)n);
    } else if (n == 0 || errno != EINTR) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* Files may be written twice, or be removed again, so what was written is only when to measure. */
static void check_limit(child *c)
{
    const image_program *p = c->program;
    if (p->limit_bytes <= 0 || c->too_large || c->counted.out < c->look_at)
        return;
    int64_t taken = image_files_bytes(p->limit_folder);
    int64_t left = p->limit_bytes - taken, step = p->limit_bytes / LIMIT_STEPS;
    c->look_at = c->counted.out + (unsigned long long)(left > step ? left : step);
    c->too_large = left < 0;
    if (c->too_large)
        (void)kill(c->pid, SIGKILL);
}

static void look(child *c)
{
    io_count now = count_bytes(c->pid);
    const image_progress *progress = c->program->progress;
    if ((now.in != c->counted.in || now.out != c->counted.out) && progress)
        progress->fn(progress->arg);
    c->counted = now;
    check_limit(c);
}

static int wait_for_end(child *c)
{
    int status = 0;
    while (c->out_fd >= 0 || c->err_fd >= 0) {
        struct pollfd fds[2] = { { .fd = c->out_fd, .events = POLLIN },
                                 { .fd = c->err_fd, .events = POLLIN } };
        (void)poll(fds, 2, LOOK_MS);
        if (fds[0].revents)
            read_from(c, &c->out_fd, take_output);
        if (fds[1].revents)
            read_from(c, &c->err_fd, take_errors);
        look(c);
    }
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* The last error of a program that logs as skopeo does (level=fatal msg="..."), otherwise its last
 * line, or the one before the trace of a crash. Changes the text. */
static char *last_error(char *text)
{
    char *fatal = strstr(text, "level=fatal msg=\""), *last = text;
    if (fatal) {
        char *from = fatal + strlen("level=fatal msg=\""), *to = from;
        last = from;
        for (; *from && *from != '"'; from++) {
            from += from[0] == '\\' && from[1];
            *to++ = *from;
        }
        *to = '\0';
        return last;
    }
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        while (*line && ((unsigned char)*line <= ' ' || (unsigned char)*line >= 0x80))
            line++; /* umoci begins with a mark */
        if (strncmp(line, "goroutine ", strlen("goroutine ")) == 0)
            break;
        if (*line)
            last = line;
    }
    return last;
}

int image_program_too_large(int64_t limit_bytes, ob_error *err)
{
    return ob_fail(
        err, EFBIG,
        "the image takes more than %lld bytes, which is the limit of all images together "
        "(OPENBATCH_OCI_IMAGES_BYTES)",
        (long long)limit_bytes);
}

/* The last bytes may have come after the last look. */
static bool is_over(const image_program *p)
{
    return p->limit_bytes > 0 && image_files_bytes(p->limit_folder) > p->limit_bytes;
}

static int judge(child *c, int status, ob_error *err)
{
    const char *name = c->program->argv[0];
    if (c->too_much)
        return ob_fail(err, EIO, "%s: its answer is too long", name);
    if (c->too_large || (WIFEXITED(status) && is_over(c->program)))
        return image_program_too_large(c->program->limit_bytes, err);
    if (status == 0)
        return 0;
    if (WIFSIGNALED(status)) /* its last line is not about that */
        return ob_fail(err, EIO, "%s ended with signal %d", name, WTERMSIG(status));
    if (WEXITSTATUS(status) == 127)
        return ob_fail(err, ENOENT, "the program %s is not installed", name);
    ob_buf_add(&c->errors, "", 0);
    char *why = last_error(c->errors.at);
    if (c->program->hidden)
        secrets_hide(c->program->hidden, why);
    if (*why)
        return ob_fail(err, EIO, "%s", ob_cut(why, 400));
    return ob_fail(err, EIO, "%s ended with exit code %d", name, WEXITSTATUS(status));
}

int image_program_run(ob_point point, const image_program *program, ob_error *err)
{
    child c = { .program = program, .look_at = (unsigned long long)program->limit_bytes };
    if (point != OB_POINT_NONE)
        ob_point_pass(point, OB_POINT_BEFORE);
    int r = begin(&c, err);
    if (r < 0)
        return r;
    r = judge(&c, wait_for_end(&c), err);
    ob_buf_done(&c.errors);
    if (r == 0 && point != OB_POINT_NONE)
        ob_point_pass(point, OB_POINT_AFTER);
    return r;
}
