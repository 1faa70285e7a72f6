#include "engine/base/quantity.h"

#include "engine/base/text.h"

struct unit {
    const char *name;
    uint64_t worth;
};

/* Largest first, so that writing takes the first that divides. */
static const struct unit DURATION_UNITS[] = {
    {"h", 3600000000000u}, {"m", 60000000000u}, {"s", 1000000000u},
    {"ms", 1000000u},      {"us", 1000u},       {"ns", 1u},
};
static const struct unit SIZE_UNITS[] = {
    {"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"B", 1u}, {"", 1u},
};

enum { FRACTION_DIGITS_MAX = 9 };

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool find_unit(const struct unit *units, size_t count, struct bytes name, uint64_t *worth) {
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(bytes_of_text(units[i].name), name)) {
            *worth = units[i].worth;
            return true;
        }
    }
    return false;
}

static bool parse(struct bytes text, const struct unit *units, size_t count, uint64_t *value) {
    size_t at = 0;
    while (at < text.size && is_digit(text.data[at]))
        at++;
    uint64_t whole;
    if (at == 0 || !text_parse_u64(bytes_slice(text, 0, at), &whole))
        return false;
    uint64_t fraction = 0, scale = 1;
    if (at < text.size && text.data[at] == '.') {
        size_t digits_from = ++at;
        while (at < text.size && is_digit(text.data[at])) {
            fraction = fraction * 10 + (uint64_t)(text.data[at++] - '0');
            scale *= 10;
            if (at - digits_from > FRACTION_DIGITS_MAX)
                return false;
        }
        if (at == digits_from)
            return false;
    }
    struct bytes name = bytes_slice(text, at, text.size - at);
    uint64_t worth;
    if (!find_unit(units, count, name, &worth)) {
        *value = 0;
        return name.size == 0 && whole == 0 && fraction == 0;
    }
    uint64_t product, part;
    if (__builtin_mul_overflow(whole, worth, &product) ||
        __builtin_mul_overflow(fraction, worth, &part) || part % scale != 0)
        return false;
    return !__builtin_add_overflow(product, part / scale, value);
}

static void append(struct buffer *to, uint64_t value, const struct unit *units, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (value != 0 && value % units[i].worth == 0) {
            text_append_u64(to, value / units[i].worth);
            text_append(to, units[i].name);
            return;
        }
    }
    text_append(to, "0");
}

enum {
    DURATION_UNIT_COUNT = sizeof DURATION_UNITS / sizeof DURATION_UNITS[0],
    SIZE_UNIT_COUNT = sizeof SIZE_UNITS / sizeof SIZE_UNITS[0],
};

bool quantity_parse_duration(struct bytes text, struct duration *duration) {
    return parse(text, DURATION_UNITS, DURATION_UNIT_COUNT, &duration->nanoseconds);
}

bool quantity_parse_size(struct bytes text, uint64_t *bytes) {
    return parse(text, SIZE_UNITS, SIZE_UNIT_COUNT, bytes);
}

void quantity_append_duration(struct buffer *to, struct duration duration) {
    append(to, duration.nanoseconds, DURATION_UNITS, DURATION_UNIT_COUNT);
}

void quantity_append_size(struct buffer *to, uint64_t bytes) {
    append(to, bytes, SIZE_UNITS, SIZE_UNIT_COUNT);
}
