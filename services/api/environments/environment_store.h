/* Compute environments in PostgreSQL. */
#pragma once

#include "environments_sql.h"
#include "request/arn.h"
#include "request/operation.h"
#include "request/store.h"

/* What a user wants and what has become of it. 'body' is owned. */
typedef struct api_environment {
    int64_t id;
    char name[API_NAME_MAX];
    char uuid[OB_UUID_TEXT];
    bool managed;
    bool enabled;
    char resource_type[16];
    int min_vcpus, max_vcpus;
    int desired_vcpus; /* as now in effect */
    json_t *body;      /* {"computeResources":{},"unmanagedvCpus":1,"serviceRole":"","tags":{}} */
    bool deleting;
    bool has_status, valid, current;
    char reason[512];
} api_environment;
void api_environment_done(api_environment *e);

/* Columns CE_COL_* into a struct. */
int environment_from_row(const PGresult *res, int row, api_environment *ret, ob_error *err);

/* By name in the caller's scope; lock: for update, inside store_tx. Errors: -ENOENT. */
int environment_find(
    api_request *req, const char *name, bool lock, api_environment *ret, ob_error *err);
/* *ret rows: the names in their order, or the page. */
int environment_list(api_request *req, const store_selection *which, PGresult **ret, ob_error *err);
#define ENVIRONMENTS_MAX 50        /* AWS quota, of a region */
#define CLUSTER_ENVIRONMENTS_MAX 5 /* AWS quota, of an EKS cluster */
/* New row and inbox rows, inside store_tx. Errors: -EEXIST; -EDQUOT: there are ENVIRONMENTS_MAX;
 * -EUSERS: there are CLUSTER_ENVIRONMENTS_MAX on its cluster. */
int environment_insert(api_request *req, const api_environment *e, ob_error *err);
/* The wanted row as e says, version + 1, inbox rows. */
int environment_update(api_request *req, const api_environment *e, ob_error *err);
/* Is it in a queue's order? */
int environment_in_use(api_request *req, int64_t id, bool *ret, ob_error *err);
/* Environments by id, locked for share in id order, rows as environment_list. */
int environment_share(
    api_request *req, const char *const *names, size_t n, PGresult **ret, ob_error *err);
