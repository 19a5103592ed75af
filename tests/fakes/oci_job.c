/* A program for containers that have nothing else: linked statically. Its arguments are orders,
 * done one after the other. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int term_code = -1;

static void on_term(int signal)
{
    (void)!write(1, "term\n", 5);
    _exit(term_code);
}

static void show_file(const char *path)
{
    char data[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    if (fd < 0)
        (void)printf("%s: none\n", path);
    while (fd >= 0 && (n = read(fd, data, sizeof(data))) > 0)
        (void)fwrite(data, 1, (size_t)n, stdout);
    if (fd >= 0)
        (void)close(fd);
}

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    (void)printf("write %s: %s\n", path,
                 fd >= 0 && write(fd, path, strlen(path)) > 0 ? "yes" : "no");
    if (fd >= 0)
        (void)close(fd);
}

static void show_ids(void)
{
    gid_t groups[64];
    int n = getgroups(64, groups);
    (void)printf("ids %d %d", (int)getuid(), (int)getgid());
    for (int i = 0; i < n; i++)
        (void)printf(" %d", (int)groups[i]);
    (void)printf("\n");
}

static void eat(size_t mib)
{
    char *at = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(at, 1, mib << 20);
}

static void show_line(size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)putchar('x');
    (void)putchar('\n');
}

static void show_size(const char *path)
{
    struct statvfs at;
    if (statvfs(path, &at) == 0)
        (void)printf("size %s %llu\n", path, (unsigned long long)at.f_blocks * at.f_frsize >> 20);
}

static void show_mode(const char *path)
{
    struct stat at;
    if (lstat(path, &at) == 0)
        (void)printf("mode %s %o %d\n", path, (unsigned)at.st_mode & 07777, (int)at.st_uid);
    else
        (void)printf("mode %s none\n", path);
}

/* A socket as programs of 32 bits make it. */
static int old_socket(int family, int type)
{
#if defined(__x86_64__)
    long result = 102; /* socketcall */
    unsigned *args =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    args[0] = (unsigned)family;
    args[1] = (unsigned)type;
    args[2] = 0;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(1L), "c"(args)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
#else
    return socket(family, type, 0);
#endif
}

static void try_call(const char *name)
{
    bool ok = strcmp(name, "inet") == 0          ? socket(AF_INET, SOCK_STREAM, 0) >= 0
              : strcmp(name, "inet32") == 0      ? old_socket(AF_INET, SOCK_STREAM) >= 0
              : strcmp(name, "alg") == 0         ? socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0
              : strcmp(name, "vsock") == 0       ? socket(AF_VSOCK, SOCK_STREAM, 0) >= 0
              : strcmp(name, "personality") == 0 ? personality(PER_LINUX | ADDR_NO_RANDOMIZE) >= 0
              : strcmp(name, "linux32") == 0     ? personality(PER_LINUX32) >= 0
                                                 : klogctl(3, NULL, 0) >= 0;
    (void)printf("call %s %s\n", name, ok ? "yes" : errno == EPERM ? "refused" : strerror(errno));
}

static void obey(const char *order, const char *value)
{
    char folder[4096];
    struct rlimit limit;
    if (strcmp(order, "say") == 0)
        (void)printf("%s\n", value);
    else if (strcmp(order, "part") == 0)
        (void)printf("%s", value);
    else if (strcmp(order, "err") == 0)
        (void)dprintf(2, "%s\n", value);
    else if (strcmp(order, "exit") == 0)
        exit(atoi(value));
    else if (strcmp(order, "sleep") == 0)
        (void)usleep((useconds_t)atoi(value) * 1000);
    else if (strcmp(order, "eat") == 0)
        eat((size_t)atoi(value));
    else if (strcmp(order, "term") == 0) {
        term_code = atoi(value);
        (void)signal(SIGTERM, on_term);
    } else if (strcmp(order, "ignore") == 0)
        (void)signal(atoi(value), SIG_IGN);
    else if (strcmp(order, "line") == 0)
        show_line((size_t)atoi(value));
    else if (strcmp(order, "env") == 0)
        (void)printf("env %s=%s\n", value, getenv(value) ? getenv(value) : "none");
    else if (strcmp(order, "cat") == 0)
        show_file(value);
    else if (strcmp(order, "write") == 0)
        write_file(value);
    else if (strcmp(order, "call") == 0)
        try_call(value);
    else if (strcmp(order, "size") == 0)
        show_size(value);
    else if (strcmp(order, "mode") == 0)
        show_mode(value);
    else if (strcmp(order, "show") == 0 && strcmp(value, "ids") == 0)
        show_ids();
    else if (strcmp(order, "show") == 0 && strcmp(value, "cwd") == 0)
        (void)printf("cwd %s\n", getcwd(folder, sizeof(folder)));
    else if (strcmp(order, "show") == 0 && strcmp(value, "pid") == 0)
        (void)printf("pid %d\n", (int)getpid());
    else if (strcmp(order, "show") == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        (void)printf("files %lld %lld\n", (long long)limit.rlim_cur, (long long)limit.rlim_max);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        obey(argv[i], argv[i + 1]);
    return 0;
}
