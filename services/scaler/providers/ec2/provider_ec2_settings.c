/* The ec2 provider's settings, and the files that they name. Owns nothing. Start-up code, one
 * thread. */
#include <string.h>

#include "provider_ec2.h"

typedef struct settings {
    char *endpoint, *region, *key_file, *image, *copy, *kafka, *kafka_settings, *user_data;
} settings;

static const ob_config_field fields[] = {
    { "OPENBATCH_EC2_REGION", OB_CONFIG_STRING, offsetof(settings, region), "",
      "region of the ec2 provider" },
    { "OPENBATCH_EC2_ENDPOINT", OB_CONFIG_STRING, offsetof(settings, endpoint), "",
      "URL of its EC2; empty: AWS's of the region" },
    { "OPENBATCH_EC2_KEY_FILE", OB_CONFIG_PATH, offsetof(settings, key_file), "",
      "file with its access key id, secret and, for temporary keys, session token, one per line" },
    { "OPENBATCH_EC2_IMAGE", OB_CONFIG_STRING, offsetof(settings, image), "",
      "machine image when a compute environment names none" },
    { "OPENBATCH_EC2_COPY", OB_CONFIG_STRING, offsetof(settings, copy), "openbatch",
      "value of the tag openbatch:copy on its instances; must differ between copies of OpenBatch" },
    { "OPENBATCH_EC2_KAFKA", OB_CONFIG_STRING, offsetof(settings, kafka), "${OPENBATCH_KAFKA}",
      "Kafka's bootstrap servers as instances reach them" },
    { "OPENBATCH_EC2_KAFKA_SETTINGS", OB_CONFIG_PATH, offsetof(settings, kafka_settings), "",
      "file whose text instances get as their OPENBATCH_KAFKA_SETTINGS; empty: none" },
    { "OPENBATCH_EC2_USER_DATA", OB_CONFIG_PATH, offsetof(settings, user_data), "",
      "file with the script that instances start with (docs/ec2.md); empty: the default one" },
    { 0 },
};

static int read_file(const char *path, char **ret, ob_error *err)
{
    return path && *path ? ob_config_read_secret(path, ret, err) : 0;
}

static int make(const void *its, const provider_context *context, provider **ret, ob_error *err)
{
    const settings *set = its;
    ob_cleanup(ob_freep) char *keys = NULL;
    ob_cleanup(ob_freep) char *script = NULL;
    ob_cleanup(ob_freep) char *kafka_settings = NULL;
    ob_cleanup(ob_freep) char *password = NULL;
    ob_cleanup(ob_freep) char *userpwd = NULL;
    int r = read_file(set->key_file, &keys, err);
    if (r == 0)
        r = read_file(set->user_data, &script, err);
    if (r == 0)
        r = read_file(set->kafka_settings, &kafka_settings, err);
    if (r == 0)
        r = read_file(context->kafka_password_file, &password, err);
    if (r < 0)
        return r;
    char *rest = keys;
    const char *id = rest ? strsep(&rest, "\n") : NULL;
    const char *secret = rest ? strsep(&rest, "\n") : NULL;
    userpwd = secret ? ob_strf("%s:%s", id, secret) : ob_strdup("");
    return provider_ec2_new(&(provider_ec2_config){ .endpoint = set->endpoint,
                                                    .region = set->region,
                                                    .userpwd = userpwd,
                                                    .session = rest && *rest ? rest : NULL,
                                                    .image = set->image,
                                                    .copy = set->copy,
                                                    .kafka = set->kafka,
                                                    .kafka_settings = kafka_settings,
                                                    .kafka_password = password,
                                                    .user_data = script },
                            ret, err);
}

const provider_kind provider_ec2 = { .name = "ec2",
                                     .about = "an EC2-compatible endpoint",
                                     .ops = &ec2_ops,
                                     .settings = fields,
                                     .settings_size = sizeof(settings),
                                     .make = make };
