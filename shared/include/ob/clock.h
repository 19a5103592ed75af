/* Clocks. No decision compares the clocks of two machines (docs/architecture.md). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

int64_t ob_wall_ms(void); /* since the epoch: for shown times only */
int64_t ob_mono_ms(void); /* CLOCK_MONOTONIC: for time-outs within a process */
int64_t ob_mono_us(void);
int64_t ob_boot_ms(void); /* CLOCK_BOOTTIME: executors use it for the time of runs */

#define OB_BOOT_ID_TEXT 40 /* with NUL */
/* The kernel's id of this boot of the host; empty if it cannot be read. */
void ob_boot_id(char out[OB_BOOT_ID_TEXT]);

/* Was the wall clock set by a second or more while this process ran? By how much, and how long ago
 * the last time. Jumps between two calls of ob_wall_ms that cancel out are not detected. Any
 * thread, as all functions here. */
bool ob_wall_jumped(int64_t *ret_by_ms, int64_t *ret_ago_ms);
/* True if it was not set within the last 'for_ms', so rows may be deleted by their age. */
bool ob_wall_steady(int64_t for_ms);
