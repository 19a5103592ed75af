/* OTEL_EXPORTER_OTLP_HEADERS. Pure. */
#pragma once

#include "ob/error.h"

/* "key1=value1,key2=value2" as lines of HTTP, NULL behind the last; values may be percent-encoded
 * (OpenTelemetry Protocol Exporter, "Specifying headers via environment variables"). *ret is new.
 * Errors: -EINVAL with a text that names the variable, and shows no value. */
int tracer_headers_read(const char *text, char ***ret, ob_error *err);
void tracer_headers_free(char **lines); /* NULL is fine */
