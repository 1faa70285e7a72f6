#include "engine/store/run_cursor.h"

void run_cursor_init(struct run_cursor *cursor, struct table_file *const *tables, uint32_t count) {
    *cursor = (struct run_cursor){.tables = tables, .count = count};
}

void run_cursor_deinit(struct run_cursor *cursor) {
    buffer_deinit(&cursor->target);
    buffer_deinit(&cursor->partition);
    buffer_deinit(&cursor->contents);
    block_cursor_deinit(&cursor->block);
}

/* Wants the block at `position` of the present table, or the first one behind it. */
static void want_block(struct run_cursor *cursor, uint32_t position) {
    cursor->position = position;
    while (cursor->index < cursor->count) {
        if (table_block_at(run_cursor_table(cursor)->table, &cursor->window, cursor->position,
                           &cursor->handle) != TABLE_NO_BLOCK) {
            cursor->state = RUN_NEEDS_BLOCK;
            return;
        }
        cursor->index++;
        cursor->position = 0;
    }
    cursor->state = RUN_END;
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

/* Wants the block of the present table in which the target may lie. */
static void search(struct run_cursor *cursor) {
    uint32_t position;
    enum table_answer answer =
        table_find_block(run_cursor_table(cursor)->table, &cursor->window,
                         buffer_bytes(&cursor->target), &position, &cursor->handle);
    cursor->searching = answer == TABLE_NEEDS_INDEX;
    if (answer == TABLE_HAS_BLOCK) {
        want_block(cursor, position);
    } else if (answer == TABLE_NO_BLOCK) {
        cursor->index++;
        want_block(cursor, 0);
    } else {
        cursor->state = RUN_NEEDS_BLOCK;
    }
}

void run_cursor_seek(struct run_cursor *cursor, struct bytes target) {
    buffer_clear(&cursor->target);
    buffer_append(&cursor->target, target);
    cursor->seeking = true;
    cursor->index = first_reaching(cursor, target);
    if (cursor->index < cursor->count)
        search(cursor);
    else
        cursor->state = RUN_END;
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

void run_cursor_next(struct run_cursor *cursor) {
    CHECK(cursor->state == RUN_READY);
    block_cursor_next(&cursor->block);
    settle(cursor);
}

static void enter_block(struct run_cursor *cursor) {
    if (block_cursor_open(&cursor->block, buffer_bytes(&cursor->contents)) != TABLE_OK) {
        cursor->state = RUN_CORRUPT;
        return;
    }
    if (cursor->seeking)
        block_cursor_seek(&cursor->block, buffer_bytes(&cursor->target));
    else
        block_cursor_first(&cursor->block);
    /* The target may lie in the gap behind a block's last entry; then it stays the target. */
    if (cursor->block.valid)
        cursor->seeking = false;
    settle(cursor);
}

static void enter_partition(struct run_cursor *cursor) {
    table_window_set(&cursor->window, run_cursor_table(cursor)->table, &cursor->handle,
                     buffer_bytes(&cursor->partition));
    if (cursor->searching)
        search(cursor);
    else
        want_block(cursor, cursor->position);
}

/* Where the contents of what was asked for belong. */
static struct buffer *room_for_contents(struct run_cursor *cursor) {
    CHECK(cursor->state == RUN_NEEDS_BLOCK);
    bool partition = cursor->handle.kind == BLOCK_INDEX;
    if (partition)
        cursor->window = (struct table_window){0};
    struct buffer *room = partition ? &cursor->partition : &cursor->contents;
    buffer_clear(room);
    return room;
}

static void enter(struct run_cursor *cursor) {
    if (cursor->handle.kind == BLOCK_INDEX)
        enter_partition(cursor);
    else
        enter_block(cursor);
}

void run_cursor_feed_raw(struct run_cursor *cursor, struct bytes raw) {
    struct buffer *room = room_for_contents(cursor);
    if (table_block_unpack(run_cursor_table(cursor)->table, &cursor->handle, raw, room) == TABLE_OK)
        enter(cursor);
    else
        cursor->state = RUN_CORRUPT;
}

void run_cursor_feed_plain(struct run_cursor *cursor, struct bytes contents) {
    buffer_append(room_for_contents(cursor), contents);
    enter(cursor);
}
