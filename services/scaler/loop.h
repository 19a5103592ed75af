/* The scaler as a leader; the loop itself is ob/lead.h. Loop thread. */
#pragma once

#include "ob/lead.h"
#include "scaler.h"

/* The loop with the scaler's functions. Its bus, its leader and its provider exist by now. */
ob_lead *scaler_leading(scaler *s);
