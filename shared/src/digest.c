/* Owns the algorithm, which is fetched once: OpenSSL's SHA256() and EVP_sha256() look it up at each
 * use, which costs more than the digest of a short text. Any thread. */
#include "ob/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

static EVP_MD *sha256;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void ob_sha256(const void *data, size_t len, uint8_t out[OB_SHA256_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fetch);
    if (!sha256 || !EVP_Digest(data, len, out, NULL, sha256, NULL))
        abort();
}
