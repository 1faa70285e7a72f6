#include "engine/node/glob.h"

struct glob {
    struct bytes pattern;
    bool ignore_case;
};

static uint8_t folded(const struct glob *glob, uint8_t byte) {
    return glob->ignore_case && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

/* One element of a set: a byte, an escaped byte, or a range. Moves *at behind it. */
static bool set_element_holds(const struct glob *glob, size_t *at, uint8_t byte) {
    const uint8_t *data = glob->pattern.data;
    size_t size = glob->pattern.size;
    if (data[*at] == '\\' && *at + 1 < size)
        *at += 1;
    uint8_t low = folded(glob, data[(*at)++]);
    uint8_t high = low;
    if (*at + 1 < size && data[*at] == '-' && data[*at + 1] != ']') {
        high = folded(glob, data[*at + 1]);
        *at += 2;
    }
    if (low > high) {
        uint8_t swapped = low;
        low = high;
        high = swapped;
    }
    return byte >= low && byte <= high;
}

/* A set that begins at pattern[*at] == '['; one that is never closed ends with the pattern. */
static bool set_holds(const struct glob *glob, size_t *at, uint8_t byte) {
    *at += 1;
    bool negated = *at < glob->pattern.size && glob->pattern.data[*at] == '^';
    if (negated)
        *at += 1;
    bool holds = false;
    while (*at < glob->pattern.size && glob->pattern.data[*at] != ']') {
        if (set_element_holds(glob, at, byte))
            holds = true;
    }
    if (*at < glob->pattern.size)
        *at += 1;
    return holds != negated;
}

/* Matches one byte of text against what stands at pattern[*at], which is no star, and moves behind it. */
static bool one_matches(const struct glob *glob, size_t *at, uint8_t byte) {
    byte = folded(glob, byte);
    switch (glob->pattern.data[*at]) {
    case '?':
        *at += 1;
        return true;
    case '[':
        return set_holds(glob, at, byte);
    case '\\':
        if (*at + 1 < glob->pattern.size)
            *at += 1;
        break;
    default:
        break;
    }
    return folded(glob, glob->pattern.data[(*at)++]) == byte;
}

bool glob_matches(struct bytes pattern, struct bytes text, bool ignore_case) {
    if (pattern.size > GLOB_BYTES_MAX)
        return false;
    struct glob glob = {.pattern = pattern, .ignore_case = ignore_case};
    size_t at = 0;
    size_t text_at = 0;
    bool has_star = false;
    size_t behind_star = 0;
    size_t star_text = 0; /* the last star has swallowed the text up to here */
    while (text_at < text.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            has_star = true;
            behind_star = ++at;
            star_text = text_at;
        } else if (at < pattern.size && one_matches(&glob, &at, text.data[text_at])) {
            text_at += 1;
        } else if (has_star) {
            at = behind_star;
            text_at = ++star_text;
        } else {
            return false;
        }
    }
    while (at < pattern.size && pattern.data[at] == '*')
        at += 1;
    return at == pattern.size;
}
