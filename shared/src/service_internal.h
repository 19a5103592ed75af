/* Shared by service.c and health.c. */
#pragma once

/* The name given to ob_service_init. */
const char *service_name_get(void);
