/* See k8s_name.h. Owns nothing. Any thread. */
#include "k8s_name.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "ob/id.h"
#include "ob/mem.h"

#define SHA1_BYTES 20

static const uint8_t url_namespace[] = { 0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
                                         0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };

void k8s_pod_name(const char *run, char out[K8S_NAME_TEXT])
{
    uint8_t text[sizeof(url_namespace) + 32 + OB_RUN_TEXT], digest[SHA1_BYTES];
    char *name = (char *)text + sizeof(url_namespace);
    size_t room = sizeof(text) - sizeof(url_namespace);
    memcpy(text, url_namespace, sizeof(url_namespace));
    int n = snprintf(name, room, "openbatch.io/run/%s", run);
    if (n < 0 || (size_t)n >= room ||
        !EVP_Digest(text, sizeof(url_namespace) + (size_t)n, digest, NULL, EVP_sha1(), NULL))
        abort(); /* a run that is too long, or a library without SHA-1 */
    ob_uuid id;
    memcpy(id.b, digest, sizeof(id.b));
    id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x50);
    id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80);
    char uuid[OB_UUID_TEXT];
    ob_uuid_format(&id, uuid);
    (void)snprintf(out, K8S_NAME_TEXT, "aws-batch.%s", uuid);
}
