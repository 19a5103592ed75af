/* What may be sent in clear, whichever bus sends it: the simulated one, too, which defines only
 * ob_bus_send_clear. Owns nothing. Any thread. */
#include <errno.h>

#include "ob/bus.h"
#include "ob/seal.h"
#include "ob/topics.h"

int ob_bus_send(ob_bus *bus,
                ob_point point,
                const char *topic,
                int32_t partition,
                const char *key,
                size_t key_len,
                const char *data,
                size_t len,
                void *ref,
                ob_error *err)
{
    if (ob_topic_is_sealed(topic) && !ob_seal_is(data, len))
        return ob_fail(err, EINVAL, "%s takes only sealed messages", topic);
    return ob_bus_send_clear(bus, point, topic, partition, key, key_len, data, len, ref, err);
}
