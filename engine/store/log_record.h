/* log_record: the frames that logs and manifests are made of.
 *
 *     file    := file header, record, record, ...
 *     file header (24 bytes)
 *         0  magic     8 bytes   "DUNLOG\r\n" or "DUNMAN\r\n"
 *         8  version   u32       1
 *        12  checksum  u32       low half of XXH3-64(the header with zero here)
 *        16  number    u64       of the file, as in its name
 *     record (a header of 9 to 36 bytes, and the payload)
 *         0  checksum  u32       low half of XXH3-64(bytes from 4 to the end, seed)
 *         4  kind      u8        0xf9 batches, 0xfa snapshot, 0xfb edit; 0xfd batches, with a count
 *         5  check     u8        of the header: kind and all bytes behind this one, XORed
 *         6  length    varint    of the payload
 *            sequence  varint    of the first batch in it; of a manifest record: counts from 1
 *            unsynced  varint    batches before this one that were not synced when this was written
 *            count     varint    batches in it, where kind says so; otherwise there is one
 *            payload
 *
 * The seed is XXH3-64 of the file header, its checksum as zero, so that bytes left over from another file never look
 * valid. `synced`, the sequence up to which all was synced, is what tells a torn tail from corruption:
 * when a bad record is followed by a good one that says that the bad one's sequence had been synced,
 * the disk lost what it had promised. Each record tells all of it by itself, so that it can be believed
 * wherever it is found.
 *
 *     record_begin(&buffer);                       // room for the headers
 *     ... append the payload ...
 *     struct bytes frame = record_end(&buffer, &record, identity);
 *     if (first in its file) frame = record_add_file_header(&buffer, frame, file);
 *     write(frame);
 */
#ifndef DUNLIN_STORE_LOG_RECORD_H
#define DUNLIN_STORE_LOG_RECORD_H

#include "engine/base/bytes.h"
#include "engine/base/file.h"

enum {
    RECORD_FILE_HEADER_SIZE = 24,
    RECORD_HEADER_MIN = 9,
    RECORD_HEADER_MAX = 36,
    RECORD_ROOM = RECORD_FILE_HEADER_SIZE + RECORD_HEADER_MAX, /* in front of a payload */
    RECORD_FORMAT_VERSION = 1
};

enum record_kind { RECORD_BATCHES = 1, RECORD_SNAPSHOT = 2, RECORD_EDIT = 3 };

enum record_status {
    RECORD_OK,
    RECORD_SHORT, /* the bytes end before the record does: `size` says how many it takes */
    RECORD_BAD,
    RECORD_TOO_NEW, /* a file header of a later format version */
};

struct record {
    enum record_kind kind;
    uint32_t count;
    uint64_t sequence;
    uint64_t synced;
    struct bytes payload; /* borrowed */
};

/* The header that this file begins with. */
void record_file_header(struct file_id file, uint8_t header[RECORD_FILE_HEADER_SIZE]);
/* The seed of its records' checksums. */
uint64_t record_file_identity(struct file_id file);
MUST_USE enum record_status record_check_file_header(struct file_id file, struct bytes bytes);

/* Empties the buffer, and leaves room for headers in front of the payload that is to be appended. */
void record_begin(struct buffer *buffer);
/* Puts the header right before the payload (record->payload is not looked at); the frame is borrowed
 * from the buffer. */
struct bytes record_end(struct buffer *buffer, const struct record *record, uint64_t identity);
/* The frame with the file's header before it. */
struct bytes record_add_file_header(struct buffer *buffer, struct bytes frame, struct file_id file);
/* How many bytes to go on by to come to where a record may begin; fewer than RECORD_HEADER_MIN are
 * left when there is no such place. */
size_t record_skip(struct bytes bytes);
/* Decodes the record at the beginning of `bytes`; `size` is what it takes up. */
MUST_USE enum record_status record_decode(struct bytes bytes, uint64_t identity,
                                          struct record *record, size_t *size);

#endif
