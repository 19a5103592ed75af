/* What the stores of resources have in common. Statements about what is the caller's have its
 * account and region as their first parameters. */
#pragma once

#include "operation.h"

/* Declares such parameters. */
#define SCOPED(p, req)                                                                             \
    ob_cleanup(ob_params_done) ob_params p = { 0 };                                                \
    ob_param_text(&p, (req)->account);                                                             \
    ob_param_text(&p, (req)->region)
void store_param_bool(ob_params *p, bool value);
/* SQL NULL where there is none. */
void store_param_optional_int(ob_params *p, const json_t *value);

/* Runs 'body' in a transaction; its commit passes the point. body returns 0 to commit, or a
 * negative errno: rolled back. Thread: the owner of req->db. */
int store_tx(api_request *req,
             ob_point point,
             api_reply *rep,
             int (*body)(api_request *, api_reply *, void *),
             void *arg);

/* Which rows of a list: those with these names, or a page of all. */
typedef struct store_selection {
    const char *const *names; /* NULL: a page */
    size_t n;
    int64_t after; /* a page has ids above this; 0: it is the first */
    int limit;
} store_selection;

/* Runs the statement 'named' (then: names) or 'page' (then: after, limit). *ret is new. */
int store_list(api_request *req,
               const char *named,
               const char *page,
               const store_selection *which,
               PGresult **ret,
               ob_error *err);

/* Creations in a region wait for each other until the transaction ends, so that a count holds. */
int store_serialize(api_request *req, ob_error *err);
/* Runs a statement about what has this name. */
int store_exec_named(api_request *req, const char *stmt, const char *name, ob_error *err);
/* Runs a statement that returns a row for what it made. Errors: -EEXIST. */
int store_insert(api_request *req, const char *stmt, const ob_params *p, ob_error *err);

/* A body as it is stored. *ret is new. Errors: -EIO. */
int store_read_body(const char *text, json_t **ret, ob_error *err);
/* Copies a text, NULL as an empty one. */
void store_copy(char *out, size_t size, const char *text);
