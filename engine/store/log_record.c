#include "engine/store/log_record.h"

#include "engine/base/hash.h"

enum {
    CHECKSUM_AT = 0,
    LENGTH_AT = 4,
    SEQUENCE_AT = 8,
    SYNCED_AT = 16,
    COUNT_AT = 24,
    KIND_AT = 28,
    MAGIC_SIZE = 8,
    VERSION_AT = 8,
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

void record_file_header(struct file_id file, uint8_t header[RECORD_FILE_HEADER_SIZE]) {
    CHECK(file.kind == FILE_LOG || file.kind == FILE_MANIFEST);
    memset(header, 0, RECORD_FILE_HEADER_SIZE);
    memcpy(header, file.kind == FILE_LOG ? LOG_MAGIC : MANIFEST_MAGIC, MAGIC_SIZE);
    put_u32(header + VERSION_AT, RECORD_FORMAT_VERSION);
    put_u64(header + NUMBER_AT, file.number);
}

uint64_t record_file_identity(struct file_id file) {
    uint8_t header[RECORD_FILE_HEADER_SIZE];
    record_file_header(file, header);
    return hash64(bytes_of(header, sizeof header));
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
    /* Only a header that is sound but for its version is believed to be of a later format. Versions to come differ from this
     * one in more than one bit: one flipped bit is damage. */
    uint32_t version = load_u32(bytes.data + VERSION_AT);
    uint32_t flipped = version ^ RECORD_FORMAT_VERSION;
    bool is_one_bit = (flipped & (flipped - 1)) == 0;
    bool later = version > RECORD_FORMAT_VERSION && version <= UINT16_MAX && !is_one_bit &&
                 load_u64(bytes.data + NUMBER_AT) == file.number;
    return later ? RECORD_TOO_NEW : RECORD_BAD;
}

static uint32_t checksum_of(const uint8_t *frame, size_t size, uint64_t identity) {
    return (uint32_t)hash64_seeded(bytes_of(frame + LENGTH_AT, size - LENGTH_AT), identity);
}

void record_seal(uint8_t *frame, size_t size, const struct record *record, uint64_t identity) {
    CHECK(size >= RECORD_HEADER_SIZE && size - RECORD_HEADER_SIZE <= UINT32_MAX);
    CHECK(record->count > 0 && record->synced < record->sequence);
    memset(frame, 0, RECORD_HEADER_SIZE);
    put_u32(frame + LENGTH_AT, (uint32_t)(size - RECORD_HEADER_SIZE));
    put_u64(frame + SEQUENCE_AT, record->sequence);
    put_u64(frame + SYNCED_AT, record->synced);
    put_u32(frame + COUNT_AT, record->count);
    frame[KIND_AT] = (uint8_t)record->kind;
    put_u32(frame + CHECKSUM_AT, checksum_of(frame, size, identity));
}

/* What no record has, whatever its checksum: this makes the search for records behind a bad one
 * cheap. */
static bool header_is_plausible(const uint8_t *frame) {
    uint8_t kind = frame[KIND_AT];
    uint64_t sequence = load_u64(frame + SEQUENCE_AT);
    return kind >= RECORD_BATCHES && kind <= RECORD_EDIT && frame[KIND_AT + 1] == 0 &&
           frame[KIND_AT + 2] == 0 && frame[KIND_AT + 3] == 0 && load_u32(frame + COUNT_AT) != 0 &&
           load_u64(frame + SYNCED_AT) < sequence;
}

size_t record_skip(struct bytes bytes) {
    size_t at = 0;
    /* The kind and three zero bytes behind it, as one number: most offsets are dismissed by one look. */
    while (bytes.size - at >= RECORD_HEADER_SIZE &&
           load_u32(bytes.data + at + KIND_AT) - RECORD_BATCHES > RECORD_EDIT - RECORD_BATCHES)
        at++;
    return at;
}

enum record_status record_decode(struct bytes bytes, uint64_t identity, struct record *record,
                                 size_t *size) {
    *size = RECORD_HEADER_SIZE;
    if (bytes.size < RECORD_HEADER_SIZE)
        return RECORD_SHORT;
    if (!header_is_plausible(bytes.data))
        return RECORD_BAD;
    *size = RECORD_HEADER_SIZE + (size_t)load_u32(bytes.data + LENGTH_AT);
    if (bytes.size < *size)
        return RECORD_SHORT;
    if (load_u32(bytes.data + CHECKSUM_AT) != checksum_of(bytes.data, *size, identity))
        return RECORD_BAD;
    *record = (struct record){
        .kind = (enum record_kind)bytes.data[KIND_AT],
        .count = load_u32(bytes.data + COUNT_AT),
        .sequence = load_u64(bytes.data + SEQUENCE_AT),
        .synced = load_u64(bytes.data + SYNCED_AT),
        .payload = bytes_slice(bytes, RECORD_HEADER_SIZE, *size - RECORD_HEADER_SIZE),
    };
    return RECORD_OK;
}
