/* Links that sign a page in: a session, sealed, that counts once and for a minute. The command that
 * prints a link has the console's key, so nothing has to be kept for links that are not used. */
#pragma once

#include "web_session.h"

#define LINK_LASTS_MS 60000

typedef struct link_keeper link_keeper;

/* now_ms: of the wall clock, as in all functions here. A link from before counts for nothing: it
 * may have been used already. */
link_keeper *link_keeper_new(const uint8_t key[SEALED_KEY], int64_t now_ms);
void link_keeper_free(link_keeper *k);

/* The text of a new link. *ret is new. */
int link_make(
    const uint8_t key[SEALED_KEY], const web_session *s, int64_t now_ms, char **ret, ob_error *err);
/* Opens a link and ends it. Errors: -EACCES (forged, used, or too old; the text says which). Any
 * thread. */
int link_redeem(link_keeper *k, const char *link, int64_t now_ms, web_session *ret, ob_error *err);
