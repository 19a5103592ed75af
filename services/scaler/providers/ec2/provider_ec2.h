/* The ec2 provider: instances of an EC2-compatible endpoint. */
#pragma once

#include "providers/provider.h"

typedef struct provider_ec2_config {
    const char *endpoint; /* URL; empty: AWS's of the region */
    const char *region;
    const char *userpwd;        /* "access key id:secret" */
    const char *session;        /* session token, or NULL */
    const char *image;          /* machine image when an environment names none; may be empty */
    const char *copy;           /* tells this copy's instances from others' */
    const char *kafka;          /* bootstrap servers as instances reach them */
    const char *kafka_settings; /* more settings of librdkafka, as a file has them; NULL: none */
    const char *kafka_password; /* executors' own; NULL: no SASL */
    const char *user_data;      /* script that an instance starts with; NULL: the default one */
} provider_ec2_config;

int provider_ec2_new(const provider_ec2_config *config, provider **ret, ob_error *err);
extern const provider_ops ec2_ops;

extern const provider_kind provider_ec2;
