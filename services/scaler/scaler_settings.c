/* The table of settings: the scaler's own rows and, after the one that names the provider, those of
 * each provider (docs/configuration.md is made from it). Owns the values. Invariant: a provider's
 * values are in a block of their own, at the offsets that its rows name. Start-up code, one
 * thread. */
#include "scaler_settings.h"

#include <stdio.h>
#include <string.h>

#include "ob/catalog.h"
#include "ob/seal.h"
#include "providers/providers.h"

#define FIELD(member) offsetof(scaler_config, member)
static const ob_config_field own[] = {
    { "OPENBATCH_PG", OB_CONFIG_STRING, FIELD(pg), OB_CONFIG_PG_DEFAULT,
      "libpq connection string of the database" },
    OB_SEAL_FIELD(FIELD(seal_key_file)),
    { "OPENBATCH_REDIS", OB_CONFIG_STRING, FIELD(redis), "${OPENBATCH_RUN_DIR}/redis.sock",
      "Redis: path of a unix socket, or host:port" },
    { "OPENBATCH_REDIS_PASSWORD_FILE", OB_CONFIG_PATH, FIELD(redis_password_file), "",
      "file with Redis's password; empty: none" },
    { "OPENBATCH_PROVIDER", OB_CONFIG_STRING, FIELD(provider), "local",
      "where instances come from: {all}" },
    { "OPENBATCH_INSTANCE_TYPES", OB_CONFIG_PATH, FIELD(instance_types), "", OB_CATALOG_HELP },
    { "OPENBATCH_SPOT_INTERRUPT_MEAN_S", OB_CONFIG_INT, FIELD(interrupt_mean_s), "0",
      "{here} providers: mean time in seconds until each Spot instance is interrupted at random; "
      "0: never",
      0, 31536000 },
    { "OPENBATCH_UNMANAGED_LOCAL", OB_CONFIG_INT, FIELD(unmanaged_local), "0",
      "1: each unmanaged compute environment automatically gets an executor on this host ({here} "
      "providers)",
      0, 1 },
    { "OPENBATCH_KUBERNETES_DIR", OB_CONFIG_PATH, FIELD(kubernetes_dir), "",
      "folder with a file NAME.json for each Kubernetes cluster, as `kubectl config view --raw "
      "--flatten -o json` writes it; empty: environments of clusters get no instances" },
    { "OPENBATCH_KUBERNETES_NODE_LOST_MS", OB_CONFIG_INT, FIELD(kubernetes_lost_ms), "60000",
      "time without Ready after which a node, and what runs there, is lost", 1000, 86400000 },
    { "OPENBATCH_SCALE_IN_IDLE_MS", OB_CONFIG_INT, FIELD(scale_in_idle_ms), "5000",
      "time after which an idle instance is ended", 0, 86400000 },
    { "OPENBATCH_REGISTER_MS", OB_CONFIG_INT, FIELD(register_ms), "0",
      "time within which an executor must register; otherwise its instance is replaced; 0: "
      "{register}",
      0, 86400000 },
    { "OPENBATCH_JOB_RETENTION_S", OB_CONFIG_INT, FIELD(job_retention_s),
      OB_CONFIG_JOB_RETENTION_DEFAULT, OB_CONFIG_JOB_RETENTION_HELP, 0, INT32_MAX },
    { "OPENBATCH_HEARTBEAT_MS", OB_CONFIG_INT, FIELD(heartbeat_ms), "1000",
      "time between heartbeats of executors", 50, 60000 },
    { "OPENBATCH_LOST_AFTER_MS", OB_CONFIG_INT, FIELD(lost_after_ms), "30000",
      "silence after which an instance is lost", 500, 86400000 },
    { 0 },
};

/* Rows and values of all; the scaler's own values come first, then each provider's. */
static ob_config_list list;
static char *values;

/* ---- What the help says of providers ---- */

/* "local (executors on this host), docker (executors in containers), ..." */
static void write_all(FILE *out)
{
    for (size_t i = 0; providers[i]; i++)
        (void)fprintf(out, "%s%s (%s)", i ? ", " : "", providers[i]->name, providers[i]->about);
}

static void write_here(FILE *out)
{
    ob_cleanup(ob_freep) char *names = providers_names("and", true);
    (void)fputs(names, out);
}

/* "60000 with the local and docker providers, 600000 with ec2": those of one time together. */
static void write_register_ms(FILE *out)
{
    for (size_t i = 0; providers[i]; i++) {
        int64_t ms = providers[i]->ops->register_ms;
        size_t before = 0, n = 0;
        for (size_t k = 0; k < i; k++)
            before += providers[k]->ops->register_ms == ms;
        if (before > 0)
            continue;
        for (size_t k = i; providers[k]; k++)
            n += providers[k]->ops->register_ms == ms;
        (void)fprintf(out, "%s%lld with %s", i ? ", " : "", (long long)ms, n > 1 ? "the " : "");
        for (size_t k = i, nth = 0; providers[k]; k++) {
            if (providers[k]->ops->register_ms != ms)
                continue;
            (void)fprintf(out, "%s%s",
                          nth == 0      ? ""
                          : nth + 1 < n ? ", "
                                        : " and ",
                          providers[k]->name);
            nth++;
        }
        (void)fputs(n > 1 ? " providers" : "", out);
    }
}

static const struct {
    const char *name;
    void (*write)(FILE *out);
} words[] = { { "{all}", write_all },
              { "{here}", write_here },
              { "{register}", write_register_ms } };

/* The help text with its part about providers. NULL: it has no such part. */
static char *expand(const char *help)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const char *at = strstr(help, words[i].name);
        if (!at)
            continue;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        if (!out)
            abort();
        (void)fwrite(help, 1, (size_t)(at - help), out);
        words[i].write(out);
        (void)fputs(at + strlen(words[i].name), out);
        (void)fclose(out);
        return text;
    }
    return NULL;
}

/* ---- The whole table ---- */

/* Where a provider's block begins; NULL: the end of all. */
static size_t offset_of(const provider_kind *kind)
{
    size_t offset = ob_config_part(sizeof(scaler_config));
    for (size_t i = 0; providers[i] && providers[i] != kind; i++)
        offset += ob_config_part(providers[i]->settings_size);
    return offset;
}

static void add_providers(void)
{
    for (size_t i = 0; providers[i]; i++)
        for (const ob_config_field *row = providers[i]->settings; row->name; row++)
            ob_config_add(&list, row, offset_of(providers[i]));
}

static void make_table(void)
{
    static char *helps[ARRAY_SIZE(own)];
    if (list.fields)
        return;
    for (size_t i = 0; own[i].name; i++) {
        ob_config_add(&list, &own[i], 0);
        if ((helps[i] = expand(own[i].help)))
            list.fields[list.n - 1].help = helps[i];
        if (own[i].offset == FIELD(provider))
            add_providers();
    }
    values = ob_calloc(1, offset_of(NULL));
}

bool settings_cli(int argc, char **argv, int *ret_code)
{
    make_table();
    return ob_config_cli(argc, argv, "openbatch-scaler", values, list.fields, true, ret_code);
}

int settings_load(scaler_config *ret, ob_error *err)
{
    make_table();
    int r = ob_config_load(values, list.fields, true, err);
    if (r == 0)
        memcpy(ret, values, sizeof(*ret));
    return r;
}

const void *settings_of_provider(const provider_kind *kind)
{
    return values + offset_of(kind);
}

void settings_done(void)
{
    if (values)
        ob_config_done(values, list.fields, true);
}
