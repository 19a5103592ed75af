/* An operator's file of instance types.
 * Covers: shared/src/catalog_text.c */
#include "fuzz.h"

#include "catalog_text.h"
#include "ob/catalog.h"
#include "ob/text.h"

/* What can be used of a type is less than all of it, and counts are whole. */
static void check_type(const ob_instance_type *type)
{
    FUZZ_CHECK(strchr(type->name, '.') && ob_text_is_utf8(type->name, strlen(type->name)));
    ob_resources nominal = ob_catalog_nominal(type), usable = ob_catalog_usable(type);
    FUZZ_CHECK(nominal.mcpu > 0 && nominal.mem_mib > 0 && nominal.gpus >= 0);
    FUZZ_CHECK(usable.mcpu == nominal.mcpu && usable.mem_mib > 0 &&
               usable.mem_mib < nominal.mem_mib);
    FUZZ_CHECK(type->on_demand > 0 && type->spot > 0 && type->interruptions >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, &len);
    catalog_text c = { 0 };
    int wrong = catalog_text_read(&c, text, len);
    FUZZ_CHECK(wrong >= 0 && (size_t)wrong <= len + 1);
    for (size_t i = 0; i < c.n_types; i++) {
        check_type(&c.types[i]);
        for (size_t k = 0; k < i; k++)
            FUZZ_CHECK(strcmp(c.types[i].name, c.types[k].name) != 0);
    }
    catalog_text_done(&c);
    return 0;
}
