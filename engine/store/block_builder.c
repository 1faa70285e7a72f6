#include "engine/store/block_builder.h"

void block_builder_deinit(struct block_builder *builder) {
    buffer_deinit(&builder->contents);
    buffer_deinit(&builder->restarts);
    buffer_deinit(&builder->last_key);
    builder->entry_count = 0;
    builder->entries_since_restart = 0;
}

void block_builder_reset(struct block_builder *builder) {
    buffer_clear(&builder->contents);
    buffer_clear(&builder->restarts);
    buffer_clear(&builder->last_key);
    builder->entry_count = 0;
    builder->entries_since_restart = 0;
}

static size_t shared_size(struct bytes left, struct bytes right) {
    size_t shorter = left.size < right.size ? left.size : right.size;
    size_t shared = 0;
    while (shared < shorter && left.data[shared] == right.data[shared])
        shared++;
    return shared;
}

static bool restart_is_due(const struct block_builder *builder) {
    return builder->entry_count == 0 || builder->entries_since_restart == BLOCK_RESTART_INTERVAL ||
           builder->contents.size - builder->restart_at >= BLOCK_RESTART_BYTES;
}

/* `time` is what lies between key and value; a mark says how to read that. */
static void add(struct block_builder *builder, struct bytes key, struct bytes time,
                struct bytes value, bool marked) {
    struct bytes last = buffer_bytes(&builder->last_key);
    CHECK(builder->entry_count == 0 || bytes_compare(key, last) > 0);
    size_t shared = 0;
    if (restart_is_due(builder)) {
        builder->restart_at = (uint32_t)builder->contents.size;
        builder->entries_since_restart = 0;
        buffer_put_u32(&builder->restarts, builder->restart_at);
    } else {
        shared = shared_size(last, key);
    }
    struct bytes rest = bytes_slice(key, shared, key.size - shared);
    buffer_put_varint(&builder->contents, shared);
    buffer_put_varint(&builder->contents, rest.size);
    buffer_put_varint(&builder->contents,
                      (uint64_t)(time.size + value.size) << 1 | (marked ? 1 : 0));
    buffer_append(&builder->contents, rest);
    buffer_append(&builder->contents, time);
    buffer_append(&builder->contents, value);
    builder->last_key.size = shared;
    buffer_append(&builder->last_key, rest);
    builder->entry_count++;
    builder->entries_since_restart++;
    CHECK(block_builder_size(builder) <= BLOCK_CONTENTS_MAX);
}

void block_builder_add(struct block_builder *builder, struct bytes key, struct bytes value,
                       bool removed) {
    add(builder, key, (struct bytes){0}, value, removed);
}

void block_builder_add_expiring(struct block_builder *builder, struct bytes key, struct bytes value,
                                struct wall_time expires) {
    CHECK(expires.milliseconds != 0);
    add(builder, key, bytes_of(&expires.milliseconds, sizeof expires.milliseconds), value, true);
}

size_t block_builder_size(const struct block_builder *builder) {
    return builder->contents.size + builder->restarts.size + sizeof(uint32_t);
}

struct bytes block_builder_finish(struct block_builder *builder) {
    uint32_t restart_count = (uint32_t)(builder->restarts.size / sizeof(uint32_t));
    buffer_append(&builder->contents, buffer_bytes(&builder->restarts));
    buffer_put_u32(&builder->contents, restart_count);
    return buffer_bytes(&builder->contents);
}
