/* Copies of folders. */
#pragma once

#include <stdbool.h>

/* Copies the content of 'from' inside the root (whose links stay inside it) into the folder 'to',
 * with the owner and mode of 'from'. Nothing is there: nothing happens. False: it failed. */
bool keeper_tree_fill(const char *root, const char *from, const char *to);
/* Copies a folder, for file systems without overlay mounts. */
bool keeper_tree_copy(const char *from, const char *to);
