/* Sealed messages: what opens, what does not, and which of them count. */
#include "unit.h"

#include <unistd.h>

#include "../../shared/src/seal_internal.h"
#include "ob/clock.h"
#include "ob/message.h"
#include "ob/seal.h"
#include "ob/topics.h"
#include "random_bytes.h"

#define ME "i-0123456789abcdef0"
#define OTHER "i-0123456789abcdef1"
#define LAUNCHED_MORE 111 /* what sealing adds with the salt of a launched instance */
#define NAME "0123456789abcdef"
#define SALT_BEFORE NAME "00112233445566778899aabbccddeeff"
#define TEXT "{\"v\":1,\"type\":\"report\",\"epoch\":0,\"session\":\"s\"}"

static ob_seal copy; /* a service's */

static void load(ob_seal *seal, const char *secret)
{
    char file[] = "/tmp/test_seal.XXXXXX";
    int fd = mkstemp(file);
    assert_int_equal(write(fd, secret, 64), 64);
    assert_int_equal(close(fd), 0);
    assert_int_equal(ob_seal_load(seal, file, NULL), 0);
    assert_int_equal(unlink(file), 0);
}

static int set_up(void **state)
{
    char secret[65];
    (void)state;
    ob_token_new(secret, 32);
    load(&copy, secret);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ob_seal_done(&copy);
    return 0;
}

/* An executor of an instance that is launched with this salt. */
static ob_seal executor_of(const char *instance, const char *salt, uint32_t generation)
{
    ob_seal seal = { 0 };
    ob_error err = { 0 };
    ob_seal_owner owner = { 0 };
    char token[OB_SEAL_TOKEN_TEXT];
    (void)snprintf(owner.instance, sizeof(owner.instance), "%s", instance);
    (void)snprintf(owner.salt, sizeof(owner.salt), "%s", salt);
    ob_seal_token(&copy, &owner, token);
    if (ob_seal_own(&seal, instance, token, generation, &err) < 0)
        fail_msg("%s", err.text);
    return seal;
}

static ob_seal some_executor(const char *instance)
{
    char salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    return executor_of(instance, salt, 1);
}

/* An executor that joins by this join token. */
static ob_seal joined_by(const char *join, const char *instance)
{
    ob_seal own = { 0 };
    char token[OB_SEAL_TOKEN_TEXT];
    assert_int_equal(ob_seal_join_token(join, instance, NULL, token, NULL), 0);
    assert_int_equal(ob_seal_own(&own, instance, token, 1, NULL), 0);
    return own;
}

typedef struct sealed {
    char *data;
    size_t len;
} sealed;

static sealed by(ob_seal *seal, const char *topic, const char *text)
{
    sealed s = { 0 };
    assert_int_equal(ob_seal_write(seal, NULL, topic, text, strlen(text), &s.data, &s.len, NULL),
                     0);
    return s;
}

static sealed order_for(ob_seal *seal, const ob_seal_owner *owner)
{
    sealed s = { 0 };
    assert_int_equal(
        ob_seal_write(seal, owner, OB_TOPIC_PLACEMENTS, TEXT, strlen(TEXT), &s.data, &s.len, NULL),
        0);
    return s;
}

static int read_at(const ob_seal *seal, const char *topic, sealed s)
{
    ob_seal_opened m = { 0 };
    int r = ob_seal_read(seal, topic, s.data, s.len, &m, NULL);
    free(m.text);
    return r;
}

static int parse(sealed s, const char *topic, json_t **ret)
{
    const char *type;
    int64_t epoch;
    *ret = NULL;
    return ob_seal_parse(&copy, &(ob_bus_msg){ .topic = topic, .data = s.data, .len = s.len }, ret,
                         &type, &epoch, NULL);
}

static json_t *parsed(ob_seal *seal, const char *text)
{
    json_t *json;
    sealed s = by(seal, OB_TOPIC_EXECUTIONS, text);
    assert_int_equal(parse(s, OB_TOPIC_EXECUTIONS, &json), 0);
    free(s.data);
    return json;
}

/* A list of 'n' such entries in a message; what parsing it returns, sealed or not. */
static int parse_list(ob_seal *seal, const char *topic, const char *entry, int n)
{
    json_t *json;
    ob_cleanup(ob_freep) char *text = ob_calloc(100 + (size_t)n * (strlen(entry) + 1), 1);
    char *at = stpcpy(text, "{\"v\":1,\"type\":\"report\",\"runs\":[");
    for (int i = 0; i < n; i++)
        at = stpcpy(stpcpy(at, i ? "," : ""), entry);
    (void)stpcpy(at, "]}");
    sealed s = seal ? by(seal, topic, text) : (sealed){ text, strlen(text) };
    int r = parse(s, topic, &json);
    json_decref(json);
    if (seal)
        free(s.data);
    return r;
}

static json_t *in_clear(const char *text)
{
    json_t *json;
    assert_int_equal(
        parse((sealed){ (char *)(uintptr_t)text, strlen(text) }, OB_TOPIC_EXECUTIONS, &json), 0);
    return json;
}

/* ---- Opening ---- */

static void opens_for_both(ob_seal *own, size_t more)
{
    ob_seal_opened m;
    sealed report = by(own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(report.len, strlen(TEXT) + more);
    assert_true(ob_seal_is(report.data, report.len));
    assert_int_equal(ob_seal_read(&copy, OB_TOPIC_EXECUTIONS, report.data, report.len, &m, NULL),
                     0);
    assert_string_equal(m.text, TEXT);
    assert_string_equal(m.owner.instance, ME);
    assert_string_equal(m.owner.salt, own->self.salt);
    free(m.text);
    sealed order = order_for(&copy, &own->self);
    assert_int_equal(ob_seal_read(own, OB_TOPIC_PLACEMENTS, order.data, order.len, &m, NULL), 0);
    assert_string_equal(m.text, TEXT);
    free(m.text);
    free(order.data);
    free(report.data);
}

static void what_was_sealed_opens_for_both_sides(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal executors[] = { some_executor(ME), joined_by(join, ME) };
    for (size_t i = 0; i < ARRAY_SIZE(executors); i++)
        opens_for_both(&executors[i], i == 0 ? LAUNCHED_MORE : OB_SEAL_MORE);
}

static void nothing_of_the_text_shows(void **state)
{
    ob_seal own = some_executor(ME);
    sealed a = by(&own, OB_TOPIC_LOGS, "the same text, twice, with a secret");
    sealed b = by(&own, OB_TOPIC_LOGS, "the same text, twice, with a secret");
    assert_null(memmem(a.data, a.len, "secret", 6));
    size_t text = LAUNCHED_MORE - 16;
    assert_int_not_equal(memcmp(a.data + text, b.data + text, 16), 0);
    free(a.data);
    free(b.data);
}

static void no_changed_bit_and_no_other_length_opens(ob_seal *own)
{
    sealed s = by(own, OB_TOPIC_EXECUTIONS, TEXT);
    for (size_t bit = 0; bit < 8 * s.len; bit++) {
        s.data[bit / 8] = (char)(s.data[bit / 8] ^ (1 << bit % 8));
        assert_int_not_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
        s.data[bit / 8] = (char)(s.data[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t len = 0; len < s.len; len++)
        assert_int_not_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, (sealed){ s.data, len }), 0);
    assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
    free(s.data);
}

static void every_changed_bit_and_every_other_length_is_refused(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal executors[] = { some_executor(ME), joined_by(join, ME) };
    for (size_t i = 0; i < ARRAY_SIZE(executors); i++)
        no_changed_bit_and_no_other_length_opens(&executors[i]);
}

static void a_message_opens_on_its_topic_and_for_its_instance_only(void **state)
{
    ob_seal own = some_executor(ME), other = some_executor(OTHER), again = some_executor(ME);
    sealed report = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_LOGS, report), -EBADMSG);
    assert_int_equal(read_at(&copy, OB_TOPIC_PLACEMENTS, report), -EBADMSG);
    sealed order = order_for(&copy, &own.self);
    assert_int_equal(read_at(&other, OB_TOPIC_PLACEMENTS, order), -EACCES);
    assert_int_equal(read_at(&again, OB_TOPIC_PLACEMENTS, order), -EBADMSG); /* launched anew */
    /* One that claims to be the other: its key is not the other's. */
    other = own;
    memcpy(other.self.instance, OTHER, sizeof(OTHER));
    sealed forged = by(&other, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, forged), -EBADMSG);
    /* Another copy has another secret. */
    ob_seal stranger = copy;
    stranger.key[31] ^= 1;
    assert_int_equal(read_at(&stranger, OB_TOPIC_EXECUTIONS, report), -EBADMSG);
    free(report.data);
    free(order.data);
    free(forged.data);
}

static void random_bytes_are_refused(void **state)
{
    char bytes[400];
    json_t *json;
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)(random_next(&seed) % sizeof(bytes));
        for (size_t k = 0; k < len; k++)
            bytes[k] = (char)random_next(&seed);
        if (i % 2 && len > 4)
            memcpy(bytes, i % 8 == 7 ? "OBS2" : "OBS1", 4);
        if (i % 4 == 3 && len > 103) {
            memcpy(bytes + 4, ME, 19);
            memset(bytes + 23, i % 8 == 7 ? '1' : '0', 80);
        }
        assert_int_not_equal(parse((sealed){ bytes, len }, OB_TOPIC_EXECUTIONS, &json), 0);
        assert_null(json);
    }
}

static void the_longest_message_fits_and_measures_cover_what_sealing_adds(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal own = joined_by(join, ME); /* its salt is the longest */
    size_t len = OB_MESSAGE_MAX - OB_SEAL_MORE;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, len + 1);
    memset(text, 'x', len);
    int64_t begun_us = ob_mono_us();
    sealed s = by(&own, OB_TOPIC_LOGS, text);
    assert_int_equal(read_at(&copy, OB_TOPIC_LOGS, s), 0);
    print_message("512 KiB sealed and opened in %lld us\n", (long long)(ob_mono_us() - begun_us));
    assert_int_equal(s.len, OB_MESSAGE_MAX);
    free(s.data);
    enum { N = 5000 };
    begun_us = ob_mono_us();
    for (int i = 0; i < N; i++)
        free(by(&own, OB_TOPIC_EXECUTIONS, TEXT).data);
    int64_t sealed_us = ob_mono_us() - begun_us;
    s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    begun_us = ob_mono_us();
    for (int i = 0; i < N; i++)
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
    print_message("a short message sealed in %.1f us, opened in %.1f us\n", (double)sealed_us / N,
                  (double)(ob_mono_us() - begun_us) / N);
    free(s.data);
}

/* ---- Tokens ---- */

static void what_is_no_token_is_refused(void **state)
{
    ob_seal seal;
    ob_seal_owner owner = { .instance = ME };
    char token[OB_SEAL_TOKEN_TEXT], salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    memcpy(owner.salt, salt, sizeof(salt));
    ob_seal_token(&copy, &owner, token);
    assert_int_equal(strlen(token), 113);
    assert_int_equal(ob_seal_own(&seal, "i-x", token, 1, NULL), -EINVAL);
    for (size_t len = 0; len < strlen(token); len++) {
        ob_cleanup(ob_freep) char *cut = ob_strdup(token);
        cut[len] = '\0';
        assert_int_equal(ob_seal_own(&seal, ME, cut, 1, NULL), -EINVAL);
        cut[len] = 'g';
        assert_int_equal(ob_seal_own(&seal, ME, cut, 1, NULL), -EINVAL);
    }
    token[48] = '0';
    assert_int_equal(ob_seal_own(&seal, ME, token, 1, NULL), -EINVAL);
}

/* ---- Hosts that join ---- */

static void a_host_that_joins_and_the_services_derive_the_same_key(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], again[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    assert_int_equal(strlen(join), 144);
    ob_seal own = joined_by(join, ME);
    assert_true(ob_seal_join_of(&copy, own.self.salt, again));
    assert_string_equal(again, join);
    assert_false(ob_seal_is_host_of_before(own.self.salt));
    for (int i = 0; i < 2; i++) { /* computed, and remembered */
        json_auto_t *msg = parsed(&own, TEXT);
        assert_string_equal(ob_json_str(msg, "instance", ""), ME);
        assert_string_equal(ob_seal_salt_of(msg), own.self.salt);
    }
    /* Another join token opens nothing of it. */
    ob_seal_join_new(&copy, again);
    memcpy(join, again, 16);
    own = joined_by(join, ME);
    sealed s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), -EBADMSG);
    free(s.data);
}

/* Computed by Python: hmac, and HKDF and X25519 of its package cryptography, from docs/messages.md.
 * The copy's secret is the bytes 0 to 31, the host's private key the bytes 100 to 131. */
static void keys_are_those_of_another_program(void **state)
{
    static const char join[] =
        NAME "73ad5fd6808b6d7052f26118f784fcb07a7d59ad31cb8d2b634c7924d098d376"
             "00c00117a6e250e9e168e9c8264af9f8b84916febc222c2ec0b9c41cbcf8c402";
    static const char salt[] =
        NAME "7d9c24316539825c1896e57f28197746793ce60cbee3ad47da9d07b85fa55e2a";
    static const struct {
        const char *salt, *key;
    } keys[] = {
        { salt, "33d0a1ddad6150cb7edbc1f4444d9c5580deb92600daa687559602c18c74cc2d" },
        { SALT_BEFORE, "98693e5e697a80cbeb9361db4525c9ebd59eb62d75cbe32c3727e6bdab282170" },
        { "000000000000000000112233445566778899aabbccddeeff",
          "8712d301db6cf4a906342243e1397cff353f5b4e7a6c41ad275b6451f9039a4f" },
    };
    ob_seal known = { 0 };
    ob_seal_owner host = { .instance = ME };
    char text[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    uint8_t own[OB_SEAL_KEY], key[OB_SEAL_KEY], expected[OB_SEAL_KEY];
    load(&known, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        ob_seal_owner owner = { .instance = ME };
        (void)snprintf(owner.salt, sizeof(owner.salt), "%s", keys[i].salt);
        ob_seal_token(&known, &owner, token);
        assert_string_equal(strchr(token, '.') + 1, keys[i].key);
    }
    assert_true(ob_seal_join_of(&known, salt, text));
    assert_string_equal(text, join);
    for (size_t i = 0; i < sizeof(own); i++)
        own[i] = (uint8_t)(100 + i);
    assert_int_equal(seal_host_join(join, own, &host, key, NULL), 0);
    assert_string_equal(host.salt, salt);
    assert_true(seal_read_hex(keys[0].key, expected, sizeof(expected)));
    assert_memory_equal(key, expected, sizeof(key));
    ob_seal_done(&known);
}

/* With the join token, and the ids and salts of all that joined by it, nobody is another one. */
static void a_join_token_gives_no_key_of_others(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal victim = joined_by(join, OTHER), attacker = joined_by(join, ME);
    sealed order = order_for(&copy, &victim.self);
    ob_seal tries[3];
    tries[0] = joined_by(join, OTHER); /* its id, under a key pair of its own */
    tries[1] = attacker;               /* its head, under the own key */
    tries[1].self = victim.self;
    tries[2] = attacker; /* as in earlier versions: from the join token alone */
    memset(&tries[2].self, 0, sizeof(tries[2].self));
    memcpy(tries[2].self.instance, OTHER, sizeof(OTHER));
    memcpy(tries[2].self.salt, victim.self.salt, 48);
    uint8_t token[OB_SEAL_KEY];
    assert_true(seal_read_hex(join + 16, token, sizeof(token)));
    seal_derive(token, "instance", OTHER, tries[2].self.salt, 48, tries[2].key);
    ob_seal_trust trust = { 0 };
    ob_seal_trust_set(&trust, victim.self.salt, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        json_t *msg = NULL;
        sealed forged = by(&tries[i], OB_TOPIC_EXECUTIONS, TEXT);
        assert_true(parse(forged, OB_TOPIC_EXECUTIONS, &msg) < 0 || !ob_seal_accepts(&trust, msg));
        json_decref(msg);
        ob_seal reader = tries[i];
        reader.self = victim.self; /* it does not care what the head says */
        assert_int_equal(read_at(&reader, OB_TOPIC_PLACEMENTS, order), -EBADMSG);
        free(forged.data);
    }
    assert_int_equal(read_at(&victim, OB_TOPIC_PLACEMENTS, order), 0);
    free(order.data);
}

/* Public keys with which everybody has the same in common, and what a change of a bit makes of
 * them. */
static void a_public_key_of_low_order_is_refused(void **state)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    char join[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    ob_error err = { 0 };
    sealed s;
    ob_seal_join_new(&copy, join);
    ob_seal own = joined_by(join, ME);
    for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
        ob_seal_owner owner = own.self;
        memcpy(owner.salt + 16, points[i], 64);
        assert_int_equal(ob_seal_write(&copy, &owner, OB_TOPIC_PLACEMENTS, TEXT, strlen(TEXT),
                                       &s.data, &s.len, &err),
                         -EINVAL);
        ob_seal forged = own;
        forged.self = owner;
        s = by(&forged, OB_TOPIC_EXECUTIONS, TEXT);
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), -EBADMSG);
        free(s.data);
        memcpy(join + 80, points[i], 64);
        assert_int_equal(ob_seal_join_token(join, ME, NULL, token, &err), -EINVAL);
        assert_non_null(strstr(err.text, "openbatch join"));
    }
}

static void what_is_no_join_token_is_refused(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    ob_error err = { 0 };
    ob_seal_join_new(&copy, join);
    for (size_t len = 0; len < strlen(join); len++) {
        ob_cleanup(ob_freep) char *cut = ob_strdup(join);
        cut[len] = 'A';
        assert_int_equal(ob_seal_join_token(cut, ME, NULL, token, &err), -EINVAL);
        cut[len] = '\0';
        assert_int_equal(ob_seal_join_token(cut, ME, NULL, token, &err), -EINVAL);
        assert_non_null(strstr(err.text, "openbatch join"));
        assert_true((len == 80) == (strstr(err.text, "earlier version") != NULL));
    }
}

/* It works as long as it is the same instance, and no new one is taken in (test_scaler_join.c).
 */
static void a_host_that_joined_with_an_earlier_version_goes_on(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal own = executor_of(ME, SALT_BEFORE, 1);
    ob_seal_trust trust = { 0 };
    ob_seal_trust_set(&trust, SALT_BEFORE, NULL);
    opens_for_both(&own, LAUNCHED_MORE);
    json_auto_t *msg = parsed(&own, TEXT);
    assert_true(ob_seal_accepts(&trust, msg));
    assert_true(ob_seal_is_host_of_before(own.self.salt));
    assert_false(ob_seal_join_of(&copy, own.self.salt, join));
    assert_false(ob_seal_is_host_of_before(OB_SEAL_FIRST_SALT));
    assert_false(ob_seal_join_of(&copy, OB_SEAL_FIRST_SALT, join));
}

/* More of them than a service remembers the keys of. */
static void many_hosts_may_join(void **state)
{
    enum { FIRST = 20, MANY = 5000 };
    char join[OB_SEAL_JOIN_TEXT];
    uint8_t key[OB_SEAL_KEY], same[OB_SEAL_KEY];
    ob_seal_owner owner = { .instance = ME };
    ob_seal_join_new(&copy, join);
    int64_t first_us = 0, later_us = 0;
    for (int i = 0; i < FIRST; i++) {
        ob_seal own = joined_by(join, ME);
        sealed s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
        int64_t begun_us = ob_mono_us();
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
        first_us += ob_mono_us() - begun_us;
        begun_us = ob_mono_us();
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
        later_us += ob_mono_us() - begun_us;
        free(s.data);
    }
    print_message("a host's first message opened in %.1f us, a later one in %.1f us\n",
                  (double)first_us / FIRST, (double)later_us / FIRST);
    ob_seal last = joined_by(join, ME);
    sealed s = by(&last, OB_TOPIC_EXECUTIONS, TEXT);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(owner.salt, sizeof(owner.salt), "%080x", i);
        memset(key, i, sizeof(key));
        seal_host_remember(&copy, &owner, key);
        assert_true(seal_host_key(&copy, &owner, same));
        assert_memory_equal(same, key, sizeof(key));
        if (i % 1000 == 0)
            assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
    }
    free(s.data);
}

/* ---- What counts ---- */

static bool accepts(ob_seal_trust *trust, json_t *msg)
{
    bool ok = ob_seal_accepts(trust, msg);
    json_decref(msg);
    return ok;
}

static bool repeats(ob_seal_trust *trust, json_t *msg)
{
    bool is = ob_seal_repeats(trust, msg);
    json_decref(msg);
    return is;
}

static void a_sender_is_who_its_key_says(void **state)
{
    ob_seal own = some_executor(ME);
    json_auto_t *msg = parsed(&own, "{\"v\":1,\"type\":\"report\",\"epoch\":0,\"instance\":\"" OTHER
                                    "\",\"seal\":{\"salt\":\"x\",\"counted\":true}}");
    assert_string_equal(ob_json_str(msg, "instance", ""), ME);
    assert_string_equal(ob_seal_salt_of(msg), own.self.salt);
    json_auto_t *clear = in_clear("{\"v\":1,\"type\":\"report\",\"epoch\":0,\"instance\":\"" ME
                                  "\",\"seal\":{\"salt\":\"x\",\"number\":1}}");
    assert_false(ob_seal_is_sealed(clear));
}

static void the_row_decides_whether_a_message_counts(void **state)
{
    ob_seal own = some_executor(ME), before = some_executor(ME);
    ob_seal_trust trust = { 0 };
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash("t", hash);
    ob_seal_trust_set(&trust, own.self.salt, hash);
    assert_true(accepts(&trust, parsed(&own, TEXT)));
    assert_false(accepts(&trust, parsed(&before, TEXT))); /* the key of an earlier launch */
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"t\"}")));
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"\"}")));
}

static void an_executor_of_an_earlier_version_counts_until_it_has_a_key(void **state)
{
    static const char with_token[] = "{\"v\":1,\"type\":\"report\",\"token\":\"t\"}";
    ob_seal own = executor_of(ME, OB_SEAL_FIRST_SALT, 1), foreign = some_executor(ME);
    ob_seal_trust trust = { 0 };
    char hash[OB_TOKEN_HASH_TEXT];
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"\"}")));
    ob_token_hash("t", hash);
    ob_seal_trust_set(&trust, NULL, hash);
    assert_true(accepts(&trust, in_clear(with_token)));
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"u\"}")));
    assert_false(accepts(&trust, parsed(&foreign, TEXT)));
    assert_true(accepts(&trust, parsed(&own, TEXT)));
    assert_false(accepts(&trust, in_clear(with_token))); /* there is no way back */
    ob_seal_trust_set(&trust, NULL, hash);               /* the row does not have it yet */
    assert_false(accepts(&trust, in_clear(with_token)));
    assert_true(accepts(&trust, parsed(&own, TEXT)));
}

/* One that had joined: with another join token, and the token that its row knows. */
static void a_joined_executor_of_an_earlier_version_shows_its_former_token(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT], former[65], hash[OB_TOKEN_HASH_TEXT];
    ob_seal own = { 0 };
    ob_seal_trust trust = { 0 };
    ob_token_new(former, 32);
    ob_token_hash(former, hash);
    ob_seal_trust_set(&trust, NULL, hash);
    ob_seal_join_new(&copy, join);
    assert_int_equal(ob_seal_join_token(join, ME, former, token, NULL), 0);
    assert_int_equal(ob_seal_own(&own, ME, token, 1, NULL), 0);
    assert_string_equal(own.former, former);
    assert_false(accepts(&trust, parsed(&own, TEXT)));
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"v\":1,\"type\":\"report\",\"token\":\"%s\"}", former);
    assert_true(accepts(&trust, parsed(&own, text)));
    assert_true(accepts(&trust, parsed(&own, TEXT)));
    assert_false(accepts(&trust, in_clear(text)));
}

static void a_message_counts_once_and_none_before_it_counts_later(void **state)
{
    char salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    ob_seal first = executor_of(ME, salt, 1), second = executor_of(ME, salt, 2);
    ob_seal_trust trust = { 0 };
    ob_seal_trust_set(&trust, salt, NULL);
    json_t *a = parsed(&first, TEXT), *b = parsed(&first, TEXT), *c = parsed(&first, TEXT);
    json_t *b_again = json_deep_copy(b), *c_again = json_deep_copy(c);
    assert_false(ob_seal_repeats(&trust, b));
    assert_false(ob_seal_repeats(&trust, b)); /* the same object, fed again after a failed round */
    assert_true(repeats(&trust, b_again));
    assert_true(repeats(&trust, a));   /* an earlier one, late */
    json_t *d = parsed(&second, TEXT); /* its next process */
    assert_false(repeats(&trust, d));
    assert_true(repeats(&trust, c));
    assert_true(repeats(&trust, c_again));
    assert_true(repeats(&trust, parsed(&first, TEXT)));
    assert_false(repeats(&trust, parsed(&second, TEXT)));
    ob_seal_salt_new(salt); /* launched anew: another key, another count */
    ob_seal_trust_set(&trust, salt, NULL);
    ob_seal third = executor_of(ME, salt, 1);
    assert_false(repeats(&trust, parsed(&third, TEXT)));
    json_decref(b);
}

/* They would cost far more than a report of that length. */
static void a_message_full_of_small_values_is_refused(void **state)
{
    static const char *const small[] = { "{}", "[]", "1", "\"\"", "[[[]]]", "{\"run\":\"\"}" };
    static const char *const run =
        "{\"run\":\"018f0000-0000-7000-8000-000000000001:9999/1\",\"state\":\"exited\","
        "\"startedAt\":1700000000000,\"stoppedAt\":1700000000000,\"exitCode\":0,\"oom\":true,"
        "\"cpuMs\":1,\"peakBytes\":4096,\"started\":true,\"timedOut\":true,\"reason\":\"\","
        "\"statusReason\":\"\"}";
    ob_seal own = some_executor(ME);
    for (size_t i = 0; i < ARRAY_SIZE(small); i++) {
        assert_int_equal(parse_list(&own, OB_TOPIC_EXECUTIONS, small[i], 20000), -EINVAL);
        assert_int_equal(parse_list(NULL, OB_TOPIC_EXECUTIONS, small[i], 20000), -EINVAL);
        assert_int_equal(parse_list(&own, OB_TOPIC_EXECUTIONS, small[i], 10), 0);
        assert_int_equal(parse_list(&own, OB_TOPIC_LOGS, small[i], 20000), 0);
    }
    assert_int_equal(parse_list(&own, OB_TOPIC_EXECUTIONS, run, 2000), 0);
    assert_int_equal(
        parse_list(&own, OB_TOPIC_EXECUTIONS,
                   "{\"run\":\"018f0000-0000-7000-8000-000000000001/1\",\"state\":\"running\"}",
                   7000),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_for_both_sides),
        cmocka_unit_test(nothing_of_the_text_shows),
        cmocka_unit_test(every_changed_bit_and_every_other_length_is_refused),
        cmocka_unit_test(a_message_opens_on_its_topic_and_for_its_instance_only),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(the_longest_message_fits_and_measures_cover_what_sealing_adds),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(a_host_that_joins_and_the_services_derive_the_same_key),
        cmocka_unit_test(keys_are_those_of_another_program),
        cmocka_unit_test(a_join_token_gives_no_key_of_others),
        cmocka_unit_test(a_public_key_of_low_order_is_refused),
        cmocka_unit_test(what_is_no_join_token_is_refused),
        cmocka_unit_test(a_host_that_joined_with_an_earlier_version_goes_on),
        cmocka_unit_test(many_hosts_may_join),
        cmocka_unit_test(a_sender_is_who_its_key_says),
        cmocka_unit_test(the_row_decides_whether_a_message_counts),
        cmocka_unit_test(an_executor_of_an_earlier_version_counts_until_it_has_a_key),
        cmocka_unit_test(a_joined_executor_of_an_earlier_version_shows_its_former_token),
        cmocka_unit_test(a_message_full_of_small_values_is_refused),
        cmocka_unit_test(a_message_counts_once_and_none_before_it_counts_later),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
