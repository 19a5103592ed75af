/* Folders that our programs made. Each has a mark: a symbolic link that leads nowhere, and whose
 * text names the owner. A link is made and read as a whole, and it is on the disk not later than
 * what is made in the folder after it. Whoever removes something looks for the mark first: names
 * prove nothing, as other programs use the same. For all our programs: needs no library of ours. */
#pragma once

#include <stdbool.h>

/* Is it the name of one entry: no path, not "." or ".."? */
bool owned_is_name(const char *name);
/* Opens a folder without following a link; close-on-exec. Errors: -errno. */
int owned_open(int dir_fd, const char *path);

/* Puts the mark into the folder, unless it is there. Errors: -ENOTEMPTY: the folder has no mark,
 * but other entries; -errno. */
int owned_mark(int dir_fd, const char *mark, const char *owner);
/* Has the folder that mark, put there by this user? */
bool owned_is_marked(int dir_fd, const char *mark, const char *owner);
/* Is nothing in the folder? What mkfs makes does not count. */
bool owned_is_empty(int dir_fd);

/* Removes the entry of the folder, with all that is in it. Follows no link, and enters no mount,
 * not even one of the same file system. False: something stays. */
bool owned_remove(int dir_fd, const char *name);
