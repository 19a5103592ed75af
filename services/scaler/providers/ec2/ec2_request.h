/* The ec2 provider's requests to EC2 (API reference, version 2016-11-15). Forms are new strings. */
#pragma once

#include "providers/provider.h"

typedef struct ec2_settings {
    const char *image;          /* machine image when an environment names none; may be empty */
    const char *copy;           /* value of the tag that tells this copy's instances */
    const char *kafka;          /* where instances find Kafka */
    const char *kafka_settings; /* a file of librdkafka's settings; NULL: an empty one */
    const char *kafka_password; /* of executors; NULL: no SASL */
    const char *user_data;      /* script with @NAME@s instead of the default one; NULL: that */
} ec2_settings;

/* RunInstances, with the id as client token: the same spec gives the same form. Contains secrets.
 * Errors: -EINVAL: no machine image is configured. */
int ec2_run_instances(const ec2_settings *settings,
                      const provider_launch_spec *spec,
                      char **ret,
                      ob_error *err);
char *ec2_terminate_instance(const char *ec2_id);
/* All instances of a copy; next_token: of the page before, or NULL. */
char *ec2_describe_instances(const char *copy, const char *next_token);
