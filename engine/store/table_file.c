#include "engine/store/table_file.h"
#include "engine/base/memory.h"

struct table_file *table_file_create(uint64_t number) {
    struct table_file *file = memory_allocate_zeroed(1, sizeof *file);
    file->number = number;
    file->references = 1;
    file->wait = (struct disk_wait){.kind = WAIT_RECOVERY_TABLE, .owner = file};
    return file;
}

bool table_file_release(struct table_file *file) {
    CHECK(file->references > 0);
    return --file->references == 0;
}

bool table_file_lacks(const struct table_file *file, uint64_t offset) {
    for (uint32_t i = 0; i < file->lost_count; i++) {
        if (file->lost_blocks[i] == offset)
            return true;
    }
    return false;
}

void table_file_lose_block(struct table_file *file, uint64_t offset) {
    if (table_file_lacks(file, offset))
        return;
    if (file->lost_count == file->lost_capacity) {
        file->lost_capacity = file->lost_capacity == 0 ? 4 : file->lost_capacity * 2;
        file->lost_blocks =
            memory_resize(file->lost_blocks, file->lost_capacity * sizeof *file->lost_blocks);
    }
    file->lost_blocks[file->lost_count++] = offset;
}

void table_file_block_range(const struct table_file *file, const struct table_window *window,
                            uint64_t offset, struct bytes *from, bool *after, struct bytes *to) {
    struct bytes before, last;
    table_block_range(file->table, window, offset, &before, &last);
    /* Separators are shortened keys: they may lie outside of what the table holds. */
    *after = bytes_compare(before, table_file_smallest(file)) >= 0;
    *from = *after ? before : table_file_smallest(file);
    bool inside = bytes_compare(last, table_file_largest(file)) < 0;
    *to = inside ? last : table_file_largest(file);
}

void table_file_destroy(struct table_file *file) {
    memory_release(file->lost_blocks);
    if (file->table != NULL)
        table_close(file->table);
    buffer_deinit(&file->smallest);
    buffer_deinit(&file->largest);
    memory_release(file);
}

enum table_status table_file_open(struct table_file *file, struct bytes tail,
                                  struct table_context *context) {
    CHECK(file->table == NULL);
    if (tail.size != file->tail_size || tail.size < TABLE_FOOTER_SIZE || tail.size > file->size)
        return TABLE_CORRUPT;
    struct bytes footer = bytes_slice(tail, tail.size - TABLE_FOOTER_SIZE, TABLE_FOOTER_SIZE);
    struct block_handle metadata;
    enum table_status status = table_footer_decode(footer, file->size, &metadata);
    if (status != TABLE_OK)
        return status;
    /* The manifest and the footer must agree on where the metadata begins. */
    uint64_t tail_at = file->size - tail.size;
    if (metadata.offset != tail_at || metadata.size > tail.size)
        return TABLE_CORRUPT;
    file->table = table_open(footer, bytes_slice(tail, 0, (size_t)metadata.size), context, &status);
    /* A table tells the number of the file for which it was made. */
    if (status == TABLE_OK && table_properties(file->table)->number != 0 &&
        table_properties(file->table)->number != file->number)
        status = TABLE_CORRUPT;
    if (status == TABLE_OK)
        file->expiring_count = table_properties(file->table)->expiring_count;
    return status;
}

void table_list_add(struct table_list *list, struct table_file *file) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        list->items = memory_resize(list->items, list->capacity * sizeof(struct table_file *));
    }
    list->items[list->count++] = file;
}

void table_list_deinit(struct table_list *list) {
    memory_release(list->items);
    *list = (struct table_list){0};
}
