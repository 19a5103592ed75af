/* Follows batch.job-state while tabs listen, and tells each of them, at most four times a second,
 * what has changed. */
#pragma once

#include "changes.h"
#include "ob/config.h"

typedef struct live live;
typedef struct live_tab live_tab;

/* tabs_max: so many may listen at a time. */
int live_start(const ob_config_common *config, size_t tabs_max, live **ret, ob_error *err);
/* Wakes the tabs, whose next live_next is their last. */
void live_end(live *l);
void live_free(live *l);

/* A new tab, which hears of no queue yet. events: the kinds that it is told whole, with the last
 * ones from before, as far as they were read; 0: none. NULL: there are too many tabs. Any thread.
 */
live_tab *live_join(live *l, unsigned events);
void live_leave(live_tab *tab);
/* Is the console to end? Any thread. */
bool live_is_ending(live *l);

/* From now on the tab hears of these queues (ARNs). NULL: it is not known of which ones it may
 * hear, so it hears of none, as if Kafka did not answer. If this changes anything, its next word is
 * LIVE_UP or LIVE_DOWN. Thread: the tab's. */
void live_hear(live_tab *tab, char (*queues)[CHANGE_QUEUE_TEXT], size_t n_queues);

typedef enum live_word {
    LIVE_CHANGES, /* 'out' has a message */
    LIVE_NOTHING, /* nothing until the time */
    LIVE_DOWN,    /* changes are not heard of: the page should ask by itself */
    LIVE_UP,      /* they are from now on: the page should read again what it shows */
    LIVE_END,
} live_word;
/* Waits for the next word, at most until this time (ob_mono_ms). Thread: the tab's. */
live_word live_next(live_tab *tab, int64_t until_ms, ob_buf *out);
