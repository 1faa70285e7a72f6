/* crash_plan: every outcome that a crash may have for what was not synced, numbered.
 *
 *     sectors not synced   0 1 2 3     names not synced   a b     lengths not synced
 *       none               - - - -       none             - -       kept, or not
 *       all                # # # #       all              # #
 *       prefix 2           # # - -       with at most three: every subset
 *       torn 2             # # / -       else: each alone kept, each alone lost
 *       hole 2             # # - #
 *       only 2             - - # -
 *       suffix 2           - - # #     later ones kept, earlier ones lost: reordered
 *
 * All sectors are combined with all names and with none, all names with all sectors and with none.
 *
 *     uint32_t outcomes = crash_plan_count(&disk);
 *     for (uint32_t number = 0; number < outcomes; number++) {
 *         memory_disk_clone(&crashed, &disk);
 *         crash_plan_apply(&crashed, number);
 *     }
 */
#ifndef DUNLIN_TESTS_CRASH_PLAN_H
#define DUNLIN_TESTS_CRASH_PLAN_H

#include "tests/store/support/memory_disk.h"

/* How many outcomes a crash of this disk may have: at least 1. The disk is left as it is. */
uint32_t crash_plan_count(const struct memory_disk *disk);
void crash_plan_apply(struct memory_disk *disk, uint32_t number);
/* "sectors: hole 2 of 7; names: all of 1; lengths kept" */
void crash_plan_print(const struct memory_disk *disk, uint32_t number, struct buffer *to);

#endif
