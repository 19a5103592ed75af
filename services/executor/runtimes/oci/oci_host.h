/* What the host offers to containers: control groups, capabilities, its name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum oci_groups {
    OCI_GROUPS_V1,
    OCI_GROUPS_HYBRID, /* v1, and v2 without controllers beside it */
    OCI_GROUPS_MIXED,  /* v1, and v2 with some controllers */
    OCI_GROUPS_V2,
} oci_groups;

typedef struct oci_host {
    oci_groups groups;
    bool limits_swap;      /* the kernel accounts for swap */
    bool refuses_calls;    /* the kernel can refuse system calls: seccomp filters */
    uint64_t capabilities; /* the most that a process of this one can have, by number */
    char name[65];         /* of the host */
    int oom_score;         /* this process's oom_score_adj */
    int64_t pids_limit;    /* of each container; 0: none */
    /* Open files of a process, before this one raised its own limit; 0: unknown. */
    int64_t files_soft, files_hard;
} oci_host;

/* Reads it from the kernel. Raises this process's limit of open files: each container takes two. */
void oci_host_read(oci_host *ret);
