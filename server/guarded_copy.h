/* guarded_copy: copies from or to a mapped file, and survives a page that cannot be had.
 *
 *     copy --page fault--> the file is shorter than its mapping, or the disk cannot read: SIGBUS
 *       ^                                                  |
 *       '--- returns false <---- this thread is copying, and the address is in the copy --- handler --else--> the handler before
 *
 * A read by a system call returns an error; a read through a mapping raises a signal that ends the process. Whoever serves
 * data through mappings has to turn the one into the other. The handler is installed for the whole process, and hands every
 * signal that is not about a copy under way on this thread to the handler that was there before.
 *
 * A program that installs a handler of its own later takes the guard away: nothing is mapped from then on. To have both, it
 * installs its own before the first store is opened, or the guard again behind it.
 *
 *     if (guarded_copy_is_ready())
 *         mapping = mmap(...);
 *     if (!guarded_copy(to, mapping + offset, size))
 *         -> the page is not to be had: a system call tells why
 */
#ifndef DUNLIN_SERVER_GUARDED_COPY_H
#define DUNLIN_SERVER_GUARDED_COPY_H

#include "engine/base/check.h"

#include <stdbool.h>
#include <stddef.h>

/* Installs the handler at the first call. True when it is in place. */
bool guarded_copy_is_ready(void);
/* Puts it in front of a handler that has taken its place. That one must not hand on to it. */
void guarded_copy_install(void);
/* False when a page of either side cannot be had; part of the bytes may have been copied then. */
MUST_USE bool guarded_copy(void *to, const void *from, size_t size);

#endif
