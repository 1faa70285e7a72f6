#include "harness/written_value.h"

#include "engine/base/hash.h"

enum { HEX_DIGITS = 8, LETTERS = 26 };

static uint32_t seal(uint32_t id, uint32_t key, size_t size) {
    return (uint32_t)hash_mix((uint64_t)id << 32 | key, size);
}

static void put_hex(uint8_t *to, uint32_t value) {
    for (int i = 0; i < HEX_DIGITS; i++)
        to[i] = (uint8_t) "0123456789abcdef"[value >> (28 - 4 * i) & 15];
}

static bool take_hex(const uint8_t *from, uint32_t *value) {
    *value = 0;
    for (int i = 0; i < HEX_DIGITS; i++) {
        uint8_t byte = from[i];
        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f'))
            return false;
        *value = *value << 4 | (uint32_t)(byte <= '9' ? byte - '0' : byte - 'a' + 10);
    }
    return true;
}

void written_value_encode(uint32_t id, uint32_t key, size_t size, struct buffer *to) {
    CHECK(size >= WRITTEN_VALUE_MIN);
    uint8_t *bytes = buffer_reserve(to, size);
    put_hex(bytes, id);
    put_hex(bytes + HEX_DIGITS, seal(id, key, size));
    uint32_t letter = id % LETTERS;
    for (size_t i = WRITTEN_VALUE_MIN; i < size; i++) {
        bytes[i] = (uint8_t)('a' + letter);
        letter = letter + 1 == LETTERS ? 0 : letter + 1;
    }
    to->size += size;
}

bool written_value_decode(struct bytes value, uint32_t key, uint32_t *id) {
    uint32_t sealed;
    if (value.size < WRITTEN_VALUE_MIN || !take_hex(value.data, id) ||
        !take_hex(value.data + HEX_DIGITS, &sealed) || sealed != seal(*id, key, value.size))
        return false;
    uint32_t letter = *id % LETTERS;
    for (size_t i = WRITTEN_VALUE_MIN; i < value.size; i++) {
        if (value.data[i] != 'a' + letter)
            return false;
        letter = letter + 1 == LETTERS ? 0 : letter + 1;
    }
    return true;
}
