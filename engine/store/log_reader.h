/* log_reader: walks the records of a log or manifest that is being read in chunks.
 *
 *     log_reader_open(&reader, file, size);
 *     for (;;) switch (log_reader_next(&reader, &record)) {
 *     case LOG_READER_MORE:   read log_reader_wants(&reader, &offset) bytes; log_reader_feed(...)
 *     case LOG_READER_RECORD: use it; borrowed until the next call
 *     case LOG_READER_END:    the file ends where a record ended
 *     case LOG_READER_BAD:    at reader.at there is no valid record; log_reader_search() may follow,
 *                             to look for valid records behind it
 *     }
 */
#ifndef DUNLIN_STORE_LOG_READER_H
#define DUNLIN_STORE_LOG_READER_H

#include "engine/store/log_record.h"

enum {
    LOG_READER_CHUNK = 256 * 1024,
    LOG_READER_PIECE = 4096, /* where a chunk cannot be read as a whole */
    /* A search gives up after looking at so many bytes in what only seemed to be records: only bytes made up to seem so get
     * there. */
    LOG_READER_SEARCH_MAX = 1 << 30,
};

enum log_reader_result {
    LOG_READER_RECORD,
    LOG_READER_MORE,
    LOG_READER_END,
    LOG_READER_BAD,
    LOG_READER_TOO_NEW,
};

struct log_reader {
    struct file_id file;
    uint64_t identity;
    uint64_t size;        /* of the file, or where it was sealed */
    uint64_t at;          /* offset of the next byte to decode */
    struct buffer buffer; /* the file's bytes from `buffer_at` on */
    uint64_t buffer_at;
    uint64_t searched;   /* bytes of what log_reader_search() found not to be records */
    uint64_t careful_to; /* offset up to which the file is read in pieces */
    bool header_seen;
};

void log_reader_open(struct log_reader *reader, struct file_id file, uint64_t size);
void log_reader_close(struct log_reader *reader);
/* Right behind the opening: begins at this offset instead of at the file header. */
void log_reader_go_to(struct log_reader *reader, uint64_t at);
/* How many bytes to read next, and from where. */
uint64_t log_reader_wants(const struct log_reader *reader, uint64_t *offset);
/* What it wants cannot be read at once: it wants smaller pieces up to there. */
void log_reader_be_careful(struct log_reader *reader);
/* Fewer bytes than wanted: the file ends there. */
void log_reader_feed(struct log_reader *reader, struct bytes bytes);
MUST_USE enum log_reader_result log_reader_next(struct log_reader *reader, struct record *record);
/* After LOG_READER_BAD: the next valid record at any offset behind. RECORD, MORE or END. */
MUST_USE enum log_reader_result log_reader_search(struct log_reader *reader, struct record *record);

#endif
