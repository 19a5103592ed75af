/* The client of one Kubernetes cluster: calls to its API server, and what their answers mean. It
 * stands on ob/http.h, whose rules hold: no thread, calls may be made and dropped in callbacks, and
 * its owner drives it (ob_kube_http). It reads the cluster's files again each minute, because bound
 * tokens expire. One owner thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ob/error.h"
#include "ob/http.h"
#include "ob/point.h"

typedef struct ob_kube ob_kube;

/* What an answer means for the caller. */
typedef enum ob_kube_answer {
    OB_KUBE_OK,
    OB_KUBE_NOT_FOUND,    /* 404 */
    OB_KUBE_EXISTS,       /* 409 AlreadyExists: an object of that name is there */
    OB_KUBE_CONFLICT,     /* 409: the object has changed, or is another (uid) */
    OB_KUBE_EXPIRED,      /* 410: the version or the page is too old; list again */
    OB_KUBE_UNAUTHORIZED, /* 401: the token or certificate does not count */
    OB_KUBE_FORBIDDEN,    /* 403: this user has no right to it */
    OB_KUBE_QUOTA,        /* 403: a ResourceQuota is used up; it may fit later */
    OB_KUBE_REFUSED,      /* 403: an admission rule refuses this object; other objects may do */
    OB_KUBE_INVALID,      /* 400, 413, 422 and other 4xx: never accepted as it is */
    OB_KUBE_THROTTLED,    /* 429: again after retry_after_ms */
    OB_KUBE_SERVER,       /* 5xx, or an answer that cannot be read: again later */
    OB_KUBE_UNREACHABLE,  /* no answer, or half of one: it may have been done nevertheless */
} ob_kube_answer;

typedef struct ob_kube_reply {
    ob_kube_answer kind;
    int status;          /* of HTTP; 0: no (whole) answer */
    const json_t *json;  /* borrowed; NULL: not JSON, or the call has on_data or is of text */
    const char *body;    /* NUL-terminated; empty when the call has on_data */
    const char *reason;  /* of a Status object, such as AlreadyExists; "" : none */
    const char *message; /* for a person: the Status object's, else why there is no answer; never
                            NULL, "" when kind is OB_KUBE_OK; valid text of any length */
    int retry_after_ms;  /* 0: the server has not said */
} ob_kube_reply;

/* The call has ended and is gone. May make others, and drop any. */
typedef void (*ob_kube_on_reply)(const ob_kube_reply *reply, void *arg);

/* All is copied but 'arg'. */
typedef struct ob_kube_request {
    const char *method;
    const char *path;        /* /api/v1/…; its parts are escaped (ob_text_url_encode) */
    const char *query;       /* a=b&c=d, with escaped values; NULL: none */
    const json_t *json;      /* the body; NULL: none */
    const char *type;        /* of the body; NULL: application/json */
    int timeout_s;           /* 0: none */
    bool reads;              /* it changes nothing, although it is not a GET (a review of rights) */
    bool text;               /* the answer is text, not JSON */
    ob_http_on_data on_data; /* parts of a body with status 200; NULL: the body is collected */
    ob_http_on_open on_open; /* status 200 has arrived; may be NULL */
    ob_kube_on_reply on_reply;
    void *arg;
    void (*free_arg)(void *arg); /* NULL: none; called once, after on_reply or the drop */
} ob_kube_request;

#define OB_KUBE_MERGE_PATCH "application/merge-patch+json"

/* arn: of the cluster, whose file is in 'dir'. Errors: those of ob_kube_directory_read. */
int ob_kube_new(const char *dir, const char *arn, ob_kube **ret, ob_error *err);
/* Drops all calls. Not from a callback. Watches (ob/kube_watch.h) are freed before. */
void ob_kube_free(ob_kube *k);

/* As ob_http_send, with its rules for points, and for dropping and resuming what it returns. A POST
 * whose answer is lost may have been done, and may be sent twice: an object of that name may then
 * be one's own. */
ob_http_call *ob_kube_send(ob_kube *k, ob_point point, const ob_kube_request *request);

/* To drive it: ob_http_fd, ob_http_ready, ob_http_flush, ob_http_step. Owned by 'k'. */
ob_http *ob_kube_http(const ob_kube *k);
/* The cluster's name, for messages. */
const char *ob_kube_name(const ob_kube *k);

/* What an object of kind Status says with this code of HTTP (also that of an ERROR in a watch).
 * status: borrowed, may be NULL. */
ob_kube_answer ob_kube_answer_kind(int code, const json_t *status);
/* After how long it wants to be asked again, at most an hour; 0: it does not say. */
int ob_kube_retry_after_ms(const json_t *status);
/* Such as "not found", for logs. */
const char *ob_kube_answer_name(ob_kube_answer kind);

/* Of an object: metadata.<member>, "" when it is missing or no text. */
const char *ob_kube_meta(const json_t *object, const char *member);
