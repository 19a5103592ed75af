/* Clocks. No decision compares the clocks of two machines (docs/architecture.md). */
#pragma once

#include <stdint.h>

int64_t ob_wall_ms(void); /* since the epoch: for shown times only */
int64_t ob_mono_ms(void); /* CLOCK_MONOTONIC: for time-outs within a process */
int64_t ob_mono_us(void);
int64_t ob_boot_ms(void); /* CLOCK_BOOTTIME: executors time runs on it */

#define OB_BOOT_ID_TEXT 40 /* with NUL */
/* The kernel's name for this boot of the host; empty when it cannot be read. */
void ob_boot_id(char out[OB_BOOT_ID_TEXT]);
