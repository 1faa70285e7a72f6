#include "engine/node/gather.h"
#include "engine/base/memory.h"

struct gather *gather_create(void) {
    struct gather *gather = memory_allocate_zeroed(1, sizeof *gather);
    return gather;
}

static void free_parts(struct gather *gather) {
    memory_release(gather->parts);
    gather->parts = NULL;
    gather->part_capacity = 0;
}

void gather_destroy(struct gather *gather) {
    if (gather == NULL)
        return;
    buffer_deinit(&gather->reason);
    buffer_deinit(&gather->rest);
    buffer_deinit(&gather->values);
    free_parts(gather);
    memory_release(gather);
}

static struct buffer emptied(struct buffer *buffer) {
    if (buffer->capacity > GATHER_BUFFER_KEPT)
        buffer_deinit(buffer);
    buffer_clear(buffer);
    return *buffer;
}

void gather_reset(struct gather *gather) {
    if (gather->part_capacity > GATHER_PARTS_KEPT)
        free_parts(gather);
    *gather = (struct gather){
        .reason = emptied(&gather->reason),
        .rest = emptied(&gather->rest),
        .values = emptied(&gather->values),
        .parts = gather->parts,
        .part_capacity = gather->part_capacity,
    };
}

void gather_reserve_parts(struct gather *gather, uint32_t count) {
    if (count > gather->part_capacity) {
        free_parts(gather);
        gather->parts = memory_allocate_zeroed(count, sizeof *gather->parts);
        gather->part_capacity = count;
    }
    memset(gather->parts, 0, count * sizeof *gather->parts);
}
