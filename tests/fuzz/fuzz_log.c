/* Feeds the log's reader and the batch decoder with bytes from anywhere. The first byte chooses:
 *
 *     0  a whole log file
 *     1  the payloads of records, sealed with sound headers and checksums, so that what lies behind
 *        them is reached
 */
#include "engine/store/log_batch.h"
#include "engine/store/log_reader.h"
#include "engine/store/log_removal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct file_id FILE_READ = {.kind = FILE_LOG, .number = 1};

static bool decode_and_encode(struct reader *reader, struct buffer *again) {
    struct store_batch batch;
    struct log_removal removal;
    if (log_removal_is_next(reader)) {
        if (!log_removal_decode(reader, &removal))
            return false;
        log_removal_encode(&removal, again);
        return true;
    }
    if (!log_batch_decode(reader, &batch))
        return false;
    log_batch_encode(&batch, again);
    return true;
}

/* A batch or removal that decodes encodes to the same bytes: each has one encoding. */
static void use_payload(struct bytes payload) {
    struct reader reader = reader_of(payload);
    struct buffer again = {0};
    for (;;) {
        struct bytes before = bytes_of(reader.data, reader.left);
        buffer_clear(&again);
        if (reader.left == 0 || !decode_and_encode(&reader, &again))
            break;
        CHECK(bytes_equal(buffer_bytes(&again), bytes_slice(before, 0, before.size - reader.left)));
    }
    buffer_deinit(&again);
}

static void read_log(struct bytes log) {
    struct log_reader reader = {0};
    struct record record;
    log_reader_open(&reader, FILE_READ, log.size);
    bool searching = false;
    for (;;) {
        enum log_reader_result result =
            searching ? log_reader_search(&reader, &record) : log_reader_next(&reader, &record);
        if (result == LOG_READER_RECORD) {
            use_payload(record.payload);
        } else if (result == LOG_READER_MORE) {
            uint64_t offset;
            uint64_t wanted = log_reader_wants(&reader, &offset);
            log_reader_feed(&reader, bytes_slice(log, (size_t)offset, (size_t)wanted));
        } else if (result == LOG_READER_BAD && !searching) {
            searching = true;
        } else {
            break;
        }
    }
    log_reader_close(&reader);
}

static void read_sealed(struct bytes input) {
    struct buffer log = {0};
    uint8_t header[RECORD_FILE_HEADER_SIZE];
    record_file_header(FILE_READ, header);
    buffer_append(&log, bytes_of(header, sizeof header));
    struct reader reader = reader_of(input);
    for (uint64_t sequence = 1; reader.left > 0 && !reader.failed; sequence++) {
        struct bytes payload = reader_bytes(&reader);
        struct buffer frame = {0};
        record_begin(&frame);
        buffer_append(&frame, payload);
        struct record record = {
            .kind = RECORD_BATCHES, .count = 1, .sequence = sequence, .synced = sequence - 1};
        buffer_append(&log, record_end(&frame, &record, record_file_identity(FILE_READ)));
        buffer_deinit(&frame);
    }
    read_log(buffer_bytes(&log));
    buffer_deinit(&log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct bytes input = bytes_slice(bytes_of(data, size), 1, size - 1);
    if (data[0] % 2 == 0)
        read_log(input);
    else
        read_sealed(input);
    return 0;
}
