/* table_run: tables that follow one another, and which of them a key belongs to.
 *
 *     tables  [ a..d | f..k | l..q ]      one flush of level 0, or a whole deeper level
 *     ends    [    d |    k |    q ]      as separators: a search stays in a few cache lines and looks into no table
 *
 *     table_run_init(&run, level, tables, count);            // borrows the tables for as long as it lives
 *     struct table_file *file = table_run_find(&run, key);   // null: all of them end before the key
 */
#ifndef DUNLIN_STORE_TABLE_RUN_H
#define DUNLIN_STORE_TABLE_RUN_H

#include "engine/store/separators.h"
#include "engine/store/table_file.h"

struct table_run {
    uint32_t level;
    uint32_t count;
    struct table_file *const *tables;
    struct buffer flat;
    struct separators ends; /* none, when they would take too much */
};

/* At least one table, ascending, none of which overlaps another. */
void table_run_init(struct table_run *run, uint32_t level, struct table_file *const *tables,
                    uint32_t count);
void table_run_deinit(struct table_run *run);
/* The first table that covers the key or something greater. */
struct table_file *table_run_find(const struct table_run *run, struct bytes key);

#endif
