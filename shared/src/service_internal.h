/* Shared by service.c, health.c and metrics_process.c. */
#pragma once

/* The name given to ob_service_init. */
const char *service_name_get(void);
