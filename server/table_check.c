#include "server/table_check.h"

#include "engine/base/hash.h"
#include "engine/store/table_format.h"

#include <stdio.h>
#include <stdlib.h>

/* What a walk over one table remembers. */
struct walk {
    const struct stopped_store *stopped;
    const struct table_file *told;
    struct store_report *report;
    struct checked_table *checked;
    struct table_window window;
    struct buffer index, filter, contents, raw;
    struct block_cursor cursor;
    uint64_t filter_at; /* of what is in `filter`; UINT64_MAX: none */
    struct buffer first, last;
    uint64_t key_bytes, value_bytes;
    uint64_t expiring;
    uint64_t expiring_of[EXPIRY_STEPS_MAX]; /* of each step */
    bool complete;                          /* every block could be read */
};

struct table_file *table_check_open(const struct stopped_store *stopped,
                                    const struct file_entry *entry, struct table_context *context,
                                    const char **what, uint64_t *offset) {
    struct buffer bytes = {0};
    struct block_handle metadata;
    *offset = entry->size < TABLE_FOOTER_SIZE ? 0 : entry->size - TABLE_FOOTER_SIZE;
    *what = "the footer is damaged";
    struct table_file *file = NULL;
    bool read = entry->size >= TABLE_FOOTER_SIZE &&
                stopped_store_read(stopped, entry->file, *offset, TABLE_FOOTER_SIZE, &bytes);
    enum table_status status =
        read ? table_footer_decode(buffer_bytes(&bytes), entry->size, &metadata) : TABLE_CORRUPT;
    if (status == TABLE_OK) {
        *offset = metadata.offset;
        *what = "the index, the filter or the properties are damaged";
        buffer_clear(&bytes);
        file = table_file_create(entry->file.number);
        file->size = entry->size;
        file->tail_size = entry->size - metadata.offset;
        read = stopped_store_read(stopped, entry->file, metadata.offset, file->tail_size, &bytes);
        status = read ? table_file_open(file, buffer_bytes(&bytes), context) : TABLE_CORRUPT;
    }
    buffer_deinit(&bytes);
    if (status == TABLE_TOO_NEW)
        *what = "the table was written by a later version";
    if (status != TABLE_OK && file != NULL) {
        table_file_destroy(file);
        file = NULL;
    }
    return file;
}

static void note_lost(struct walk *walk, const struct block_handle *handle) {
    static const struct table_window EVERYTHING;
    struct checked_table *checked = walk->checked;
    checked->lost =
        realloc(checked->lost, (size_t)(checked->lost_count + 1) * sizeof *checked->lost);
    CHECK(checked->lost != NULL);
    struct lost_block *lost = &checked->lost[checked->lost_count++];
    *lost = (struct lost_block){.handle = *handle};
    struct bytes from, to;
    table_file_block_range(checked->file, handle->kind == BLOCK_DATA ? &walk->window : &EVERYTHING,
                           handle->offset, &from, &lost->after, &to);
    buffer_append(&lost->from, from);
    buffer_append(&lost->to, to);
}

/* The plain contents of a block; false when it is damaged, which has been reported then. */
static bool unpack(struct walk *walk, const struct block_handle *handle, const char *name,
                   struct buffer *to) {
    const struct table_file *file = walk->checked->file;
    buffer_clear(&walk->raw);
    buffer_clear(to);
    const char *what = "the %s block cannot be read";
    if (stopped_store_read(walk->stopped, table_file_id(file), handle->offset, handle->size,
                           &walk->raw) &&
        walk->raw.size == handle->size) {
        what = "the %s block fails its checksum, or is not the one that the index names";
        if (table_block_unpack(file->table, handle, buffer_bytes(&walk->raw), to) == TABLE_OK)
            return true;
    }
    walk->complete = false;
    if (walk->told == NULL || !table_file_lacks(walk->told, handle->offset)) {
        char text[160];
        snprintf(text, sizeof text, what, name);
        store_report_problem(walk->report, handle->offset, "%s", text);
        note_lost(walk, handle);
    }
    return false;
}

static bool filter_knows(struct walk *walk, struct bytes key) {
    struct block_handle handle;
    uint64_t hash = hash64(key);
    switch (table_may_contain(walk->checked->file->table, key, hash, &handle)) {
    case TABLE_FILTER_PASSES:
        return true;
    case TABLE_FILTER_EXCLUDES:
        return false;
    case TABLE_FILTER_FETCH:
        break;
    }
    if (walk->filter_at != handle.offset) {
        walk->filter_at = handle.offset;
        if (!unpack(walk, &handle, "filter", &walk->filter))
            buffer_clear(&walk->filter);
    }
    return walk->filter.size == 0 || table_filter_passes(buffer_bytes(&walk->filter), hash);
}

static void take_entry(struct walk *walk, uint32_t position, const struct block_handle *handle) {
    const struct block_cursor *cursor = &walk->cursor;
    struct checked_table *checked = walk->checked;
    uint32_t found_at = UINT32_MAX;
    struct block_handle found;
    bool ascends =
        checked->entries == 0 || bytes_compare(buffer_bytes(&walk->last), cursor->key) < 0;
    if (!ascends)
        store_report_problem(walk->report, handle->offset,
                             "a key of the block does not follow the keys before it");
    if (table_find_block(checked->file->table, &walk->window, cursor->key, &found_at, &found) !=
            TABLE_HAS_BLOCK ||
        found_at != position)
        store_report_problem(walk->report, handle->offset,
                             "the index does not lead to a key of the block");
    if (!filter_knows(walk, cursor->key))
        store_report_problem(walk->report, handle->offset,
                             "the filter does not know a key of the block");
    if (checked->entries == 0)
        buffer_append(&walk->first, cursor->key);
    buffer_clear(&walk->last);
    buffer_append(&walk->last, cursor->key);
    checked->entries++;
    checked->removed += cursor->removed;
    walk->key_bytes += cursor->key.size;
    walk->value_bytes += cursor->value.size;
}

static void count_expiry(struct walk *walk, const struct block_handle *handle) {
    const struct expiries *expiries = table_expiries(walk->checked->file->table);
    uint32_t step = expiries_find(expiries, walk->cursor.expires);
    walk->expiring++;
    if (step < expiries->count)
        walk->expiring_of[step]++;
    else
        store_report_problem(walk->report, handle->offset,
                             "an entry of the block expires later than the properties say");
}

static void check_block(struct walk *walk, uint32_t position, const struct block_handle *handle) {
    struct block_cursor *cursor = &walk->cursor;
    if (!unpack(walk, handle, "data", &walk->contents))
        return;
    bool sound = block_cursor_open(cursor, buffer_bytes(&walk->contents)) == TABLE_OK;
    if (sound)
        block_cursor_first(cursor);
    while (sound && cursor->valid) {
        take_entry(walk, position, handle);
        if (cursor->expires.milliseconds != 0)
            count_expiry(walk, handle);
        block_cursor_next(cursor);
    }
    if (!sound || cursor->corrupt)
        store_report_problem(walk->report, handle->offset, "the block breaks its own format");
    walk->checked->blocks++;
}

static void check_blocks(struct walk *walk) {
    const struct table *table = walk->checked->file->table;
    struct block_handle handle;
    for (uint32_t position = 0;;) {
        switch (table_block_at(table, &walk->window, position, &handle)) {
        case TABLE_NO_BLOCK:
            return;
        case TABLE_HAS_BLOCK:
            check_block(walk, position, &handle);
            position++;
            break;
        case TABLE_NEEDS_INDEX:
            if (unpack(walk, &handle, "index", &walk->index))
                table_window_set(&walk->window, table, &handle, buffer_bytes(&walk->index));
            else
                position = table_partition_end(table, &handle);
            break;
        }
    }
}

static void expect(struct walk *walk, uint64_t found, uint64_t told, const char *what) {
    if (found != told)
        store_report_problem(walk->report, walk->checked->file->size - TABLE_FOOTER_SIZE,
                             "the properties say %llu %s, there are %llu", (unsigned long long)told,
                             what, (unsigned long long)found);
}

static void check_properties(struct walk *walk) {
    const struct table_properties *properties = table_properties(walk->checked->file->table);
    expect(walk, walk->checked->entries, properties->entry_count, "entries");
    expect(walk, walk->checked->removed, properties->removed_count, "removed entries");
    expect(walk, walk->expiring, properties->expiring_count, "entries that expire");
    const struct expiries *expiries = table_expiries(walk->checked->file->table);
    for (uint32_t i = 0; i < expiries->count; i++)
        expect(walk, walk->expiring_of[i], expiries->steps[i].count,
               "entries that expire within a step");
    expect(walk, walk->checked->blocks, properties->block_count, "blocks");
    expect(walk, walk->key_bytes, properties->key_bytes, "bytes of keys");
    expect(walk, walk->value_bytes, properties->value_bytes, "bytes of values");
    if (properties->number != 0)
        expect(walk, walk->checked->file->number, properties->number, "as the file's number");
}

/* Entries and removed ranges together. */
static void find_bounds(struct walk *walk) {
    struct table_file *file = walk->checked->file;
    const struct removed_ranges *ranges = table_ranges(file->table);
    struct bytes smallest = buffer_bytes(&walk->first), largest = buffer_bytes(&walk->last);
    bool has_entries = walk->checked->entries > 0;
    if (ranges->count > 0) {
        struct bytes from = buffer_bytes(&ranges->items[0].from);
        struct bytes to = buffer_bytes(&ranges->items[ranges->count - 1].to);
        if (!has_entries || bytes_compare(from, smallest) < 0)
            smallest = from;
        if (!has_entries || bytes_compare(to, largest) > 0) {
            largest = to;
            file->largest_excluded = true;
        }
    }
    buffer_clear(&file->smallest);
    buffer_clear(&file->largest);
    buffer_append(&file->smallest, smallest);
    buffer_append(&file->largest, largest);
    file->range_count = ranges->count;
    file->entry_count = walk->checked->entries;
    file->removed_count = walk->checked->removed;
}

static void check_told(struct walk *walk) {
    const struct table_file *file = walk->checked->file, *told = walk->told;
    if (told == NULL)
        return;
    bool counts = file->entry_count == told->entry_count &&
                  file->removed_count == told->removed_count &&
                  file->range_count == told->range_count && file->tail_size == told->tail_size;
    bool bounds = bytes_equal(table_file_smallest(file), table_file_smallest(told)) &&
                  bytes_equal(table_file_largest(file), table_file_largest(told)) &&
                  file->largest_excluded == told->largest_excluded;
    if (!counts)
        store_report_problem(walk->report, 0, "the manifest counts other entries in it");
    if (!bounds)
        store_report_problem(walk->report, 0, "the manifest tells other smallest or largest keys");
}

void table_check(const struct stopped_store *stopped, const struct file_entry *entry,
                 const struct table_file *told, struct store_report *report,
                 struct checked_table *checked) {
    const char *what;
    uint64_t offset;
    *checked = (struct checked_table){.context.pinned_bytes_max = UINT64_MAX};
    checked->file = table_check_open(stopped, entry, &checked->context, &what, &offset);
    if (checked->file == NULL) {
        store_report_problem(report, offset, "%s", what);
        return;
    }
    struct walk walk = {.stopped = stopped,
                        .told = told,
                        .report = report,
                        .checked = checked,
                        .filter_at = UINT64_MAX,
                        .complete = true};
    uint64_t before = report->file_problems;
    if (told != NULL) {
        buffer_append(&checked->file->smallest, table_file_smallest(told));
        buffer_append(&checked->file->largest, table_file_largest(told));
    }
    check_blocks(&walk);
    if (walk.complete) {
        check_properties(&walk);
        find_bounds(&walk);
        check_told(&walk);
    }
    checked->problems = report->file_problems - before - checked->lost_count;
    buffer_deinit(&walk.index);
    buffer_deinit(&walk.filter);
    buffer_deinit(&walk.contents);
    buffer_deinit(&walk.raw);
    buffer_deinit(&walk.first);
    buffer_deinit(&walk.last);
    block_cursor_deinit(&walk.cursor);
}

void checked_table_deinit(struct checked_table *checked) {
    if (checked->file != NULL)
        table_file_destroy(checked->file);
    for (uint32_t i = 0; i < checked->lost_count; i++) {
        buffer_deinit(&checked->lost[i].from);
        buffer_deinit(&checked->lost[i].to);
    }
    free(checked->lost);
    block_codec_deinit(&checked->context.codec);
}
