#include "engine/base/text.h"

enum { DECIMAL_DIGITS_MAX = 20 };

static const char HEX_DIGITS[] = "0123456789abcdef";

void text_append(struct buffer *to, const char *text) {
    buffer_append(to, bytes_of_text(text));
}

void text_append_u64(struct buffer *to, uint64_t value) {
    uint8_t digits[DECIMAL_DIGITS_MAX];
    size_t from = sizeof digits;
    do {
        digits[--from] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buffer_append(to, bytes_of(digits + from, sizeof digits - from));
}

void text_append_i64(struct buffer *to, int64_t value) {
    if (value < 0)
        text_append(to, "-");
    /* Negated as unsigned: the least number has no positive counterpart. */
    text_append_u64(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_append_hex64(struct buffer *to, uint64_t value) {
    uint8_t digits[16];
    for (size_t i = 0; i < sizeof digits; i++)
        digits[i] = (uint8_t)HEX_DIGITS[value >> (60 - 4 * i) & 15];
    buffer_append(to, bytes_of(digits, sizeof digits));
}

void text_append_quoted(struct buffer *to, struct bytes bytes, size_t limit) {
    size_t shown = bytes.size < limit ? bytes.size : limit;
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = bytes.data[i];
        if (byte >= ' ' && byte <= '~') {
            buffer_put_u8(to, byte);
        } else {
            uint8_t escape[4] = {'\\', 'x', (uint8_t)HEX_DIGITS[byte >> 4],
                                 (uint8_t)HEX_DIGITS[byte & 15]};
            buffer_append(to, bytes_of(escape, sizeof escape));
        }
    }
    if (shown < bytes.size)
        text_append(to, "...");
}

bool text_parse_u64(struct bytes text, uint64_t *value) {
    if (text.size == 0 || text.size > DECIMAL_DIGITS_MAX)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool text_parse_i64(struct bytes text, int64_t *value) {
    bool negative = text.size > 0 && text.data[0] == '-';
    uint64_t magnitude;
    if (!text_parse_u64(negative ? bytes_slice(text, 1, text.size - 1) : text, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool text_equal_ignoring_case(struct bytes left, const char *right) {
    for (size_t i = 0; i < left.size; i++) {
        if (right[i] == 0 || lower(left.data[i]) != lower((uint8_t)right[i]))
            return false;
    }
    return right[left.size] == 0;
}
