/* Reads the files of a control group, which the kernel keeps. Owns nothing. Any thread. */
#include "group_use.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* False: there is no such file. */
static bool read_file(
    const char *root, const char *hierarchy, const char *group, const char *name, char text[4096])
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s%s%s/%s", root, hierarchy, group, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, 4095);
    if (fd >= 0)
        (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

/* 0: unknown. */
static int64_t positive(const char *text)
{
    int64_t n = text ? strtoll(text, NULL, 10) : 0;
    return n > 0 ? n : 0;
}

/* The text behind a word at the beginning of a line, or NULL. */
static const char *behind(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += len)
        if ((at == text || at[-1] == '\n') && at[len] == ' ')
            return at + len;
    return NULL;
}

group_use group_use_read(const char *root, const char *group)
{
    char text[4096];
    int64_t cpu_us = 0, peak = 0;
    if (read_file(root, "/cpuacct", group, "cpuacct.usage", text))
        cpu_us = (positive(text) + 999) / 1000;
    else if (read_file(root, "", group, "cpu.stat", text))
        cpu_us = positive(behind(text, "usage_usec"));
    if (read_file(root, "/memory", group, "memory.max_usage_in_bytes", text) ||
        read_file(root, "", group, "memory.peak", text))
        peak = positive(text);
    return (group_use){ .cpu_ms = (cpu_us + 999) / 1000, .peak_bytes = peak };
}

int group_use_process(const char *root, const char *group)
{
    char text[4096];
    if (!read_file(root, "/cpuacct", group, "cgroup.procs", text) &&
        !read_file(root, "", group, "cgroup.procs", text))
        return -1;
    if (text[0] == '0') /* of another namespace: nobody here sees its end */
        return -1;
    int64_t pid = positive(text);
    return pid <= INT32_MAX ? (int)pid : 0;
}
