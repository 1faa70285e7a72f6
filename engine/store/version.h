/* version: which tables live, at which level. Never changed once made; a change makes the next one.
 *
 *     level 0    whole flushes, youngest first: [run 9: a..k l..z] [run 7: a..z] ...   they overlap
 *     level 1    a..c  d..h  i..p  q..z        ascending, none overlaps another
 *     level 2    ...                           ten times as much
 *
 * Whoever reads over several steps holds a reference, and so the tables of its version.
 *
 *     struct version *next = version_apply(store->version, &edit);
 *     version_release(store->version, &dead);     // tables that nobody needs any more come back in `dead`
 */
#ifndef DUNLIN_STORE_VERSION_H
#define DUNLIN_STORE_VERSION_H

#include "engine/store/store.h"
#include "engine/store/table_run.h"

enum { VERSION_LEVELS = STORE_LEVELS };

struct version_level {
    struct table_file **tables;
    uint32_t count;
    uint64_t bytes;
};

struct version {
    uint32_t references;
    uint32_t run_count; /* flushes that make up level 0 */
    struct version_level levels[VERSION_LEVELS];
    struct table_run
        *runs; /* all tables: those of level 0 from young to old, then level by level */
    uint32_t all_runs;
};

struct version_edit {
    uint32_t added_level;
    struct table_list added; /* to added_level */
    struct table_list removed;
};

struct version *version_create(void);
static inline void version_acquire(struct version *version) {
    version->references++;
}
/* Tables whose last reference this was are appended to `dead`, for the caller to destroy. */
void version_release(struct version *version, struct table_list *dead);
/* The version after the edit, with one reference. It takes references of its own to its tables. */
struct version *version_apply(const struct version *version, const struct version_edit *edit);

/* The index of the first table of a level above 0 that reaches `key`; count when none. */
uint32_t version_find(const struct version_level *level, struct bytes key);
/* The table with this number, or null. */
struct table_file *version_table(const struct version *version, uint64_t number);
/* The tables of one run of level 0, which begin at `from`: how many there are. */
uint32_t version_run_length(const struct version *version, uint32_t from);
/* True when a level below `level` (of a larger number) may hold `key`. */
bool version_is_deeper(const struct version *version, uint32_t level, struct bytes key);
/* True when a level below `level` may hold any key from `from` up to `to`. */
bool version_range_is_deeper(const struct version *version, uint32_t level, struct bytes from,
                             struct bytes to);

#endif
