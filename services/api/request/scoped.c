/* What stores have in common that list a caller's resources. Holds no state. Thread: the request's.
 */
#include "scoped.h"

int scoped_list(api_request *req,
                const char *named,
                const char *page,
                const char *const *names,
                size_t n,
                int64_t after,
                int limit,
                PGresult **ret,
                ob_error *err)
{
    SCOPED(p, req);
    if (names) {
        ob_param_text_array(&p, names, n);
    } else {
        ob_param_int(&p, after);
        ob_param_int(&p, limit);
    }
    return req_exec(req, names ? named : page, &p, ret, err);
}
