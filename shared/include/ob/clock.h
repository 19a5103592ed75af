/* Clocks. No decision compares the clocks of two machines (docs/architecture.md). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

int64_t ob_wall_ms(void); /* since the epoch: for shown times only */
int64_t ob_mono_ms(void); /* CLOCK_MONOTONIC: for time-outs within a process */
int64_t ob_mono_us(void);
int64_t ob_boot_ms(void); /* CLOCK_BOOTTIME: executors time runs on it */

#define OB_BOOT_ID_TEXT 40 /* with NUL */
/* The kernel's name for this boot of the host; empty when it cannot be read. */
void ob_boot_id(char out[OB_BOOT_ID_TEXT]);

/* Was the wall clock set, by a second or more, while this process ran? By how much and how long ago
 * the last time; jumps between two calls of ob_wall_ms that undo each other are not seen. Any
 * thread, as all here. */
bool ob_wall_jumped(int64_t *ret_by_ms, int64_t *ret_ago_ms);
/* It was not within the last 'for_ms': what is deleted by its age may go. */
bool ob_wall_steady(int64_t for_ms);
