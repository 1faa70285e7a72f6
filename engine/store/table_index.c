#include "engine/store/table_index.h"

/* The parts as they grow, entry by entry. */
struct unfolding {
    struct separators_draft separators;
    struct buffer offsets;
    struct buffer checksums;
    uint64_t end; /* of the last block */
    uint32_t count;
};

static void unfolding_deinit(struct unfolding *unfolding) {
    separators_draft_deinit(&unfolding->separators);
    buffer_deinit(&unfolding->offsets);
    buffer_deinit(&unfolding->checksums);
}

static bool take_entry(struct unfolding *unfolding, const struct block_cursor *cursor) {
    struct reader reader = reader_of(cursor->value);
    uint64_t offset = reader_varint(&reader);
    uint64_t size = reader_varint(&reader);
    uint32_t checksum = reader_u32(&reader);
    if (!reader_finished(&reader) || cursor->removed || offset != unfolding->end ||
        size < BLOCK_TRAILER_SIZE || size > BLOCK_CONTENTS_MAX + BLOCK_TRAILER_SIZE ||
        !separators_draft_add(&unfolding->separators, cursor->key))
        return false;
    buffer_put_u64(&unfolding->offsets, offset);
    buffer_put_u32(&unfolding->checksums, checksum);
    unfolding->end = offset + size;
    unfolding->count++;
    return true;
}

static bool take_entries(struct unfolding *unfolding, struct bytes contents,
                         const struct table_index_limits *limits) {
    struct block_cursor cursor = {0};
    bool sound = block_cursor_open(&cursor, contents) == TABLE_OK;
    bool ends_well = limits->block_count == 0;
    if (sound)
        block_cursor_first(&cursor);
    while (sound && cursor.valid) {
        sound = unfolding->count < limits->block_count && take_entry(unfolding, &cursor);
        ends_well = bytes_equal(cursor.key, limits->last);
        if (sound)
            block_cursor_next(&cursor);
    }
    sound = sound && !cursor.corrupt && ends_well;
    block_cursor_deinit(&cursor);
    return sound && unfolding->count == limits->block_count && unfolding->end == limits->end;
}

enum table_status table_index_unfold(struct bytes contents, const struct table_index_limits *limits,
                                     struct buffer *flat) {
    struct unfolding unfolding = {.end = limits->from};
    bool sound = take_entries(&unfolding, contents, limits);
    if (sound) {
        buffer_reserve_exactly(flat, separators_packed_size(&unfolding.separators) +
                                         unfolding.offsets.size + sizeof unfolding.end +
                                         unfolding.checksums.size);
        separators_pack(&unfolding.separators, flat);
        buffer_append(flat, buffer_bytes(&unfolding.offsets));
        buffer_put_u64(flat, unfolding.end);
        buffer_append(flat, buffer_bytes(&unfolding.checksums));
    }
    unfolding_deinit(&unfolding);
    return sound ? TABLE_OK : TABLE_CORRUPT;
}

struct table_index table_index_view(struct bytes flat) {
    struct table_index index;
    struct bytes rest = separators_view(&index.separators, flat);
    size_t offsets_size = (index.separators.count + (size_t)1) * sizeof(uint64_t);
    CHECK(rest.size == offsets_size + index.separators.count * sizeof(uint32_t));
    index.offsets = (const uint64_t *)(const void *)rest.data;
    index.checksums = (const uint32_t *)(const void *)(rest.data + offsets_size);
    return index;
}

struct block_handle table_index_handle(const struct table_index *index, uint32_t position) {
    CHECK(position < index->separators.count);
    return (struct block_handle){
        .offset = index->offsets[position],
        .size = index->offsets[position + 1] - index->offsets[position],
        .checksum = index->checksums[position],
        .kind = BLOCK_DATA,
    };
}
