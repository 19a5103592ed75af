/* The version of the engine's API that is used. */
#include "unit.h"

#include "ob/docker.h"

static void the_nearest_version_is_spoken(void **state)
{
    static const struct {
        const char *version, *api;
    } rows[] = {
        { "{\"ApiVersion\": \"1.41\", \"MinAPIVersion\": \"1.12\"}", "/v1.41" },
        { "{\"ApiVersion\": \"1.52\", \"MinAPIVersion\": \"1.24\"}", "/v1.41" },
        /* Docker 29 */
        { "{\"ApiVersion\": \"1.52\", \"MinAPIVersion\": \"1.44\"}", "/v1.44" },
        /* Docker 19.03 */
        { "{\"ApiVersion\": \"1.40\"}", "/v1.40" },
        { "{\"ApiVersion\": 2, \"MinAPIVersion\": \"new\"}", "/v1.41" },
        { "{}", "/v1.41" },
    };
    char api[OB_DOCKER_API_TEXT];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_t *version = json_loads(rows[i].version, 0, NULL);
        assert_non_null(version);
        ob_docker_api(version, api);
        json_decref(version);
        assert_string_equal(api, rows[i].api);
    }
    ob_docker_api(NULL, api);
    assert_string_equal(api, "/v1.41");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_version_is_spoken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
