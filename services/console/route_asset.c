/* The page: files under /assets/, and for every other path the one page, which shows what the path
 * says. Files are compressed once, at build time; every browser takes them so. Thread: an HTTP
 * worker. */
#include <string.h>

#include "assets.h"
#include "routes.h"

#define PAGE "/index.html"

static const asset *find_asset(const char *path)
{
    for (const asset *a = assets; a->path; a++)
        if (strcmp(a->path, path) == 0)
            return a;
    return NULL;
}

void route_asset(web_request *q)
{
    bool is_file = strncmp(q->path, "/assets/", strlen("/assets/")) == 0 ||
                   strcmp(q->path, "/favicon.ico") == 0;
    const asset *a = find_asset(is_file ? q->path : PAGE);
    if (!web_request_is(q, "GET")) {
        web_refuse(q, 405, "There is nothing to be changed here.");
        return;
    }
    if (!a) {
        web_refuse(q, 404, "There is no such file.");
        return;
    }
    ob_cleanup(ob_freep) char *more = ob_strf("ETag: %s\r\n"
                                              "Cache-Control: no-cache\r\n"
                                              "Content-Encoding: gzip\r\n",
                                              a->etag);
    const char *known = mg_get_header(q->conn, "If-None-Match");
    int status = known && strcmp(known, a->etag) == 0 ? 304 : 200;
    web_send(q, status, a->type, more, (const char *)a->data, a->len);
}
