#include "engine/base/file.h"

#include "engine/base/text.h"

enum { FILE_DIGITS_MIN = 6, FILE_DIGITS_MAX = 20 };

static const char *extension_of(enum file_kind kind) {
    switch (kind) {
    case FILE_LOG:
        return ".log";
    case FILE_TABLE:
        return ".table";
    case FILE_MANIFEST:
        return ".manifest";
    }
    CHECK_UNREACHABLE("a file has a known kind");
}

void file_name(struct file_id file, char name[FILE_NAME_SIZE]) {
    uint8_t digits[FILE_DIGITS_MAX];
    size_t from = sizeof digits;
    for (uint64_t rest = file.number; rest != 0 || sizeof digits - from < FILE_DIGITS_MIN;
         rest /= 10)
        digits[--from] = (uint8_t)('0' + rest % 10);
    struct bytes extension = bytes_of_text(extension_of(file.kind));
    size_t count = sizeof digits - from;
    CHECK(count + extension.size < FILE_NAME_SIZE);
    memcpy(name, digits + from, count);
    memcpy(name + count, extension.data, extension.size);
    name[count + extension.size] = 0;
}

bool file_parse(const char *name, struct file_id *file) {
    static const enum file_kind KINDS[] = {FILE_LOG, FILE_TABLE, FILE_MANIFEST};
    size_t count = 0;
    while (count < FILE_DIGITS_MAX && name[count] >= '0' && name[count] <= '9')
        count++;
    struct file_id parsed;
    if (!text_parse_u64(bytes_of(name, count), &parsed.number))
        return false;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        /* One number has one name: needless leading zeros are refused by writing it back. */
        char again[FILE_NAME_SIZE];
        parsed.kind = KINDS[i];
        file_name(parsed, again);
        if (bytes_equal(bytes_of_text(name), bytes_of_text(again))) {
            *file = parsed;
            return true;
        }
    }
    return false;
}
