/* Lists, from the tables of operations and members, which parts of AWS's API work, are stored only,
 * or are refused. Owns nothing. Pure. Invariant: a member inside one that is stored only is never
 * listed as working. */
#include "compatibility.h"

#include "operations.h"

static const char *const support_names[] = {
    [WORKS] = "works", [STORED] = "stored", [REFUSED] = "refused"
};

static void add_members(json_t *to, const api_field *fields, const char *above, api_support least)
{
    for (const api_field *f = fields; f->name; f++) {
        api_support support = f->support > least ? f->support : least;
        ob_cleanup(ob_freep) char *path = ob_strf("%s%s%s", above, *above ? "." : "", f->name);
        ob_cleanup(ob_freep) char *below = ob_strf("%s%s", path, f->kind == KIND_LIST ? "[]" : "");
        (void)json_array_append_new(
            to, json_pack("{s:s, s:s, s:b, s:s*, s:s*, s:s*}", "path", path, "support",
                          support_names[support], "required", (f->flags & FIELD_REQUIRED) != 0,
                          "why", f->why, "values", f->choice, "refusedValues", f->refused_choice));
        if (f->of && support != REFUSED)
            add_members(to, f->of, below, support);
    }
}

json_t *compatibility_json(void)
{
    json_t *out = json_array();
    const api_operation *op = NULL;
    while ((op = api_operation_next(op))) {
        if (op->protocol == API_ADMIN)
            continue;
        json_t *members = json_array();
        if (op->fields)
            add_members(members, op->fields, "", WORKS);
        (void)json_array_append_new(
            out, json_pack("{s:s, s:s, s:s, s:b, s:s*, s:o}", "name", op->name, "service",
                           api_service(op->protocol), "method", op->method ? op->method : "POST",
                           "built", op->handler != NULL, "why", op->why, "members", members));
    }
    return out;
}
