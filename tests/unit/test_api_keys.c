/* Stored secrets: an encrypted secret can be decrypted only with its own name and master key. */
#include "unit.h"

#include <unistd.h>

#include "auth/keys.h"

static api_keys *keys_of(const char *hex)
{
    char path[] = "/tmp/ob-master-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, hex, strlen(hex)), (ssize_t)strlen(hex));
    close(fd);
    api_keys *keys = NULL;
    ob_error err = { 0 };
    int r = keys_new(path, &keys, &err);
    unlink(path);
    if (r < 0) {
        assert_int_equal(r, -EINVAL);
        assert_non_null(strstr(err.text, path));
    }
    return keys;
}

#define MASTER "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n"

static void sealed_secrets_open(void **state)
{
    api_keys *keys = keys_of(MASTER);
    const api_key key = { .key_id = "AKIA1", .account = "123456789012", .secret = "a secret" };
    api_key opened = { .key_id = "AKIA1", .account = "123456789012" };
    uint8_t sealed[256], again[256];
    size_t len = 0, again_len = 0;
    assert_int_equal(keys_seal(keys, &key, sealed, sizeof sealed, &len, NULL), 0);
    assert_int_equal(len, 12 + 8 + 16);
    assert_int_equal(keys_open(keys, sealed, len, &opened, NULL), 0);
    assert_string_equal(opened.secret, "a secret");
    /* A nonce is never used twice. */
    assert_int_equal(keys_seal(keys, &key, again, sizeof again, &again_len, NULL), 0);
    assert_memory_not_equal(sealed, again, 12);
    keys_free(keys);
}

static void nothing_else_opens_them(void **state)
{
    api_keys *keys = keys_of(MASTER);
    api_keys *other = keys_of("ff0102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F");
    api_key key = { .key_id = "AKIA1", .account = "1", .secret = "a secret" };
    api_key other_id = { .key_id = "AKIA2", .account = "1" };
    api_key other_account = { .key_id = "AKIA1", .account = "2" };
    uint8_t sealed[256] = { 0 };
    size_t len = 0;
    ob_error err = { 0 };
    assert_int_equal(keys_seal(keys, &key, sealed, sizeof sealed, &len, NULL), 0);
    assert_int_equal(keys_open(other, sealed, len, &key, NULL), -EBADMSG);
    assert_string_equal(key.secret, "");
    assert_int_equal(keys_open(keys, sealed, len, &other_id, NULL), -EBADMSG);
    assert_int_equal(keys_open(keys, sealed, len, &other_account, NULL), -EBADMSG);
    for (size_t i = 0; i < len; i++) {
        sealed[i] ^= 1;
        assert_int_equal(keys_open(keys, sealed, len, &key, NULL), -EBADMSG);
        sealed[i] ^= 1;
    }
    for (size_t n = 0; n < len; n++)
        assert_int_equal(keys_open(keys, sealed, n, &key, NULL), -EBADMSG);
    /* It would not fit. */
    assert_int_equal(
        keys_open(keys, sealed, len - strlen("a secret") + sizeof key.secret, &key, &err),
        -EBADMSG);
    assert_non_null(strstr(err.text, "damaged"));
    keys_free(keys);
    keys_free(other);
}

static void a_master_key_is_64_digits(void **state)
{
    assert_null(keys_of("00"));
    assert_null(keys_of("zz0102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"));
    assert_null(keys_of(MASTER "00"));
}

static void derived_keys_differ_by_purpose(void **state)
{
    api_keys *keys = keys_of(MASTER);
    uint8_t a[32], b[32], c[32];
    keys_derive(keys, "a", a);
    keys_derive(keys, "b", b);
    keys_derive(keys, "a", c);
    assert_memory_not_equal(a, b, 32);
    assert_memory_equal(a, c, 32);
    keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_secrets_open),
        cmocka_unit_test(nothing_else_opens_them),
        cmocka_unit_test(a_master_key_is_64_digits),
        cmocka_unit_test(derived_keys_differ_by_purpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
