#include "engine/store/log_record.h"

#include "engine/base/hash.h"

enum {
    CHECKED_AT = 4, /* what the checksum covers begins here */
    KIND_AT = 4,
    HEADER_CHECK_AT = 5,
    NUMBERS_AT = 6,
    KIND_BASE = 0xf8,
    KIND_COUNTED = 0x04,
    MAGIC_SIZE = 8,
    VERSION_AT = 8,
    HEADER_CHECKSUM_AT = 12,
    NUMBER_AT = 16,
};

static const char LOG_MAGIC[MAGIC_SIZE + 1] = "DUNLOG\r\n";
static const char MANIFEST_MAGIC[MAGIC_SIZE + 1] = "DUNMAN\r\n";

static void put_u32(uint8_t *to, uint32_t value) {
    memcpy(to, &value, sizeof value);
}

static void put_u64(uint8_t *to, uint64_t value) {
    memcpy(to, &value, sizeof value);
}

/* The header with its checksum left out. */
static void put_header(struct file_id file, uint8_t header[RECORD_FILE_HEADER_SIZE]) {
    CHECK(file.kind == FILE_LOG || file.kind == FILE_MANIFEST);
    memset(header, 0, RECORD_FILE_HEADER_SIZE);
    memcpy(header, file.kind == FILE_LOG ? LOG_MAGIC : MANIFEST_MAGIC, MAGIC_SIZE);
    put_u32(header + VERSION_AT, RECORD_FORMAT_VERSION);
    put_u64(header + NUMBER_AT, file.number);
}

uint64_t record_file_identity(struct file_id file) {
    uint8_t header[RECORD_FILE_HEADER_SIZE];
    put_header(file, header);
    return hash64(bytes_of(header, sizeof header));
}

void record_file_header(struct file_id file, uint8_t header[RECORD_FILE_HEADER_SIZE]) {
    put_header(file, header);
    put_u32(header + HEADER_CHECKSUM_AT,
            (uint32_t)hash64(bytes_of(header, RECORD_FILE_HEADER_SIZE)));
}

static bool header_is_sound(struct bytes bytes) {
    uint8_t header[RECORD_FILE_HEADER_SIZE];
    memcpy(header, bytes.data, sizeof header);
    put_u32(header + HEADER_CHECKSUM_AT, 0);
    return load_u32(bytes.data + HEADER_CHECKSUM_AT) ==
           (uint32_t)hash64(bytes_of(header, sizeof header));
}

enum record_status record_check_file_header(struct file_id file, struct bytes bytes) {
    if (bytes.size < RECORD_FILE_HEADER_SIZE)
        return RECORD_SHORT;
    uint8_t expected[RECORD_FILE_HEADER_SIZE];
    record_file_header(file, expected);
    if (memcmp(bytes.data, expected, sizeof expected) == 0)
        return RECORD_OK;
    if (memcmp(bytes.data, expected, MAGIC_SIZE) != 0)
        return RECORD_BAD;
    /* Magic, version, checksum and number stay where they are in every version to come: damage is told from a later format. */
    bool later = load_u32(bytes.data + VERSION_AT) > RECORD_FORMAT_VERSION &&
                 load_u64(bytes.data + NUMBER_AT) == file.number && header_is_sound(bytes);
    return later ? RECORD_TOO_NEW : RECORD_BAD;
}

static uint32_t checksum_of(const uint8_t *frame, size_t size, uint64_t identity) {
    return (uint32_t)hash64_seeded(bytes_of(frame + CHECKED_AT, size - CHECKED_AT), identity);
}

void record_begin(struct buffer *buffer) {
    buffer_clear(buffer);
    memset(buffer_reserve(buffer, RECORD_ROOM), 0, RECORD_ROOM);
    buffer->size = RECORD_ROOM;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value) {
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t check_of_header(const uint8_t *header, size_t size) {
    uint8_t check = header[KIND_AT];
    for (size_t i = NUMBERS_AT; i < size; i++)
        check ^= header[i];
    return check;
}

struct bytes record_end(struct buffer *buffer, const struct record *record, uint64_t identity) {
    CHECK(buffer->size >= RECORD_ROOM && buffer->size - RECORD_ROOM <= UINT32_MAX);
    CHECK(record->count > 0 && record->synced < record->sequence);
    size_t length = buffer->size - RECORD_ROOM;
    uint8_t header[RECORD_HEADER_MAX];
    bool counted = record->count > 1;
    header[KIND_AT] = (uint8_t)(KIND_BASE + record->kind + (counted ? KIND_COUNTED : 0));
    uint8_t *end = put_varint(header + NUMBERS_AT, length);
    end = put_varint(end, record->sequence);
    end = put_varint(end, record->sequence - 1 - record->synced);
    if (counted)
        end = put_varint(end, record->count);
    size_t size = (size_t)(end - header);
    header[HEADER_CHECK_AT] = check_of_header(header, size);
    uint8_t *frame = buffer->data + RECORD_ROOM - size;
    memcpy(frame + CHECKED_AT, header + CHECKED_AT, size - CHECKED_AT);
    put_u32(frame, checksum_of(frame, size + length, identity));
    return bytes_of(frame, size + length);
}

struct bytes record_add_file_header(struct buffer *buffer, struct bytes frame,
                                    struct file_id file) {
    size_t at = (size_t)(frame.data - buffer->data);
    CHECK(at >= RECORD_FILE_HEADER_SIZE && at + frame.size == buffer->size);
    uint8_t *whole = buffer->data + at - RECORD_FILE_HEADER_SIZE;
    record_file_header(file, whole);
    return bytes_of(whole, RECORD_FILE_HEADER_SIZE + frame.size);
}

static bool kind_is_known(uint8_t kind) {
    return (kind >= KIND_BASE + RECORD_BATCHES && kind <= KIND_BASE + RECORD_EDIT) ||
           kind == KIND_BASE + RECORD_BATCHES + KIND_COUNTED;
}

size_t record_skip(struct bytes bytes) {
    size_t at = 0;
    /* One byte dismisses most offsets: none of the kinds appears in text, nor in zeros. */
    while (bytes.size - at >= RECORD_HEADER_MIN && !kind_is_known(bytes.data[at + KIND_AT]))
        at++;
    return at;
}

/* Decodes the header at the beginning of `bytes`; `length` is the payload's, `size` its own. BAD: what no record has, whatever
 * its checksum; this makes the search for records behind a bad one cheap. */
static enum record_status decode_header(struct bytes bytes, struct record *record, uint32_t *length,
                                        size_t *size) {
    *size = RECORD_HEADER_MIN;
    if (bytes.size < RECORD_HEADER_MIN)
        return RECORD_SHORT;
    uint8_t kind = bytes.data[KIND_AT];
    if (!kind_is_known(kind))
        return RECORD_BAD;
    bool counted = kind == KIND_BASE + RECORD_BATCHES + KIND_COUNTED;
    record->kind = (enum record_kind)(kind - KIND_BASE - (counted ? KIND_COUNTED : 0));
    struct bytes header = bytes_slice(
        bytes, 0, bytes.size < RECORD_HEADER_MAX ? bytes.size : (size_t)RECORD_HEADER_MAX);
    struct reader reader = reader_of(bytes_slice(header, NUMBERS_AT, header.size - NUMBERS_AT));
    uint64_t long_length = reader_varint(&reader);
    record->sequence = reader_varint(&reader);
    uint64_t unsynced = reader_varint(&reader);
    uint64_t count = counted ? reader_varint(&reader) : 1;
    if (reader.failed) {
        /* The numbers may go on behind the bytes that are there. */
        bool may_go_on = reader.left == 0 && header.size < RECORD_HEADER_MAX;
        *size = header.size + 1;
        return may_go_on ? RECORD_SHORT : RECORD_BAD;
    }
    *size = header.size - reader.left;
    if (bytes.data[HEADER_CHECK_AT] != check_of_header(bytes.data, *size) ||
        long_length > UINT32_MAX || count > UINT32_MAX || (counted && count < 2) ||
        unsynced >= record->sequence)
        return RECORD_BAD;
    *length = (uint32_t)long_length;
    record->count = (uint32_t)count;
    record->synced = record->sequence - 1 - unsynced;
    return RECORD_OK;
}

enum record_status record_decode(struct bytes bytes, uint64_t identity, struct record *record,
                                 size_t *size) {
    struct record found;
    uint32_t length;
    size_t header;
    enum record_status status = decode_header(bytes, &found, &length, &header);
    *size = header;
    if (status != RECORD_OK)
        return status;
    *size = header + length;
    if (bytes.size < *size)
        return RECORD_SHORT;
    if (load_u32(bytes.data) != checksum_of(bytes.data, *size, identity))
        return RECORD_BAD;
    found.payload = bytes_slice(bytes, header, length);
    *record = found;
    return RECORD_OK;
}
