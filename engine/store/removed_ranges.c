#include "engine/store/removed_ranges.h"

#include "engine/base/memory.h"

/* A bound may be the successor of the longest key, which is one byte longer. */
enum { RANGES_CAPACITY_MIN = 4, BOUND_SIZE_MAX = 65536 };

static struct bytes from_of(const struct removed_ranges *ranges, uint32_t at) {
    return buffer_bytes(&ranges->items[at].from);
}

static struct bytes to_of(const struct removed_ranges *ranges, uint32_t at) {
    return buffer_bytes(&ranges->items[at].to);
}

static uint64_t memory_of(const struct removed_range *range) {
    return sizeof *range + range->from.size + range->to.size;
}

static void drop(struct removed_ranges *ranges, uint32_t at) {
    ranges->bytes -= memory_of(&ranges->items[at]);
    buffer_deinit(&ranges->items[at].from);
    buffer_deinit(&ranges->items[at].to);
}

void removed_ranges_clear(struct removed_ranges *ranges) {
    for (uint32_t i = 0; i < ranges->count; i++)
        drop(ranges, i);
    ranges->count = 0;
}

void removed_ranges_deinit(struct removed_ranges *ranges) {
    removed_ranges_clear(ranges);
    memory_release(ranges->items);
    *ranges = (struct removed_ranges){0};
}

/* The first range that ends at `key` or behind it (`touching`), or only behind it. */
static uint32_t first_reaching(const struct removed_ranges *ranges, struct bytes key,
                               bool touching) {
    uint32_t low = 0;
    uint32_t high = ranges->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = bytes_compare(to_of(ranges, middle), key);
        if (order < 0 || (order == 0 && !touching))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void make_room(struct removed_ranges *ranges, uint32_t at) {
    if (ranges->count == ranges->capacity) {
        ranges->capacity = ranges->capacity == 0 ? RANGES_CAPACITY_MIN : ranges->capacity * 2;
        ranges->items = memory_resize(ranges->items, ranges->capacity * sizeof *ranges->items);
    }
    memmove(ranges->items + at + 1, ranges->items + at,
            (ranges->count - at) * sizeof *ranges->items);
    ranges->count++;
}

static void put(struct removed_ranges *ranges, uint32_t at, struct bytes from, struct bytes to) {
    make_room(ranges, at);
    struct removed_range *range = &ranges->items[at];
    *range = (struct removed_range){0};
    buffer_append(&range->from, from);
    buffer_append(&range->to, to);
    ranges->bytes += memory_of(range);
}

void removed_ranges_add(struct removed_ranges *ranges, struct bytes from, struct bytes to) {
    CHECK(bytes_compare(from, to) < 0);
    uint32_t first = first_reaching(ranges, from, true);
    uint32_t end = first;
    while (end < ranges->count && bytes_compare(from_of(ranges, end), to) <= 0)
        end++;
    /* The new range goes in front of those that it swallows, since its bounds may be theirs. */
    if (end > first && bytes_compare(from_of(ranges, first), from) < 0)
        from = from_of(ranges, first);
    if (end > first && bytes_compare(to_of(ranges, end - 1), to) > 0)
        to = to_of(ranges, end - 1);
    put(ranges, first, from, to);
    for (uint32_t i = first + 1; i <= end; i++)
        drop(ranges, i);
    memmove(ranges->items + first + 1, ranges->items + end + 1,
            (ranges->count - end - 1) * sizeof *ranges->items);
    ranges->count -= end - first;
}

const struct removed_range *removed_ranges_find_slow(const struct removed_ranges *ranges,
                                                     struct bytes key) {
    uint32_t at = first_reaching(ranges, key, false);
    bool covers = at < ranges->count && bytes_compare(from_of(ranges, at), key) <= 0;
    return covers ? &ranges->items[at] : NULL;
}

bool removed_ranges_cover(const struct removed_ranges *ranges, struct bytes from,
                          struct bytes last) {
    const struct removed_range *range = removed_ranges_find(ranges, from);
    return range != NULL && bytes_compare(buffer_bytes(&range->to), last) > 0;
}

void removed_ranges_split(struct removed_ranges *ranges, struct bytes at,
                          struct removed_ranges *front) {
    CHECK(front->count == 0);
    uint32_t whole = first_reaching(ranges, at, true);
    if (whole < ranges->count && bytes_equal(to_of(ranges, whole), at))
        whole++;
    for (uint32_t i = 0; i < whole; i++)
        put(front, i, from_of(ranges, i), to_of(ranges, i));
    struct removed_ranges behind = {0};
    for (uint32_t i = whole; i < ranges->count; i++) {
        bool cut = bytes_compare(from_of(ranges, i), at) < 0;
        if (cut)
            put(front, i, from_of(ranges, i), at);
        put(&behind, i - whole, cut ? at : from_of(ranges, i), to_of(ranges, i));
    }
    removed_ranges_deinit(ranges);
    *ranges = behind;
}

void removed_ranges_encode(const struct removed_ranges *ranges, struct buffer *to) {
    buffer_put_varint(to, ranges->count);
    for (uint32_t i = 0; i < ranges->count; i++) {
        buffer_put_bytes(to, from_of(ranges, i));
        buffer_put_bytes(to, to_of(ranges, i));
    }
}

bool removed_ranges_decode(struct reader *from, struct removed_ranges *ranges) {
    uint64_t count = reader_varint(from);
    for (uint64_t i = 0; i < count; i++) {
        struct bytes low = reader_bytes(from);
        struct bytes high = reader_bytes(from);
        bool ascends =
            ranges->count == 0 || bytes_compare(to_of(ranges, ranges->count - 1), low) < 0;
        if (from->failed || low.size == 0 || low.size > BOUND_SIZE_MAX ||
            high.size > BOUND_SIZE_MAX || !ascends || bytes_compare(low, high) >= 0)
            return false;
        put(ranges, ranges->count, low, high);
    }
    return !from->failed;
}

bool removed_ranges_prefix_end(struct bytes prefix, struct buffer *end) {
    size_t size = prefix.size;
    while (size > 0 && prefix.data[size - 1] == UINT8_MAX)
        size--;
    if (size == 0)
        return false;
    buffer_append(end, bytes_slice(prefix, 0, size));
    end->data[end->size - 1]++;
    return true;
}
