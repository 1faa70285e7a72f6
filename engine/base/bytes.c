#include "engine/base/bytes.h"
#include "engine/base/memory.h"

enum { BUFFER_CAPACITY_MIN = 64, VARINT_BYTES_MAX = 10 };

int bytes_compare(struct bytes left, struct bytes right) {
    size_t shorter = left.size < right.size ? left.size : right.size;
    int order = shorter == 0 ? 0 : memcmp(left.data, right.data, shorter);
    if (order != 0)
        return order;
    return (left.size > right.size) - (left.size < right.size);
}

bool bytes_start_with(struct bytes bytes, struct bytes prefix) {
    return bytes.size >= prefix.size &&
           (prefix.size == 0 || memcmp(bytes.data, prefix.data, prefix.size) == 0);
}

void buffer_deinit(struct buffer *buffer) {
    memory_release(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_grow(struct buffer *buffer, size_t more) {
    CHECK(buffer->size <= buffer->capacity && more <= SIZE_MAX / 4);
    size_t capacity =
        buffer->capacity < BUFFER_CAPACITY_MIN ? BUFFER_CAPACITY_MIN : buffer->capacity;
    while (capacity - buffer->size < more)
        capacity *= 2;
    buffer->data = memory_resize(buffer->data, capacity);
    buffer->capacity = capacity;
}

uint8_t *buffer_reserve_exactly(struct buffer *buffer, size_t size) {
    if (buffer->data != NULL || size == 0)
        return buffer_reserve(buffer, size);
    buffer->data = memory_allocate(size);
    buffer->capacity = size;
    return buffer->data;
}

void buffer_consume(struct buffer *buffer, size_t size) {
    CHECK(size <= buffer->size);
    buffer->size -= size;
    if (buffer->size > 0 && size > 0)
        memmove(buffer->data, buffer->data + size, buffer->size);
}

void buffer_put_varint(struct buffer *buffer, uint64_t value) {
    uint8_t *to = buffer_reserve(buffer, VARINT_BYTES_MAX);
    size_t size = 0;
    while (value >= 0x80) {
        to[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[size++] = (uint8_t)value;
    buffer->size += size;
}

void buffer_put_bytes(struct buffer *buffer, struct bytes bytes) {
    buffer_put_varint(buffer, bytes.size);
    buffer_append(buffer, bytes);
}

static void reader_copy(struct reader *reader, void *to, size_t size) {
    struct bytes taken = reader_take(reader, size);
    if (taken.size == size)
        memcpy(to, taken.data, size);
}

uint16_t reader_u16(struct reader *reader) {
    uint16_t value = 0;
    reader_copy(reader, &value, sizeof value);
    return value;
}

uint32_t reader_u32(struct reader *reader) {
    uint32_t value = 0;
    reader_copy(reader, &value, sizeof value);
    return value;
}

uint64_t reader_u64(struct reader *reader) {
    uint64_t value = 0;
    reader_copy(reader, &value, sizeof value);
    return value;
}

uint64_t reader_varint_long(struct reader *reader) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = reader_u8(reader);
        if (reader->failed)
            return 0;
        bool overflows = shift == 63 && byte > 1;
        bool needless = shift > 0 && byte == 0;
        if (overflows || needless)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

struct bytes reader_bytes(struct reader *reader) {
    uint64_t size = reader_varint(reader);
    if (size > reader->left) {
        reader->failed = true;
        return (struct bytes){0};
    }
    return reader_take(reader, (size_t)size);
}
