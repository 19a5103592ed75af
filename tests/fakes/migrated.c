/* See migrated.h. */
#include "migrated.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ob/db.h"

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_sql(const struct dirent *e)
{
    const char *end = strrchr(e->d_name, '.');
    return end && !strcmp(end, ".sql"); /* beside the folder queries */
}

void migrate(const char *conninfo, const char *sql_dir)
{
    ob_cleanup(ob_db_freep) ob_db *db = NULL;
    struct dirent **list;
    assert_int_equal(ob_db_connect(conninfo, "test", &db, NULL), 0);
    /* As the api makes it. */
    assert_int_equal(
        ob_db_sql(db, "CREATE TABLE schema_migration (version int PRIMARY KEY)", NULL, NULL, NULL),
        0);
    int n = scandir(sql_dir, &list, is_sql, by_name);
    assert_true(n > 10);
    for (int i = 0; i < n; i++) {
        char path[512];
        ob_error err = { 0 };
        (void)snprintf(path, sizeof(path), "%s/%s", sql_dir, list[i]->d_name);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        ob_cleanup(ob_freep) char *text = ob_calloc(1, 256 * 1024);
        assert_true(fread(text, 1, 256 * 1024 - 1, f) > 0);
        (void)fclose(f);
        if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
            fail_msg("%s: %s", path, err.text);
        free(list[i]);
    }
    free(list);
}
