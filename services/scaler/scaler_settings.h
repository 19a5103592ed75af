/* The scaler's settings from its environment. Each provider also has its own settings, which only
 * the provider reads. */
#pragma once

#include "ob/config.h"
#include "providers/provider.h"

typedef struct scaler_config {
    ob_config_common common; /* first */
    char *pg;
    char *seal_key_file;
    char *redis;
    char *redis_password_file;
    char *provider;
    char *instance_types;
    int64_t interrupt_mean_s; /* 0: never */
    int64_t unmanaged_local;
    char *kubernetes_dir; /* empty: none */
    int64_t kubernetes_lost_ms;
    int64_t job_retention_s; /* 0: for ever */
    int64_t scale_in_idle_ms, register_ms, heartbeat_ms, lost_after_ms;
} scaler_config;

/* Answers --help and the like (ob_config_cli). */
bool settings_cli(int argc, char **argv, int *ret_code);
/* Reads all settings, the providers' too. *ret: its strings last until settings_done. */
int settings_load(scaler_config *ret, ob_error *err);
/* A provider's own. */
const void *settings_of_provider(const provider_kind *kind);
void settings_done(void);
