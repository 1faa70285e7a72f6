#include "engine/data/context.h"

#include "engine/base/hash.h"

enum {
    CONTEXT_VERSION = 1,
    CONTEXT_CHECKSUM_SIZE = 4,
    /* version, count, then actor and counter at their longest, checksum */
    CONTEXT_BYTES_MAX = 1 + 2 + VECTOR_ENTRIES_MAX * (8 + 10) + CONTEXT_CHECKSUM_SIZE,
};
_Static_assert((CONTEXT_BYTES_MAX + 2) / 3 * 4 <= CONTEXT_TEXT_MAX, "the longest token fits");

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a base64url digit, or 64. */
static uint8_t digit_value(uint8_t digit) {
    if (digit >= 'A' && digit <= 'Z')
        return (uint8_t)(digit - 'A');
    if (digit >= 'a' && digit <= 'z')
        return (uint8_t)(digit - 'a' + 26);
    if (digit >= '0' && digit <= '9')
        return (uint8_t)(digit - '0' + 52);
    if (digit == '-')
        return 62;
    return digit == '_' ? 63 : 64;
}

static void encode_text(struct bytes raw, struct buffer *text) {
    uint8_t *to = buffer_reserve(text, (raw.size + 2) / 3 * 4);
    size_t written = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < raw.size; i++) {
        bits = bits << 8 | raw.data[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            to[written++] = (uint8_t)DIGITS[bits >> (bit_count - 6) & 63];
    }
    if (bit_count > 0)
        to[written++] = (uint8_t)DIGITS[bits << (6 - bit_count) & 63];
    text->size += written;
}

/* Without padding; the unused bits of the last digit must be zero, so that one token has one text.
 */
static bool decode_text(struct bytes text, uint8_t raw[CONTEXT_BYTES_MAX], size_t *size) {
    if (text.size % 4 == 1 || text.size / 4 * 3 + text.size % 4 * 3 / 4 > CONTEXT_BYTES_MAX)
        return false;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t written = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t value = digit_value(text.data[i]);
        if (value == 64)
            return false;
        bits = bits << 6 | value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            raw[written++] = (uint8_t)(bits >> bit_count);
        }
    }
    *size = written;
    return (bits & ((1u << bit_count) - 1)) == 0;
}

static uint32_t checksum_of(struct bytes body, struct bytes key) {
    return (uint32_t)hash64_seeded(body, hash64(key));
}

void context_encode(const struct version_vector *vector, struct bytes key, struct buffer *text) {
    if (vector->count == 0)
        return;
    /* The raw bytes are written behind the text and taken back from there: no memory of their own.
     */
    size_t start = text->size;
    buffer_put_u8(text, CONTEXT_VERSION);
    vector_encode(vector, text);
    buffer_put_u32(text, checksum_of(bytes_of(text->data + start, text->size - start), key));
    uint8_t raw[CONTEXT_BYTES_MAX];
    size_t size = text->size - start;
    CHECK(size <= sizeof raw);
    memcpy(raw, text->data + start, size);
    text->size = start;
    encode_text(bytes_of(raw, size), text);
}

bool context_decode(struct bytes text, struct bytes key, struct version_vector *vector) {
    vector->count = 0;
    if (text.size == 0)
        return true;
    uint8_t raw[CONTEXT_BYTES_MAX];
    size_t size;
    if (!decode_text(text, raw, &size) || size < 1 + CONTEXT_CHECKSUM_SIZE)
        return false;
    struct bytes body = bytes_of(raw, size - CONTEXT_CHECKSUM_SIZE);
    if (load_u32(raw + body.size) != checksum_of(body, key))
        return false;
    struct reader reader = reader_of(body);
    bool version_known = reader_u8(&reader) == CONTEXT_VERSION;
    if (version_known && vector_decode(&reader, vector) && reader_finished(&reader) &&
        vector->count > 0)
        return true;
    vector->count = 0;
    return false;
}
