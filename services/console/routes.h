/* What the console answers, by path. */
#pragma once

#include "web_request.h"

void routes_answer(web_request *q);

/* /session: sign in, sign out, who am I. */
void route_session(web_request *q);
void route_session_link(web_request *q);
/* /api/<operation>: passed on to the api, signed with the session. */
void route_call(web_request *q, const char *operation);
/* /live: what changes, as it happens. */
void route_live(web_request *q);
/* All else: the page itself. */
void route_asset(web_request *q);
