#include "engine/store/table_index.h"

void table_index_draft_deinit(struct table_index_draft *draft) {
    separators_draft_deinit(&draft->separators);
    buffer_deinit(&draft->offsets);
    buffer_deinit(&draft->checksums);
}

static bool take_entry(struct table_index_draft *draft, const struct block_cursor *cursor) {
    struct reader reader = reader_of(cursor->value);
    uint64_t offset = reader_varint(&reader);
    uint64_t size = reader_varint(&reader);
    uint32_t checksum = reader_u32(&reader);
    if (!reader_finished(&reader) || cursor->removed || cursor->expires.milliseconds != 0 ||
        offset != draft->end || size < BLOCK_TRAILER_SIZE ||
        size > BLOCK_CONTENTS_MAX + BLOCK_TRAILER_SIZE ||
        !separators_draft_add(&draft->separators, cursor->key))
        return false;
    buffer_put_u64(&draft->offsets, offset);
    buffer_put_u32(&draft->checksums, checksum);
    draft->end = offset + size;
    return true;
}

enum table_status table_index_draft_add(struct table_index_draft *draft, struct bytes contents,
                                        const struct table_index_limits *limits) {
    struct block_cursor cursor = {0};
    bool sound = block_cursor_open(&cursor, contents) == TABLE_OK;
    bool ends_well = limits->block_count == 0;
    uint32_t count = 0;
    draft->end = limits->from;
    if (sound)
        block_cursor_first(&cursor);
    while (sound && cursor.valid) {
        sound = count++ < limits->block_count && take_entry(draft, &cursor);
        ends_well = bytes_equal(cursor.key, limits->last);
        if (sound)
            block_cursor_next(&cursor);
    }
    sound = sound && !cursor.corrupt && ends_well && count == limits->block_count &&
            draft->end == limits->end;
    block_cursor_deinit(&cursor);
    return sound ? TABLE_OK : TABLE_CORRUPT;
}

void table_index_draft_pack(const struct table_index_draft *draft, struct buffer *flat) {
    buffer_reserve_exactly(flat, separators_packed_size(&draft->separators) + draft->offsets.size +
                                     sizeof draft->end + draft->checksums.size);
    separators_pack(&draft->separators, flat);
    buffer_append(flat, buffer_bytes(&draft->offsets));
    buffer_put_u64(flat, draft->end);
    buffer_append(flat, buffer_bytes(&draft->checksums));
}

enum table_status table_index_unfold(struct bytes contents, const struct table_index_limits *limits,
                                     struct buffer *flat) {
    struct table_index_draft draft = {0};
    enum table_status status = table_index_draft_add(&draft, contents, limits);
    if (status == TABLE_OK)
        table_index_draft_pack(&draft, flat);
    table_index_draft_deinit(&draft);
    return status;
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
