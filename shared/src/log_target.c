/* Names of log groups and streams. Owns nothing. */
#include "ob/log_target.h"

#include <string.h>

#include "ob/error.h"
#include "ob/message.h"
#include "ob/text.h"

#define DEFINITION_MAX 200 /* of its name, in a stream's */

static const char *option(const json_t *configuration, const char *name, const char *otherwise)
{
    return ob_json_str(json_object_get(configuration, "options"), name, otherwise);
}

char *ob_log_prefix(const json_t *configuration, const char *definition)
{
    if (strcmp(ob_json_str(configuration, "logDriver", "awslogs"), "awslogs") != 0)
        return NULL;
    const char *prefix = option(configuration, "awslogs-stream-prefix", NULL);
    return prefix ? ob_strdup(prefix) : ob_text_dup(definition, DEFINITION_MAX);
}

char *ob_log_stream(const char *prefix, const ob_run_ref *run)
{
    char task[OB_TASK_TEXT];
    ob_run_task_id(run, task);
    return ob_strf("%s/default/%s", prefix, task);
}

const char *ob_log_group(const json_t *configuration)
{
    return option(configuration, "awslogs-group", OB_LOG_GROUP);
}

const char *ob_log_region(const json_t *configuration, const char *region)
{
    return option(configuration, "awslogs-region", region);
}
