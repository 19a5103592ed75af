/* The arguments every program has: --help, --version, --check-config, --config-table. Writes to
 * stdout and stderr, never a secret. Start-up code, one thread. */
#include <stdio.h>
#include <string.h>

#include "config_internal.h"

/* Two parts of a program may read one variable: it is shown once. */
static bool is_repeated(const ob_config_field *fields, bool common, size_t i)
{
    const ob_config_field *f = config_field_at(fields, common, i);
    for (size_t k = 0; k < i; k++)
        if (strcmp(config_field_at(fields, common, k)->name, f->name) == 0)
            return true;
    return false;
}

static void print_help(FILE *to, const char *program, const ob_config_field *fields, bool common)
{
    (void)fprintf(to,
                  "Usage: %s [--help | --version | --check-config | --config-table]\n\n"
                  "Part of OpenBatch. Configured by environment variables:\n\n",
                  program);
    const ob_config_field *f;
    for (size_t i = 0; (f = config_field_at(fields, common, i)); i++) {
        if (is_repeated(fields, common, i))
            continue;
        (void)fprintf(to, "  %s\n      %s", f->name, f->help);
        if (!f->default_text)
            (void)fprintf(to, " (required)\n");
        else if (*f->default_text)
            (void)fprintf(to, " (default: %s)\n", f->default_text);
        else
            (void)fprintf(to, "\n");
    }
}

static void print_table(const ob_config_field *fields, bool common)
{
    const ob_config_field *f;
    for (size_t i = 0; (f = config_field_at(fields, common, i)); i++)
        if (!is_repeated(fields, common, i))
            (void)printf("%s\t%s\t%s\n", f->name, f->default_text ? f->default_text : "(required)",
                         f->help);
}

static void print_values(const void *out, const ob_config_field *fields, bool common)
{
    const ob_config_field *f;
    for (size_t i = 0; (f = config_field_at(fields, common, i)); i++) {
        const void *member = (const char *)out + f->offset;
        const char *text = NULL;
        if (is_repeated(fields, common, i))
            continue;
        switch (f->type) {
        case OB_CONFIG_INT:
            (void)printf("%s=%lld\n", f->name, (long long)*(const int64_t *)member);
            break;
        case OB_CONFIG_SECRET:
            text = *(char *const *)member;
            (void)printf("%s=%s\n", f->name, text && *text ? "********" : "");
            break;
        case OB_CONFIG_STRING:
        case OB_CONFIG_PATH:
            text = *(char *const *)member;
            (void)printf("%s=%s\n", f->name, text ? text : "");
            break;
        }
    }
}

bool ob_config_cli(int argc,
                   char **argv,
                   const char *program,
                   void *out,
                   const ob_config_field *fields,
                   bool common,
                   int *ret_code)
{
    if (argc < 2)
        return false;
    *ret_code = 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help(stdout, program, fields, common);
    } else if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("%s (OpenBatch) %s\n", program, OB_VERSION);
    } else if (argc == 2 && strcmp(argv[1], "--config-table") == 0) {
        print_table(fields, common);
    } else if (argc == 2 && strcmp(argv[1], "--check-config") == 0) {
        ob_error err = { 0 };
        ob_config_done(out, fields, common);
        if (ob_config_load(out, fields, common, &err) < 0) {
            (void)fprintf(stderr, "%s: %s\n", program, err.text);
            *ret_code = 1;
        } else {
            print_values(out, fields, common);
        }
    } else {
        (void)fprintf(stderr, "%s: unknown argument: %s\n\n", program, argv[argc == 2 ? 1 : 2]);
        print_help(stderr, program, fields, common);
        *ret_code = 2;
    }
    return true;
}
