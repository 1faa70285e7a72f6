#include "engine/store/run_cursor.h"

void run_cursor_init(struct run_cursor *cursor, struct table_file *const *tables, uint32_t count) {
    *cursor = (struct run_cursor){.tables = tables, .count = count};
}

static void hold_deinit(struct run_hold *hold) {
    block_release(hold->lent);
    buffer_deinit(&hold->own);
}

void run_cursor_deinit(struct run_cursor *cursor) {
    buffer_deinit(&cursor->target);
    hold_deinit(&cursor->partition);
    hold_deinit(&cursor->contents);
    block_cursor_deinit(&cursor->block);
}

/* Wants the block at `position` of the present table, or the first one behind it that is not lost. */
static void want_block(struct run_cursor *cursor, uint32_t position) {
    cursor->position = position;
    while (cursor->index < cursor->count) {
        const struct table_file *file = run_cursor_table(cursor);
        enum table_answer answer =
            table_block_at(file->table, &cursor->window, cursor->position, &cursor->handle);
        if (answer == TABLE_NO_BLOCK) {
            cursor->index++;
            cursor->position = 0;
        } else if (!table_file_lacks(file, cursor->handle.offset)) {
            cursor->state = RUN_NEEDS_BLOCK;
            return;
        } else if (answer == TABLE_HAS_BLOCK) {
            cursor->position++;
        } else {
            cursor->position = table_partition_end(file->table, &cursor->handle);
        }
    }
    cursor->state = RUN_END;
}

static uint32_t block_count(const struct run_cursor *cursor) {
    return (uint32_t)table_properties(run_cursor_table(cursor)->table)->block_count;
}

/* Wants the last block before `position` of the present table that is not lost. */
static void want_block_before(struct run_cursor *cursor, uint32_t position) {
    for (;;) {
        while (position == 0) {
            if (cursor->index == 0) {
                cursor->state = RUN_END;
                return;
            }
            cursor->index--;
            position = block_count(cursor);
        }
        const struct table_file *file = run_cursor_table(cursor);
        cursor->position = position - 1;
        enum table_answer answer =
            table_block_at(file->table, &cursor->window, cursor->position, &cursor->handle);
        /* How many blocks there are, and where they lie, is told in two places of the file. */
        bool lost = answer != TABLE_NO_BLOCK && table_file_lacks(file, cursor->handle.offset);
        if (!lost) {
            cursor->state = answer == TABLE_NO_BLOCK ? RUN_CORRUPT : RUN_NEEDS_BLOCK;
            return;
        }
        position = answer == TABLE_HAS_BLOCK ? cursor->position
                                             : table_partition_begin(file->table, &cursor->handle);
    }
}

static uint32_t first_reaching(const struct run_cursor *cursor, struct bytes target) {
    uint32_t low = 0;
    uint32_t high = cursor->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!table_file_reaches(cursor->tables[middle], target))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct removed_range *run_cursor_find_range(const struct run_cursor *cursor,
                                                  struct bytes key) {
    uint32_t at = first_reaching(cursor, key);
    return at == cursor->count ? NULL
                               : removed_ranges_find(table_ranges(cursor->tables[at]->table), key);
}

static bool goes_backwards(const struct run_cursor *cursor) {
    return cursor->entrance == ENTRANCE_LAST || cursor->entrance == ENTRANCE_BELOW_TARGET;
}

/* Wants the block of the present table in which the target may lie. */
static void search(struct run_cursor *cursor) {
    uint32_t position;
    enum table_answer answer =
        table_find_block(run_cursor_table(cursor)->table, &cursor->window,
                         buffer_bytes(&cursor->target), &position, &cursor->handle);
    cursor->searching = answer == TABLE_NEEDS_INDEX;
    if (cursor->searching) {
        cursor->state = RUN_NEEDS_BLOCK;
        (void)run_cursor_pass_lost(cursor);
    } else if (goes_backwards(cursor)) {
        want_block_before(cursor, answer == TABLE_HAS_BLOCK ? position + 1 : block_count(cursor));
    } else if (answer == TABLE_HAS_BLOCK) {
        want_block(cursor, position);
    } else {
        cursor->index++;
        want_block(cursor, 0);
    }
}

static void set_target(struct run_cursor *cursor, struct bytes target, enum run_entrance entrance) {
    buffer_clear(&cursor->target);
    buffer_append(&cursor->target, target);
    cursor->entrance = entrance;
    cursor->index = first_reaching(cursor, target);
    cursor->searching = false;
}

void run_cursor_seek(struct run_cursor *cursor, struct bytes target) {
    set_target(cursor, target, ENTRANCE_TARGET);
    if (cursor->index < cursor->count)
        search(cursor);
    else
        cursor->state = RUN_END;
}

void run_cursor_seek_end(struct run_cursor *cursor) {
    cursor->entrance = ENTRANCE_LAST;
    cursor->searching = false;
    cursor->index = cursor->count;
    want_block_before(cursor, 0);
}

void run_cursor_seek_below(struct run_cursor *cursor, struct bytes target) {
    set_target(cursor, target, ENTRANCE_BELOW_TARGET);
    bool may_hold = cursor->index < cursor->count &&
                    bytes_compare(table_file_smallest(run_cursor_table(cursor)), target) < 0;
    if (may_hold)
        search(cursor);
    else
        want_block_before(cursor, 0);
}

/* Where the block cursor has come to stand decides what comes next. */
static void settle(struct run_cursor *cursor) {
    if (cursor->block.corrupt)
        cursor->state = RUN_CORRUPT;
    else if (cursor->block.valid)
        cursor->state = RUN_READY;
    else
        want_block(cursor, cursor->position + 1);
}

static void settle_backwards(struct run_cursor *cursor) {
    if (cursor->block.corrupt)
        cursor->state = RUN_CORRUPT;
    else if (cursor->block.valid)
        cursor->state = RUN_READY;
    else
        want_block_before(cursor, cursor->position);
}

void run_cursor_next(struct run_cursor *cursor) {
    CHECK(cursor->state == RUN_READY);
    block_cursor_next(&cursor->block);
    if (!cursor->block.valid)
        settle(cursor);
}

void run_cursor_previous(struct run_cursor *cursor) {
    CHECK(cursor->state == RUN_READY);
    block_cursor_previous(&cursor->block);
    settle_backwards(cursor);
}

/* The target may lie in the gap between two blocks' entries; then it stays the target. */
static void enter_block(struct run_cursor *cursor, struct bytes contents) {
    if (block_cursor_open(&cursor->block, contents) != TABLE_OK) {
        cursor->state = RUN_CORRUPT;
        return;
    }
    switch (cursor->entrance) {
    case ENTRANCE_FIRST:
        block_cursor_first(&cursor->block);
        settle(cursor);
        break;
    case ENTRANCE_TARGET:
        block_cursor_seek(&cursor->block, buffer_bytes(&cursor->target));
        if (cursor->block.valid)
            cursor->entrance = ENTRANCE_FIRST;
        settle(cursor);
        break;
    case ENTRANCE_LAST:
        block_cursor_last(&cursor->block);
        settle_backwards(cursor);
        break;
    case ENTRANCE_BELOW_TARGET:
        block_cursor_seek_below(&cursor->block, buffer_bytes(&cursor->target));
        if (cursor->block.valid)
            cursor->entrance = ENTRANCE_LAST;
        settle_backwards(cursor);
        break;
    }
}

static void enter_partition(struct run_cursor *cursor, struct bytes contents) {
    table_window_set(&cursor->window, run_cursor_table(cursor)->table, &cursor->handle, contents);
    if (cursor->searching)
        search(cursor);
    else if (goes_backwards(cursor))
        want_block_before(cursor, cursor->position + 1);
    else
        want_block(cursor, cursor->position);
}

/* Where what was asked for is to be held; lets go of what is held there. */
static struct run_hold *empty_hold(struct run_cursor *cursor) {
    CHECK(cursor->state == RUN_NEEDS_BLOCK);
    bool partition = cursor->handle.kind == BLOCK_INDEX;
    if (partition)
        cursor->window = (struct table_window){0};
    struct run_hold *hold = partition ? &cursor->partition : &cursor->contents;
    block_release(hold->lent);
    hold->lent = NULL;
    buffer_clear(&hold->own);
    return hold;
}

static void enter(struct run_cursor *cursor, struct bytes contents) {
    if (cursor->handle.kind == BLOCK_INDEX)
        enter_partition(cursor, contents);
    else
        enter_block(cursor, contents);
}

void run_cursor_feed_raw(struct run_cursor *cursor, struct bytes raw) {
    struct buffer *own = &empty_hold(cursor)->own;
    if (table_block_unpack(run_cursor_table(cursor)->table, &cursor->handle, raw, own) == TABLE_OK)
        enter(cursor, buffer_bytes(own));
    else
        cursor->state = RUN_CORRUPT;
}

void run_cursor_feed_block(struct run_cursor *cursor, const struct lent_block *lent) {
    /* First: it may be the one that is held. */
    block_acquire(lent->block);
    empty_hold(cursor)->lent = lent->block;
    enter(cursor, lent->contents);
}

bool run_cursor_pass_lost(struct run_cursor *cursor) {
    bool stands = cursor->state == RUN_NEEDS_BLOCK || cursor->state == RUN_CORRUPT;
    if (!stands || !table_file_lacks(run_cursor_table(cursor), cursor->handle.offset))
        return false;
    const struct table *table = run_cursor_table(cursor)->table;
    bool partition = cursor->handle.kind == BLOCK_INDEX;
    cursor->searching = false;
    if (goes_backwards(cursor))
        want_block_before(cursor, partition ? table_partition_begin(table, &cursor->handle)
                                            : cursor->position);
    else
        want_block(cursor,
                   partition ? table_partition_end(table, &cursor->handle) : cursor->position + 1);
    return true;
}
