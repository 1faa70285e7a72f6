#include "engine/base/file.h"

#include "engine/base/text.h"

enum { NUMBER_DIGITS_MIN = 6, NUMBER_DIGITS_MAX = 20 };

static const char CHECKPOINT_PREFIX[] = "checkpoint-";
enum { CHECKPOINT_PREFIX_SIZE = sizeof CHECKPOINT_PREFIX - 1 };

static const char *extension_of(enum file_kind kind) {
    switch (kind) {
    case FILE_LOG:
        return ".log";
    case FILE_TABLE:
        return ".table";
    case FILE_MANIFEST:
        return ".manifest";
    case FILE_QUARANTINED:
        return ".quarantined";
    }
    CHECK_UNREACHABLE("a file has a known kind");
}

/* Writes at least six digits and returns how many. */
static size_t put_number(char *to, uint64_t number) {
    char digits[NUMBER_DIGITS_MAX];
    size_t from = sizeof digits;
    for (uint64_t rest = number; rest != 0 || sizeof digits - from < NUMBER_DIGITS_MIN; rest /= 10)
        digits[--from] = (char)('0' + rest % 10);
    memcpy(to, digits + from, sizeof digits - from);
    return sizeof digits - from;
}

/* How many digits the name begins with; 0 when they are no number. */
static size_t parse_number(const char *name, uint64_t *number) {
    size_t count = 0;
    while (count < NUMBER_DIGITS_MAX && name[count] >= '0' && name[count] <= '9')
        count++;
    return text_parse_u64(bytes_of(name, count), number) ? count : 0;
}

void file_base_name(struct file_id file, char name[FILE_NAME_SIZE]) {
    struct bytes extension = bytes_of_text(extension_of(file.kind));
    size_t count = put_number(name, file.number);
    memcpy(name + count, extension.data, extension.size);
    name[count + extension.size] = 0;
}

void checkpoint_name(uint32_t checkpoint, char name[CHECKPOINT_NAME_SIZE]) {
    CHECK(checkpoint != 0);
    memcpy(name, CHECKPOINT_PREFIX, CHECKPOINT_PREFIX_SIZE);
    size_t count = put_number(name + CHECKPOINT_PREFIX_SIZE, checkpoint);
    name[CHECKPOINT_PREFIX_SIZE + count] = 0;
}

void file_name(struct file_id file, char name[FILE_NAME_SIZE]) {
    char base[FILE_NAME_SIZE];
    file_base_name(file, base);
    size_t before = 0;
    if (file.checkpoint != 0) {
        checkpoint_name(file.checkpoint, name);
        before = strlen(name);
        name[before++] = '/';
    }
    size_t size = strlen(base) + 1;
    CHECK(before + size <= FILE_NAME_SIZE);
    memcpy(name + before, base, size);
}

static bool names_equal(const char *left, const char *right) {
    return bytes_equal(bytes_of_text(left), bytes_of_text(right));
}

bool checkpoint_parse(const char *name, uint32_t *checkpoint) {
    if (strlen(name) < CHECKPOINT_PREFIX_SIZE ||
        memcmp(name, CHECKPOINT_PREFIX, CHECKPOINT_PREFIX_SIZE) != 0)
        return false;
    uint64_t number;
    size_t digits = parse_number(name + CHECKPOINT_PREFIX_SIZE, &number);
    if (digits == 0 || number == 0 || number > UINT32_MAX)
        return false;
    /* One number has one name: needless leading zeros are refused by writing it back. */
    char again[CHECKPOINT_NAME_SIZE];
    checkpoint_name((uint32_t)number, again);
    if (!names_equal(name, again))
        return false;
    *checkpoint = (uint32_t)number;
    return true;
}

/* A name without a directory. */
static bool parse_base(const char *name, struct file_id *file) {
    static const enum file_kind KINDS[] = {FILE_LOG, FILE_TABLE, FILE_MANIFEST, FILE_QUARANTINED};
    if (parse_number(name, &file->number) == 0)
        return false;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        char again[FILE_NAME_SIZE];
        file->kind = KINDS[i];
        file_base_name(*file, again);
        if (names_equal(name, again))
            return true;
    }
    return false;
}

bool file_parse(const char *name, struct file_id *file) {
    struct file_id parsed = {0};
    const char *slash = memchr(name, '/', strlen(name));
    if (slash != NULL) {
        char directory[CHECKPOINT_NAME_SIZE];
        size_t size = (size_t)(slash - name);
        if (size >= sizeof directory)
            return false;
        memcpy(directory, name, size);
        directory[size] = 0;
        if (!checkpoint_parse(directory, &parsed.checkpoint))
            return false;
        name = slash + 1;
    }
    if (!parse_base(name, &parsed))
        return false;
    *file = parsed;
    return true;
}
