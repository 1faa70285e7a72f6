/* Records and the reader that walks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/store/log_batch.h"
#include "engine/store/log_reader.h"
#include "engine/store/log_removal.h"

static const struct file_id FILE_A = {.kind = FILE_LOG, .number = 7};

static void append_record(struct buffer *to, struct file_id file, uint64_t sequence,
                          const char *payload) {
    struct buffer frame = {0};
    record_begin(&frame);
    buffer_append(&frame, bytes_of_text(payload));
    struct record record = {
        .kind = RECORD_BATCHES, .count = 1, .sequence = sequence, .synced = sequence - 1};
    buffer_append(to, record_end(&frame, &record, record_file_identity(file)));
    buffer_deinit(&frame);
}

static void make_log(struct buffer *log, uint64_t records) {
    uint8_t header[RECORD_FILE_HEADER_SIZE];
    record_file_header(FILE_A, header);
    buffer_append(log, bytes_of(header, sizeof header));
    for (uint64_t i = 1; i <= records; i++)
        append_record(log, FILE_A, i, "some payload");
}

/* Reads the log in chunks of at most `chunk` bytes; returns how it ended. */
static enum log_reader_result walk(struct bytes log, size_t chunk, uint64_t *records,
                                   struct log_reader *reader) {
    struct record record;
    *records = 0;
    log_reader_open(reader, FILE_A, log.size);
    for (;;) {
        enum log_reader_result result = log_reader_next(reader, &record);
        if (result == LOG_READER_RECORD) {
            assert_int_equal(record.sequence, ++*records);
            continue;
        }
        if (result != LOG_READER_MORE)
            return result;
        uint64_t offset;
        uint64_t size = log_reader_wants(reader, &offset);
        /* A smaller piece than wanted would mean the end of the file, so the size is stretched. */
        uint64_t whole = reader->size;
        reader->size = offset + (size < chunk ? size : chunk);
        log_reader_feed(reader, bytes_slice(log, (size_t)offset, (size_t)(reader->size - offset)));
        reader->size = whole;
    }
}

static void records_come_out_as_they_went_in_however_they_are_cut(void **state) {
    (void)state;
    struct buffer log = {0};
    struct log_reader reader = {0};
    uint64_t records;
    make_log(&log, 5);
    for (size_t chunk = 1; chunk <= log.size; chunk++) {
        assert_int_equal(walk(buffer_bytes(&log), chunk, &records, &reader), LOG_READER_END);
        assert_int_equal(records, 5);
    }
    log_reader_close(&reader);
    buffer_deinit(&log);
}

static void a_truncated_log_ends_behind_its_last_whole_record(void **state) {
    (void)state;
    struct buffer log = {0};
    struct log_reader reader = {0};
    uint64_t records;
    make_log(&log, 3);
    size_t record_size = (log.size - RECORD_FILE_HEADER_SIZE) / 3;
    for (size_t size = 0; size < log.size; size++) {
        struct bytes cut = bytes_slice(buffer_bytes(&log), 0, size);
        bool whole =
            size >= RECORD_FILE_HEADER_SIZE && (size - RECORD_FILE_HEADER_SIZE) % record_size == 0;
        assert_int_equal(walk(cut, size + 1, &records, &reader),
                         whole ? LOG_READER_END : LOG_READER_BAD);
        assert_int_equal(records, size < RECORD_FILE_HEADER_SIZE
                                      ? 0
                                      : (size - RECORD_FILE_HEADER_SIZE) / record_size);
    }
    log_reader_close(&reader);
    buffer_deinit(&log);
}

static void a_flipped_bit_ends_the_log_there_and_the_search_finds_what_follows(void **state) {
    (void)state;
    struct buffer log = {0};
    struct log_reader reader = {0};
    uint64_t records;
    make_log(&log, 3);
    size_t record_size = (log.size - RECORD_FILE_HEADER_SIZE) / 3;
    for (size_t bit = 0; bit < 8 * record_size; bit++) {
        size_t at = RECORD_FILE_HEADER_SIZE + record_size + bit / 8;
        log.data[at] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(walk(buffer_bytes(&log), log.size, &records, &reader), LOG_READER_BAD);
        assert_int_equal(records, 1);
        struct record record;
        assert_int_equal(log_reader_search(&reader, &record), LOG_READER_RECORD);
        assert_int_equal(record.sequence, 3);
        assert_int_equal(record.synced, 2);
        assert_int_equal(log_reader_search(&reader, &record), LOG_READER_END);
        log.data[at] ^= (uint8_t)(1u << bit % 8);
    }
    log_reader_close(&reader);
    buffer_deinit(&log);
}

/* Seals a record of this payload size, and decodes it from every cut. */
static void check_header(struct record record, size_t payload, struct bytes expected) {
    uint64_t identity = record_file_identity(FILE_A);
    struct buffer frame = {0};
    record_begin(&frame);
    memset(buffer_reserve(&frame, payload), 0xf9, payload);
    frame.size += payload;
    struct bytes sealed = record_end(&frame, &record, identity);
    assert_int_equal(sealed.size - payload, 4 + expected.size);
    assert_memory_equal(sealed.data + 4, expected.data, expected.size);
    for (size_t cut = 0; cut <= sealed.size; cut++) {
        struct record again;
        size_t size;
        enum record_status status =
            record_decode(bytes_slice(sealed, 0, cut), identity, &again, &size);
        assert_int_equal(status, cut == sealed.size ? RECORD_OK : RECORD_SHORT);
        assert_true(size > cut || cut == sealed.size);
        assert_true(size <= sealed.size);
        if (status != RECORD_OK)
            continue;
        assert_true(again.sequence == record.sequence && again.synced == record.synced);
        assert_true(again.count == record.count && again.kind == record.kind);
        assert_int_equal(again.payload.size, payload);
    }
    buffer_deinit(&frame);
}

static void a_header_is_as_long_as_its_numbers_need(void **state) {
    (void)state;
    static const uint8_t SHORTEST[] = {0xf9, 0xf8, 0, 1, 0};
    static const uint8_t COUNTED[] = {0xfd, 0x57, 2, 0xac, 2, 4, 2};
    static const uint8_t EDIT[] = {0xfb, 0x7f, 0x80, 1, 5, 0};
    static const uint8_t LONGEST[] = {0xfd, 0xf3, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 1, 0xff, 0xff, 0xff, 0xff, 0xf};
    check_header((struct record){RECORD_BATCHES, 1, 1, 0, {0}}, 0,
                 bytes_of(SHORTEST, sizeof SHORTEST));
    check_header((struct record){RECORD_BATCHES, 2, 300, 295, {0}}, 2,
                 bytes_of(COUNTED, sizeof COUNTED));
    check_header((struct record){RECORD_EDIT, 1, 5, 4, {0}}, 128, bytes_of(EDIT, sizeof EDIT));
    check_header((struct record){RECORD_BATCHES, UINT32_MAX, UINT64_MAX, 0, {0}}, 0,
                 bytes_of(LONGEST, sizeof LONGEST));
}

/* A write of many values that are full of what records begin with. */
static void
a_search_passes_what_looks_like_records_without_reading_it_again_and_again(void **state) {
    (void)state;
    enum { SIZE = 1 << 20 };
    struct buffer log = {0};
    make_log(&log, 1);
    size_t at = log.size;
    uint8_t *noise = buffer_reserve(&log, SIZE);
    log.size += SIZE;
    uint64_t word = 1;
    for (size_t i = 0; i < SIZE; i++) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        noise[i] = (uint8_t)(word >> 56);
    }
    append_record(&log, FILE_A, 5, "found again");
    struct log_reader reader = {0};
    struct record record;
    log_reader_open(&reader, FILE_A, log.size);
    log_reader_go_to(&reader, at);
    enum log_reader_result result;
    while ((result = log_reader_search(&reader, &record)) == LOG_READER_MORE) {
        uint64_t offset;
        uint64_t size = log_reader_wants(&reader, &offset);
        log_reader_feed(&reader, bytes_slice(buffer_bytes(&log), (size_t)offset, (size_t)size));
    }
    assert_int_equal(result, LOG_READER_RECORD);
    assert_int_equal(record.sequence, 5);
    assert_true(reader.searched < 16 * SIZE);
    log_reader_close(&reader);
    buffer_deinit(&log);
}

static void records_of_another_file_are_not_valid_here(void **state) {
    (void)state;
    static const struct file_id OTHERS[] = {{.kind = FILE_LOG, .number = 8},
                                            {.kind = FILE_MANIFEST, .number = 7}};
    struct buffer log = {0};
    struct log_reader reader = {0};
    uint64_t records;
    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&log);
        make_log(&log, 1);
        append_record(&log, OTHERS[i], 2, "left over");
        assert_int_equal(walk(buffer_bytes(&log), log.size, &records, &reader), LOG_READER_BAD);
        assert_int_equal(records, 1);
        struct record record;
        assert_int_equal(log_reader_search(&reader, &record), LOG_READER_END);
    }
    log_reader_close(&reader);
    buffer_deinit(&log);
}

/* As docs/formats/log.md has it. */
static void seal_header(uint8_t header[RECORD_FILE_HEADER_SIZE]) {
    memset(header + 12, 0, 4);
    uint64_t hash = hash64(bytes_of(header, RECORD_FILE_HEADER_SIZE));
    for (uint32_t i = 0; i < 4; i++)
        header[12 + i] = (uint8_t)(hash >> 8 * i);
}

static void a_file_of_a_later_version_is_told_from_a_damaged_one(void **state) {
    (void)state;
    uint8_t header[RECORD_FILE_HEADER_SIZE];
    record_file_header(FILE_A, header);
    assert_int_equal(record_check_file_header(FILE_A, bytes_of(header, sizeof header)), RECORD_OK);
    header[8] = 6;
    assert_int_equal(record_check_file_header(FILE_A, bytes_of(header, sizeof header)), RECORD_BAD);
    seal_header(header);
    assert_int_equal(record_check_file_header(FILE_A, bytes_of(header, sizeof header)),
                     RECORD_TOO_NEW);
    header[16] = 9;
    seal_header(header);
    assert_int_equal(record_check_file_header(FILE_A, bytes_of(header, sizeof header)), RECORD_BAD);
}

static void flip(uint8_t *header, uint32_t bit) {
    header[bit / 8] = (uint8_t)(header[bit / 8] ^ 1u << bit % 8);
}

/* One, two or three bits, so far as they meet the version; the others are to be refused by what they are in. */
static void a_damaged_header_is_never_taken_for_a_later_version(void **state) {
    (void)state;
    enum { BITS = RECORD_FILE_HEADER_SIZE * 8, VERSION_FIRST = 64, VERSION_END = 96 };
    uint8_t header[RECORD_FILE_HEADER_SIZE];
    record_file_header(FILE_A, header);
    struct bytes bytes = bytes_of(header, sizeof header);
    for (uint32_t i = 0; i < BITS; i++) {
        flip(header, i);
        assert_int_equal(record_check_file_header(FILE_A, bytes), RECORD_BAD);
        for (uint32_t j = i + 1; j < BITS; j++) {
            flip(header, j);
            assert_int_equal(record_check_file_header(FILE_A, bytes), RECORD_BAD);
            for (uint32_t k = VERSION_FIRST; k < VERSION_END; k++) {
                flip(header, k);
                assert_int_not_equal(record_check_file_header(FILE_A, bytes), RECORD_TOO_NEW);
                flip(header, k);
            }
            flip(header, j);
        }
        flip(header, i);
    }
}

static const struct file_id FILE_2 = {.kind = FILE_LOG, .number = 2};

/* What segment 2 had left behind these bytes. */
static void put_stale_record(struct buffer *to) {
    static const uint8_t EXPECTED[] = {0xac, 0x05, 0x9c, 0x47, 0xf9, 0xf2, 0x09, 0x02, 0x00,
                                       0x01, 0x00, 0x02, 0x6b, 0x32, 0x03, 0x74, 0x77, 0x6f};
    struct store_batch batch = {
        .count = 1, .entries = {{.key = bytes_of_text("k2"), .value = bytes_of_text("two")}}};
    struct record record = {.kind = RECORD_BATCHES, .count = 1, .sequence = 2, .synced = 1};
    struct buffer frame = {0};
    record_begin(&frame);
    log_batch_encode(&batch, &frame);
    struct bytes stale = record_end(&frame, &record, record_file_identity(FILE_2));
    assert_int_equal(stale.size, sizeof EXPECTED);
    assert_memory_equal(stale.data, EXPECTED, sizeof EXPECTED);
    buffer_append(to, stale);
    buffer_deinit(&frame);
}

/* The records end where the segment's own do, although a sound record of its former life follows. */
static void check_recycled(struct bytes file, size_t end) {
    static const struct file_id FILE_3 = {.kind = FILE_LOG, .number = 3};
    struct log_reader reader = {0};
    struct record record;
    size_t size;
    log_reader_open(&reader, FILE_3, file.size);
    log_reader_feed(&reader, file);
    assert_int_equal(log_reader_next(&reader, &record), LOG_READER_RECORD);
    assert_int_equal(log_reader_next(&reader, &record), LOG_READER_BAD);
    assert_int_equal(reader.at, end);
    assert_int_equal(log_reader_search(&reader, &record), LOG_READER_END);
    struct bytes stale = bytes_slice(file, end, file.size - end);
    assert_int_equal(record_decode(stale, record_file_identity(FILE_2), &record, &size), RECORD_OK);
    log_reader_close(&reader);
}

/* The example of docs/formats/log.md: a segment, and the rest of the segment 2 that its file was before. */
static void a_segment_is_as_documented(void **state) {
    (void)state;
    static const uint8_t EXPECTED[] = {
        0x44, 0x55, 0x4e, 0x4c, 0x4f, 0x47, 0x0d, 0x0a, 0x01, 0x00, 0x00, 0x00, 0x73, 0xe0,
        0x82, 0x5e, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc7, 0xe9, 0xda, 0x66,
        0xf9, 0xda, 0x22, 0x01, 0x00, 0x82, 0x05, 0x00, 0x00, 0x00, 0x88, 0x77, 0x66, 0x55,
        0x44, 0x33, 0x22, 0x11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x02,
        0x6b, 0x31, 0x03, 0x6f, 0x6e, 0x65, 0x01, 0x02, 0x6b, 0x30, 0x00};
    static const struct file_id FILE_3 = {.kind = FILE_LOG, .number = 3};
    struct store_batch batch = {
        .count = 2,
        .entries = {{.key = bytes_of_text("k1"), .value = bytes_of_text("one")},
                    {.key = bytes_of_text("k0"), .removed = true}},
        .has_tally = true,
        .tally = {.tally = 5, .digest = 0x1122334455667788, .count = -1},
    };
    struct buffer segment = {0}, frame = {0};
    record_begin(&frame);
    log_batch_encode(&batch, &frame);
    struct record record = {.kind = RECORD_BATCHES, .count = 1, .sequence = 1, .synced = 0};
    struct bytes sealed = record_end(&frame, &record, record_file_identity(FILE_3));
    buffer_append(&segment, record_add_file_header(&frame, sealed, FILE_3));
    buffer_deinit(&frame);
    assert_int_equal(segment.size, sizeof EXPECTED);
    assert_memory_equal(segment.data, EXPECTED, sizeof EXPECTED);
    put_stale_record(&segment);
    check_recycled(buffer_bytes(&segment), sizeof EXPECTED);
    buffer_deinit(&segment);
}

static struct store_batch example_batch(void) {
    return (struct store_batch){
        .count = 2,
        .entries = {{.key = bytes_of_text("key"), .value = bytes_of_text("value")},
                    {.key = bytes_of_text("gone"), .removed = true}},
        .has_tally = true,
        .tally = {.tally = 3, .digest = 4, .count = -1},
    };
}

static void a_batch_comes_out_as_it_went_in(void **state) {
    (void)state;
    struct store_batch batch = example_batch(), again;
    struct buffer bytes = {0};
    log_batch_encode(&batch, &bytes);
    struct reader reader = reader_of(buffer_bytes(&bytes));
    assert_true(log_batch_decode(&reader, &again));
    assert_true(reader_finished(&reader));
    assert_int_equal(again.count, 2);
    assert_true(bytes_equal(again.entries[0].key, batch.entries[0].key));
    assert_true(bytes_equal(again.entries[0].value, batch.entries[0].value));
    assert_true(again.entries[1].removed && again.entries[1].value.size == 0);
    assert_int_equal(again.tally.tally, 3);
    assert_int_equal(again.tally.count, -1);
    buffer_deinit(&bytes);
}

static void a_truncated_batch_is_refused(void **state) {
    (void)state;
    struct store_batch batch = example_batch(), again;
    struct buffer bytes = {0};
    log_batch_encode(&batch, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, bytes.data, size);
        struct reader reader = reader_of(bytes_of(copy, size));
        assert_false(log_batch_decode(&reader, &again));
        free(copy);
    }
    buffer_deinit(&bytes);
}

static void an_entry_that_expires_is_as_documented_and_decodes_whole_only(void **state) {
    (void)state;
    static const uint8_t EXPECTED[] = {0x01, 0x02, 0x80, 0x23, 0xd6, 0xcb, 0x9a, 0x01, 0x00, 0x00,
                                       0x04, 0x70, 0x6c, 0x75, 0x6d, 0x04, 0x62, 0x6c, 0x75, 0x65};
    struct store_batch batch = {.count = 1,
                                .entries = {{.key = bytes_of_text("plum"),
                                             .value = bytes_of_text("blue"),
                                             .expires = {1764356400000}}}};
    struct store_batch again;
    struct buffer bytes = {0};
    log_batch_encode(&batch, &bytes);
    assert_int_equal(bytes.size, sizeof EXPECTED);
    assert_memory_equal(bytes.data, EXPECTED, sizeof EXPECTED);
    for (size_t size = 0; size <= bytes.size; size++) {
        struct reader reader = reader_of(bytes_of(bytes.data, size));
        assert_int_equal(log_batch_decode(&reader, &again), size == bytes.size);
    }
    assert_int_equal(again.entries[0].expires.milliseconds, 1764356400000);
    assert_true(bytes_equal(again.entries[0].value, batch.entries[0].value));
    /* A time of zero is none. */
    memset(bytes.data + 2, 0, 8);
    struct reader reader = reader_of(buffer_bytes(&bytes));
    assert_false(log_batch_decode(&reader, &again));
    buffer_deinit(&bytes);
}

/* Nobody would take it out of the tally when it expires. */
static void an_entry_that_expires_has_no_tally(void **state) {
    (void)state;
    static const uint8_t REFUSED[] = {0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   0, 0,
                                      0,    0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 'k', 1, 'v'};
    struct store_batch batch;
    struct reader reader = reader_of(bytes_of(REFUSED, sizeof REFUSED));
    assert_false(log_batch_decode(&reader, &batch));
}

static void a_removal_is_as_documented_and_decodes_whole_only(void **state) {
    (void)state;
    static const uint8_t EXPECTED[] = {0xc0, 5, 0, 0, 0, 3, 'd', 0, 5};
    struct log_removal removal = {.prefix = bytes_of("d\0\5", 3), .resets = true, .page = 5};
    struct buffer bytes = {0};
    log_removal_encode(&removal, &bytes);
    assert_int_equal(bytes.size, sizeof EXPECTED);
    assert_memory_equal(bytes.data, EXPECTED, sizeof EXPECTED);
    for (size_t size = 0; size <= bytes.size; size++) {
        struct reader reader = reader_of(bytes_of(bytes.data, size));
        assert_int_equal(log_removal_is_next(&reader), size > 0);
        assert_int_equal(log_removal_decode(&reader, &removal), size == bytes.size);
    }
    assert_true(removal.resets && removal.page == 5 && removal.prefix.size == 3);
    buffer_deinit(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_they_went_in_however_they_are_cut),
        cmocka_unit_test(a_truncated_log_ends_behind_its_last_whole_record),
        cmocka_unit_test(a_flipped_bit_ends_the_log_there_and_the_search_finds_what_follows),
        cmocka_unit_test(a_header_is_as_long_as_its_numbers_need),
        cmocka_unit_test(
            a_search_passes_what_looks_like_records_without_reading_it_again_and_again),
        cmocka_unit_test(records_of_another_file_are_not_valid_here),
        cmocka_unit_test(a_file_of_a_later_version_is_told_from_a_damaged_one),
        cmocka_unit_test(a_damaged_header_is_never_taken_for_a_later_version),
        cmocka_unit_test(a_segment_is_as_documented),
        cmocka_unit_test(a_batch_comes_out_as_it_went_in),
        cmocka_unit_test(a_truncated_batch_is_refused),
        cmocka_unit_test(an_entry_that_expires_is_as_documented_and_decodes_whole_only),
        cmocka_unit_test(an_entry_that_expires_has_no_tally),
        cmocka_unit_test(a_removal_is_as_documented_and_decodes_whole_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
