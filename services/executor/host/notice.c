/* The instance's last minutes. Owns the deadline, in memory and in the spool ("notice": {"end":
 * [boot clock, length]}), and the timer that calls 'term' ahead of it. Never stops a run itself.
 * Invariant: the deadline only comes nearer. Thread: the loop's. */
#include "notice.h"

#include "ob/clock.h"
#include "ob/log.h"

#define KEY "notice"

struct notice {
    notice_config config;
    bool given;
    int64_t end_boot_ms;
    loop_timer timer;
};

static void on_term(void *arg)
{
    notice *n = arg;
    ob_info("notice.reached", "{s:I}", "left", (json_int_t)notice_left_ms(n));
    n->config.term(notice_left_ms(n), n->config.arg);
}

static void watch(notice *n)
{
    int64_t wait_ms = n->end_boot_ms - n->config.term_ms - ob_boot_ms();
    loop_timer_set(n->config.loop, &n->timer, wait_ms > 0 ? wait_ms : 0);
}

notice *notice_new(const notice_config *config)
{
    notice *n = ob_calloc(1, sizeof(*n));
    n->config = *config;
    n->timer = (loop_timer){ .fn = on_term, .arg = n };
    const json_t *end = json_object_get(spool_get(config->spool, KEY), "end");
    if (!end)
        return n;
    /* After a boot the clock began anew: not longer than it was given for. */
    int64_t left_ms = json_integer_value(json_array_get(end, 0)) - ob_boot_ms();
    int64_t length_ms = json_integer_value(json_array_get(end, 1));
    n->given = true;
    n->end_boot_ms = ob_boot_ms() + (left_ms < length_ms ? left_ms : length_ms);
    watch(n);
    return n;
}

void notice_free(notice *n)
{
    if (!n)
        return;
    loop_timer_stop(n->config.loop, &n->timer);
    free(n);
}

void notice_give(notice *n, int64_t in_ms)
{
    if (!n->given || ob_boot_ms() + in_ms < n->end_boot_ms) {
        n->given = true;
        n->end_boot_ms = ob_boot_ms() + in_ms;
        spool_set(n->config.spool, KEY, "end",
                  json_pack("[I, I]", (json_int_t)n->end_boot_ms, (json_int_t)in_ms), true);
        ob_info("notice.given", "{s:I}", "in", (json_int_t)in_ms);
        watch(n);
    }
    n->config.tell(n->config.arg);
}

int64_t notice_left_ms(const notice *n)
{
    if (!n->given)
        return -1;
    int64_t left_ms = n->end_boot_ms - ob_boot_ms();
    return left_ms > 0 ? left_ms : 0;
}
