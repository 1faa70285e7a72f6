/* bytes: a borrowed run of bytes, and a buffer that owns one.
 *
 *     struct bytes key = bytes_of_text("cart:17");
 *     struct buffer out = {0};
 *     buffer_append(&out, key);
 *     buffer_put_u32(&out, 42);            // little-endian
 *     struct reader in = reader_of(buffer_bytes(&out));
 *
 * Who owns what is in the type: `struct bytes` never frees; `struct buffer` is freed by
 * buffer_deinit().
 */
#ifndef DUNLIN_BASE_BYTES_H
#define DUNLIN_BASE_BYTES_H

#include "engine/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* may be null when size is 0 */
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size) {
    return (struct bytes){.data = (const uint8_t *)data, .size = size};
}

/* The text's bytes without its terminating zero. */
static inline struct bytes bytes_of_text(const char *text) {
    return bytes_of(text, strlen(text));
}

static inline struct bytes bytes_slice(struct bytes bytes, size_t from, size_t size) {
    CHECK(from <= bytes.size && size <= bytes.size - from);
    return bytes_of(from == 0 ? bytes.data : bytes.data + from, size);
}

static inline bool bytes_equal(struct bytes left, struct bytes right) {
    return left.size == right.size &&
           (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

/* Lexicographic by unsigned byte; a prefix sorts first. Returns < 0, 0 or > 0. */
int bytes_compare(struct bytes left, struct bytes right);

bool bytes_start_with(struct bytes bytes, struct bytes prefix);

/* A growable run of bytes. The zero value is an empty buffer. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void buffer_deinit(struct buffer *buffer);
/* The slow path of buffer_reserve(). */
void buffer_grow(struct buffer *buffer, size_t more);
/* Makes room for `more` bytes after the present size and returns where they begin; the size is the
 * caller's to raise. */
static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t more) {
    if (buffer->data == NULL || more > buffer->capacity - buffer->size)
        buffer_grow(buffer, more);
    return buffer->data + buffer->size;
}
/* The same for bytes that are kept for long: an empty buffer that has no memory yet gets no more than this. */
uint8_t *buffer_reserve_exactly(struct buffer *buffer, size_t size);
static inline void buffer_append(struct buffer *buffer, struct bytes bytes) {
    if (bytes.size == 0)
        return;
    memcpy(buffer_reserve(buffer, bytes.size), bytes.data, bytes.size);
    buffer->size += bytes.size;
}
/* Drops the first `size` bytes, keeping the rest. */
void buffer_consume(struct buffer *buffer, size_t size);

static inline void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
}

static inline struct bytes buffer_bytes(const struct buffer *buffer) {
    return bytes_of(buffer->data, buffer->size);
}

/* Fixed-width numbers are little-endian. A varint is LEB128: seven bits a byte, low first, 1 to 10
 * bytes, as few as the number needs. */
static inline void buffer_put_u8(struct buffer *buffer, uint8_t value) {
    *buffer_reserve(buffer, 1) = value;
    buffer->size += 1;
}
static inline void buffer_put_u16(struct buffer *buffer, uint16_t value) {
    buffer_append(buffer, bytes_of(&value, sizeof value));
}
static inline void buffer_put_u32(struct buffer *buffer, uint32_t value) {
    buffer_append(buffer, bytes_of(&value, sizeof value));
}
static inline void buffer_put_u64(struct buffer *buffer, uint64_t value) {
    buffer_append(buffer, bytes_of(&value, sizeof value));
}
void buffer_put_varint(struct buffer *buffer, uint64_t value);
/* Length as varint, then the bytes. */
void buffer_put_bytes(struct buffer *buffer, struct bytes bytes);

/* A cursor over bytes from outside. Reading past the end or a malformed varint (too long for 64
 * bits, or longer than it need be: one number has one encoding) sets `failed`, and from then on
 * every read returns zero; look at `failed` once, at the end. */
struct reader {
    const uint8_t *data;
    size_t left;
    bool failed;
};

static inline struct reader reader_of(struct bytes bytes) {
    return (struct reader){.data = bytes.data, .left = bytes.size};
}

/* Exactly `size` bytes, borrowed. */
static inline struct bytes reader_take(struct reader *reader, size_t size) {
    if (reader->failed || size > reader->left) {
        reader->failed = true;
        return (struct bytes){0};
    }
    struct bytes taken = bytes_of(reader->data, size);
    if (size > 0) {
        reader->data += size;
        reader->left -= size;
    }
    return taken;
}
static inline uint8_t reader_u8(struct reader *reader) {
    struct bytes taken = reader_take(reader, 1);
    return taken.size == 1 ? taken.data[0] : 0;
}
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
/* The slow path of reader_varint(): two bytes and more, and every failure. */
uint64_t reader_varint_long(struct reader *reader);
static inline uint64_t reader_varint(struct reader *reader) {
    if (!reader->failed && reader->left > 0 && *reader->data < 0x80)
        return reader_u8(reader);
    return reader_varint_long(reader);
}
/* Bytes behind a varint length, borrowed from the reader's source. */
struct bytes reader_bytes(struct reader *reader);

/* True when everything was read and nothing failed. */
static inline bool reader_finished(const struct reader *reader) {
    return !reader->failed && reader->left == 0;
}

/* Fixed-width loads and stores at any alignment. */
static inline uint64_t load_u64(const uint8_t *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline uint32_t load_u32(const uint8_t *from) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "formats are written for little-endian hosts");

#endif
