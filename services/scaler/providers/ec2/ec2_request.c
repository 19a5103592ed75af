/* Requests to EC2's Query API as forms, and the script that an instance starts with. Pure: any
 * thread. */
#include "ec2_request.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "ec2_xml.h"

#define VERSION "2016-11-15"

typedef struct form {
    char *text;
    size_t len;
    FILE *out;
} form;

static void form_begin(form *f, const char *action)
{
    f->out = open_memstream(&f->text, &f->len);
    if (!f->out)
        abort();
    (void)fprintf(f->out, "Action=%s&Version=" VERSION, action);
}

__attribute__((format(printf, 3, 4))) static void
form_add(form *f, const char *value, const char *name_fmt, ...)
{
    va_list args;
    if (!value || !*value)
        return;
    (void)fputc('&', f->out);
    va_start(args, name_fmt);
    (void)vfprintf(f->out, name_fmt, args);
    va_end(args);
    (void)fputc('=', f->out);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            *c == '-' || *c == '_' || *c == '.' || *c == '~')
            (void)fputc(*c, f->out);
        else
            (void)fprintf(f->out, "%%%02X", *c);
    }
}

static char *form_end(form *f)
{
    (void)fclose(f->out);
    return f->text;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static char *base64(const char *text)
{
    size_t len = strlen(text);
    char *out = ob_calloc(1, (len + 2) / 3 * 4 + 1);
    (void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    return out;
}

/* 'text' with '@NAME@' replaced. */
static char *filled(const char *text, const char *const (*values)[2], size_t n)
{
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    if (!f)
        abort();
    while (*text) {
        bool done = false;
        for (size_t i = 0; *text == '@' && i < n && !done; i++) {
            size_t name = strlen(values[i][0]);
            if (strncmp(text, values[i][0], name) == 0) {
                (void)fputs(values[i][1], f);
                text += name;
                done = true;
            }
        }
        if (!done)
            (void)fputc(*text++, f);
    }
    (void)fclose(f);
    return out;
}

/* It runs as root at the first start. The machine image has openbatch-executor, or Docker and an
 * image of it */
static const char default_user_data[] =
    "#!/bin/sh\n"
    "umask 077\n"
    "mkdir -p /var/lib/openbatch/instance /run/openbatch\n"
    "cd /var/lib/openbatch/instance\n"
    "printf %s '@TOKEN@' >token\n"
    "printf %s '@KAFKA_PASSWORD@' >kafka.password\n"
    "cat >kafka.settings <<'END'\n"
    "@KAFKA_SETTINGS@\n"
    "END\n"
    "cat >env <<'END'\n"
    "OPENBATCH_HOME=/var/lib/openbatch\n"
    "OPENBATCH_RUN_DIR=/run/openbatch\n"
    "OPENBATCH_INSTANCE_ID=@INSTANCE@\n"
    "OPENBATCH_INSTANCE_DIR=/var/lib/openbatch/instance\n"
    "OPENBATCH_INSTANCE_TYPE=@TYPE@\n"
    "OPENBATCH_CE_NAME=@ENVIRONMENT@\n"
    "OPENBATCH_IMDS=http://169.254.169.254\n"
    "OPENBATCH_KAFKA=@KAFKA@\n"
    "OPENBATCH_KAFKA_USER=executor\n"
    "OPENBATCH_KAFKA_PASSWORD_FILE=/var/lib/openbatch/instance/kafka.password\n"
    "OPENBATCH_KAFKA_SETTINGS=/var/lib/openbatch/instance/kafka.settings\n"
    "END\n"
    "if command -v openbatch-executor >/dev/null; then\n"
    "    set -a; . ./env; set +a\n"
    "    exec setsid openbatch-executor\n"
    "fi\n"
    "exec docker run -d --name openbatch-executor --restart unless-stopped --network host --pid "
    "host \\\n"
    "    --env-file env -v /var/lib/openbatch:/var/lib/openbatch -v "
    "/var/run/docker.sock:/var/run/docker.sock \\\n"
    "    openbatch/executor\n";

static char *user_data_of(const ec2_settings *e, const provider_launch_spec *spec)
{
    const char *const values[][2] = {
        { "@TOKEN@", spec->token },
        { "@INSTANCE@", spec->id },
        { "@TYPE@", spec->type },
        { "@ENVIRONMENT@", spec->ce_name },
        { "@KAFKA@", e->kafka },
        { "@KAFKA_SETTINGS@", e->kafka_settings ? e->kafka_settings : "" },
        { "@KAFKA_PASSWORD@", e->kafka_password ? e->kafka_password : "" },
    };
    return filled(e->user_data ? e->user_data : default_user_data, values, ARRAY_SIZE(values));
}

static void add_launch_template(form *f, const json_t *template)
{
    form_add(f, text_of(template, "launchTemplateId"), "LaunchTemplate.LaunchTemplateId");
    form_add(f, text_of(template, "launchTemplateName"), "LaunchTemplate.LaunchTemplateName");
    if (json_object_size(template) > 0) {
        const char *version = text_of(template, "version");
        form_add(f, version && *version ? version : "$Default", "LaunchTemplate.Version");
    }
}

static void add_network(form *f, const json_t *resources, const char *id)
{
    size_t i;
    json_t *one;
    const json_t *subnets = json_object_get(resources, "subnets");
    size_t n = json_array_size(subnets);
    /* Chooses the subnet by the id, so that a repeated launch requests the same one. */
    if (n > 0)
        form_add(f, json_string_value(json_array_get(subnets, (size_t)id[strlen(id) - 1] % n)),
                 "SubnetId");
    json_array_foreach(json_object_get(resources, "securityGroupIds"), i, one)
    {
        form_add(f, json_string_value(one), "SecurityGroupId.%zu", i + 1);
    }
}

static void add_tags(form *f, const ec2_settings *e, const provider_launch_spec *spec)
{
    size_t n = 0;
    const char *key;
    json_t *value;
#define TAG(k, v)                                                                                  \
    do {                                                                                           \
        n++;                                                                                       \
        form_add(f, (k), "TagSpecification.1.Tag.%zu.Key", n);                                     \
        form_add(f, (v), "TagSpecification.1.Tag.%zu.Value", n);                                   \
    } while (0)
    form_add(f, "instance", "TagSpecification.1.ResourceType");
    TAG(EC2_TAG_INSTANCE, spec->id);
    TAG(EC2_TAG_COPY, e->copy);
    TAG("AWSBatchServiceTag", "batch");
    json_object_foreach(json_object_get(spec->resources, "tags"), key, value)
    {
        TAG(key, json_string_value(value));
    }
#undef TAG
}

/* The environment's image (its own member, or that of ec2Configuration); else "", which stands for
 * the image of its launch template; else the operator's. */
static const char *image_of(const ec2_settings *e, const json_t *resources)
{
    const char *image = text_of(resources, "imageId");
    if (!image || !*image)
        image = text_of(json_array_get(json_object_get(resources, "ec2Configuration"), 0),
                        "imageIdOverride");
    if (image && *image)
        return image;
    return json_object_size(json_object_get(resources, "launchTemplate")) > 0 ? "" : e->image;
}

int ec2_run_instances(const ec2_settings *e,
                      const provider_launch_spec *spec,
                      char **ret,
                      ob_error *err)
{
    const json_t *template = json_object_get(spec->resources, "launchTemplate");
    const char *image = image_of(e, spec->resources);
    const char *role = text_of(spec->resources, "instanceRole");
    if (!*image && json_object_size(template) == 0)
        return ob_fail(err, EINVAL,
                       "no machine image: the environment names no imageId, imageIdOverride or "
                       "launch template, and OPENBATCH_EC2_IMAGE is empty");
    ob_cleanup(ob_freep) char *script = user_data_of(e, spec);
    ob_cleanup(ob_freep) char *encoded = base64(script);
    form f;
    form_begin(&f, "RunInstances");
    form_add(&f, "1", "MinCount");
    form_add(&f, "1", "MaxCount");
    form_add(&f, spec->id, "ClientToken");
    form_add(&f, image, "ImageId");
    form_add(&f, spec->type, "InstanceType");
    form_add(&f, encoded, "UserData");
    form_add(&f, text_of(spec->resources, "ec2KeyPair"), "KeyName");
    form_add(&f, text_of(spec->resources, "placementGroup"), "Placement.GroupName");
    form_add(&f, role,
             role && strncmp(role, "arn:", 4) == 0 ? "IamInstanceProfile.Arn"
                                                   : "IamInstanceProfile.Name");
    if (spec->spot) {
        form_add(&f, "spot", "InstanceMarketOptions.MarketType");
        form_add(&f, "one-time", "InstanceMarketOptions.SpotOptions.SpotInstanceType");
    }
    add_launch_template(&f, template);
    add_network(&f, spec->resources, spec->id);
    add_tags(&f, e, spec);
    *ret = form_end(&f);
    explicit_bzero(script, strlen(script));
    return 0;
}

char *ec2_terminate_instance(const char *ec2_id)
{
    form f;
    form_begin(&f, "TerminateInstances");
    form_add(&f, ec2_id, "InstanceId.1");
    return form_end(&f);
}

char *ec2_describe_instances(const char *copy, const char *next_token)
{
    form f;
    form_begin(&f, "DescribeInstances");
    form_add(&f, "tag:" EC2_TAG_COPY, "Filter.1.Name");
    form_add(&f, copy, "Filter.1.Value.1");
    form_add(&f, "1000", "MaxResults");
    form_add(&f, next_token, "NextToken");
    return form_end(&f);
}
