#include "engine/store/block_compression.h"

static const char *const NAMES[] = {
    [COMPRESSION_NONE] = "none", [COMPRESSION_LZ4] = "lz4", [COMPRESSION_ZSTD] = "zstd"};
enum { NAME_COUNT = sizeof NAMES / sizeof NAMES[0] };

const char *block_compression_name(enum block_compression compression) {
    return NAMES[compression];
}

static bool is_separator(uint8_t byte) {
    return byte == ',' || byte == ' ';
}

/* Cuts the next name off; empty at the end. */
static struct bytes take_name(struct bytes *text) {
    size_t from = 0;
    while (from < text->size && is_separator(text->data[from]))
        from++;
    size_t end = from;
    while (end < text->size && !is_separator(text->data[end]))
        end++;
    struct bytes name = bytes_slice(*text, from, end - from);
    *text = bytes_slice(*text, end, text->size - end);
    return name;
}

static bool find_name(struct bytes name, enum block_compression *compression) {
    for (uint32_t i = 0; i < NAME_COUNT; i++) {
        if (bytes_equal(name, bytes_of_text(NAMES[i]))) {
            *compression = (enum block_compression)i;
            return true;
        }
    }
    return false;
}

bool block_compression_parse_levels(struct bytes text, enum block_compression *levels,
                                    uint32_t level_count) {
    enum block_compression named = COMPRESSION_NONE;
    struct bytes rest = text;
    struct bytes name = take_name(&rest);
    if (name.size == 0)
        return false;
    for (uint32_t count = 0; name.size > 0; count++, name = take_name(&rest)) {
        if (count == level_count || !find_name(name, &named))
            return false;
    }
    for (uint32_t level = 0; level < level_count; level++) {
        name = take_name(&text);
        if (name.size > 0)
            (void)find_name(name, &named);
        levels[level] = named;
    }
    return true;
}
