/* Checks one resource against the policies of a request's key. */
#pragma once

#include "resource.h"
#include "rights.h"

/* What a request may do, resource by resource. */
typedef struct inquiry {
    api_request *req;
    api_reply *rep;
    char *action;   /* borrowed */
    size_t touched; /* resources so far */
} inquiry;

/* "service:Action" of the request's operation. A new text. */
char *verdict_action(const api_request *req);
rights_answer verdict_weigh(const api_request *req, const char *action, const resource *r);
/* Fills 'rep' with AWS's words. name: the resource's name as the caller may know it. Returns
 * -EACCES */
int verdict_refuse(const api_request *req,
                   rights_answer answer,
                   const char *action,
                   const char *name,
                   api_reply *rep);
/* Checks the resource and fills the refusal; looks up its tags if the policy uses them. Errors:
 * -EACCES, the database's. */
int verdict_judge(inquiry *c, resource *r);
