#include "engine/store/log_reader.h"

void log_reader_open(struct log_reader *reader, struct file_id file, uint64_t size) {
    buffer_clear(&reader->buffer);
    *reader = (struct log_reader){
        .file = file,
        .identity = record_file_identity(file),
        .size = size,
        .buffer = reader->buffer,
    };
}

void log_reader_close(struct log_reader *reader) {
    buffer_deinit(&reader->buffer);
}

static uint64_t read_end(const struct log_reader *reader) {
    return reader->buffer_at + reader->buffer.size;
}

uint64_t log_reader_wants(const struct log_reader *reader, uint64_t *offset) {
    *offset = read_end(reader);
    CHECK(*offset < reader->size);
    uint64_t left = reader->size - *offset;
    uint64_t chunk = LOG_READER_CHUNK;
    if (*offset < reader->careful_to)
        chunk = LOG_READER_PIECE - *offset % LOG_READER_PIECE;
    return left < chunk ? left : chunk;
}

void log_reader_be_careful(struct log_reader *reader) {
    if (reader->careful_to <= read_end(reader))
        reader->careful_to = read_end(reader) + LOG_READER_CHUNK;
}

void log_reader_feed(struct log_reader *reader, struct bytes bytes) {
    uint64_t offset;
    uint64_t wanted = log_reader_wants(reader, &offset);
    CHECK(bytes.size <= wanted);
    /* What was decoded makes room, so that memory holds one chunk and one record at most. */
    uint64_t decoded = reader->at - reader->buffer_at;
    buffer_consume(&reader->buffer, (size_t)decoded);
    reader->buffer_at += decoded;
    buffer_append(&reader->buffer, bytes);
    if (bytes.size < wanted)
        reader->size = offset + bytes.size;
}

void log_reader_go_to(struct log_reader *reader, uint64_t at) {
    CHECK(at <= reader->size && reader->buffer.size == 0);
    reader->at = reader->buffer_at = at;
    reader->header_seen = true;
}

static struct bytes undecoded(const struct log_reader *reader) {
    size_t from = (size_t)(reader->at - reader->buffer_at);
    return bytes_slice(buffer_bytes(&reader->buffer), from, reader->buffer.size - from);
}

static enum log_reader_result next_header(struct log_reader *reader) {
    struct bytes bytes = undecoded(reader);
    switch (record_check_file_header(reader->file, bytes)) {
    case RECORD_OK:
        reader->header_seen = true;
        reader->at += RECORD_FILE_HEADER_SIZE;
        return LOG_READER_RECORD;
    case RECORD_SHORT:
        return read_end(reader) < reader->size ? LOG_READER_MORE : LOG_READER_BAD;
    case RECORD_TOO_NEW:
        return LOG_READER_TOO_NEW;
    case RECORD_BAD:
        break;
    }
    return LOG_READER_BAD;
}

enum log_reader_result log_reader_next(struct log_reader *reader, struct record *record) {
    if (!reader->header_seen) {
        enum log_reader_result header = next_header(reader);
        if (header != LOG_READER_RECORD)
            return header;
    }
    if (reader->at == reader->size)
        return LOG_READER_END;
    size_t size;
    enum record_status status = record_decode(undecoded(reader), reader->identity, record, &size);
    if (status == RECORD_SHORT && size <= reader->size - reader->at)
        return LOG_READER_MORE;
    if (status != RECORD_OK)
        return LOG_READER_BAD;
    reader->at += size;
    return LOG_READER_RECORD;
}

/* The record at the reader's place, or what stands in the way: RECORD, MORE, or BAD for neither. */
static enum log_reader_result try_record(struct log_reader *reader, struct record *record) {
    size_t size;
    enum record_status status = record_decode(undecoded(reader), reader->identity, record, &size);
    if (status == RECORD_SHORT && size <= reader->size - reader->at)
        return LOG_READER_MORE;
    if (status == RECORD_OK) {
        reader->at += size;
        return LOG_READER_RECORD;
    }
    if (status == RECORD_BAD)
        reader->searched += size;
    return LOG_READER_BAD;
}

enum log_reader_result log_reader_search(struct log_reader *reader, struct record *record) {
    while (reader->searched <= LOG_READER_SEARCH_MAX) {
        reader->at += record_skip(undecoded(reader));
        if (reader->size - reader->at < RECORD_HEADER_MIN)
            break;
        enum log_reader_result result = try_record(reader, record);
        if (result != LOG_READER_BAD)
            return result;
        reader->at++;
    }
    reader->at = reader->size;
    return LOG_READER_END;
}
