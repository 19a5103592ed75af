/* What service.c and health.c share. */
#pragma once

/* The name given to ob_service_init. */
const char *service_name_get(void);
