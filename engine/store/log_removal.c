#include "engine/store/log_removal.h"

enum { IS_REMOVAL = 0x40, RESETS_PAGE = 0x80 };

void log_removal_encode(const struct log_removal *removal, struct buffer *to) {
    buffer_put_u8(to, (uint8_t)(IS_REMOVAL | (removal->resets ? RESETS_PAGE : 0)));
    if (removal->resets)
        buffer_put_u32(to, removal->page);
    buffer_put_bytes(to, removal->prefix);
}

bool log_removal_is_next(const struct reader *from) {
    return !from->failed && from->left > 0 && (*from->data & IS_REMOVAL) != 0;
}

bool log_removal_decode(struct reader *from, struct log_removal *removal) {
    uint8_t flags = reader_u8(from);
    if (from->failed || (flags & ~RESETS_PAGE) != IS_REMOVAL)
        return false;
    removal->resets = (flags & RESETS_PAGE) != 0;
    removal->page = removal->resets ? reader_u32(from) : 0;
    removal->prefix = reader_bytes(from);
    return !from->failed && removal->prefix.size > 0 && removal->prefix.size <= STORE_KEY_MAX &&
           removal->prefix.data[0] != 0;
}
