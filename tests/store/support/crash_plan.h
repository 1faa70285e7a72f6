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
 *     struct crash_unsynced unsynced = crash_plan_survey(&disk);
 *     for (uint32_t number = 0; number < crash_plan_count(&unsynced); number++) {
 *         memory_disk_clone(&crashed, &disk);
 *         crash_plan_apply(&crashed, &unsynced, number);
 *     }
 */
#ifndef DUNLIN_TESTS_CRASH_PLAN_H
#define DUNLIN_TESTS_CRASH_PLAN_H

#include "tests/store/support/memory_disk.h"

/* How many things of each kind a crash may keep or lose. */
struct crash_unsynced {
    uint32_t sectors, names, lengths;
};

/* The disk is left as it is. */
struct crash_unsynced crash_plan_survey(const struct memory_disk *disk);
/* How many outcomes a crash may have: at least 1. */
uint32_t crash_plan_count(const struct crash_unsynced *unsynced);
/* The disk is one for which `unsynced` was surveyed, or a clone of it. */
void crash_plan_apply(struct memory_disk *disk, const struct crash_unsynced *unsynced,
                      uint32_t number);
/* "sectors: hole 2 of 7; names: all of 1; lengths kept" */
void crash_plan_print(const struct crash_unsynced *unsynced, uint32_t number, struct buffer *to);

#endif
