/* Does a chunk of output come from the instance that it names? Owns what is known of instances'
 * keys, at most SENDERS_MAX. The row of an instance is read again if it had no key yet, or if the
 * chunk is under another one: an instance that is launched again gets a new key. Whoever has the
 * password of executors can name any instances, so the rows of all chunks are read by one
 * statement, and nothing is kept of instances that do not exist. Thread: the intake's. */
#include "log_senders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "log_store.h"
#include "ob/message.h"
#include "ob/seal.h"

#define SENDERS_MAX 10000 /* all are forgotten then */

typedef struct sender {
    char instance[OB_INSTANCE_TEXT];
    ob_seal_trust trust;
    uint64_t read; /* by which check */
    UT_hash_handle hh;
} sender;

struct log_senders {
    sender *table;
    uint64_t checks;
};

log_senders *log_senders_new(void)
{
    return ob_calloc(1, sizeof(log_senders));
}

static void forget_all(log_senders *s)
{
    sender *one, *next;
    HASH_ITER(hh, s->table, one, next)
    {
        HASH_DEL(s->table, one);
        free(one);
    }
}

void log_senders_free(log_senders *senders)
{
    if (!senders)
        return;
    forget_all(senders);
    free(senders);
}

static sender *find(const log_senders *s, const char *instance)
{
    sender *one = NULL;
    HASH_FIND_STR(s->table, instance, one);
    return one;
}

static const char *named_by(const log_chunk *c)
{
    return ob_json_str(c->msg, "instance", "");
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each once. Returns how many are left. */
static size_t unique(const char **names, size_t n)
{
    size_t left = 0;
    qsort(names, n, sizeof(*names), compare);
    for (size_t i = 0; i < n; i++)
        if (left == 0 || strcmp(names[left - 1], names[i]) != 0)
            names[left++] = names[i];
    return left;
}

static void take_row(log_senders *s, const PGresult *res, int row)
{
    const char *instance = ob_col(res, row, LOG_SENDER_COL_ID);
    sender *one = find(s, instance);
    if (!one) {
        one = ob_calloc(1, sizeof(*one));
        (void)snprintf(one->instance, sizeof(one->instance), "%s", instance);
        HASH_ADD_STR(s->table, instance, one);
    }
    one->read = s->checks;
    one->trust = (ob_seal_trust){ 0 };
    ob_seal_trust_set(&one->trust, ob_col(res, row, LOG_SENDER_COL_KEY_SALT),
                      ob_col(res, row, LOG_SENDER_COL_TOKEN_HASH));
}

static int read_rows(log_senders *s, ob_db *db, const char **names, size_t n, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = log_store_senders(db, names, unique(names, n), &res, err);
    if (r < 0)
        return r;
    if (HASH_COUNT(s->table) + (size_t)PQntuples(res) > SENDERS_MAX)
        forget_all(s);
    for (int row = 0; row < PQntuples(res); row++)
        take_row(s, res, row);
    return 0;
}

int log_senders_check(log_senders *senders, ob_db *db, log_chunk *list, ob_error *err)
{
    log_chunk *c;
    size_t n = 0, max;
    senders->checks++;
    DL_COUNT(list, c, max);
    ob_cleanup(ob_freep) const char **names = ob_calloc(max + 1, sizeof(*names));
    DL_FOREACH(list, c)
    {
        sender *one = find(senders, named_by(c));
        c->genuine = one && *one->trust.salt && ob_seal_accepts(&one->trust, c->msg);
        if (!c->genuine && ob_instance_id_is(named_by(c)))
            names[n++] = named_by(c);
    }
    int r = n > 0 ? read_rows(senders, db, names, n, err) : 0;
    if (r < 0 || n == 0)
        return r;
    DL_FOREACH(list, c)
    {
        sender *one = find(senders, named_by(c));
        if (!c->genuine)
            c->genuine =
                one && one->read == senders->checks && ob_seal_accepts(&one->trust, c->msg);
    }
    return 0;
}
