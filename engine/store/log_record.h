/* log_record: the frames that logs and manifests are made of.
 *
 *     file    := file header, record, record, ...
 *     file header (24 bytes)
 *         0  magic     8 bytes   "DUNLOG\r\n" or "DUNMAN\r\n"
 *         8  version   u32       1
 *        12  zero      u32
 *        16  number    u64       of the file, as in its name
 *     record (32 bytes and the payload)
 *         0  checksum  u32       low half of XXH3-64(bytes from 4 to the end, seed)
 *         4  length    u32       of the payload
 *         8  sequence  u64       of the first batch in it; of a manifest record: counts from 1
 *        16  synced    u64       every sequence up to this was synced before this record was written
 *        24  count     u32       batches in it; of a manifest record: 1
 *        28  kind      u8        1 batches, 2 snapshot, 3 edit
 *        29  zero      3 bytes
 *        32  payload
 *
 * The seed is XXH3-64 of the file header, so that bytes left over from another file never look
 * valid. `synced` is what tells a torn tail from corruption: when a bad record is followed by a good
 * one that says that the bad one's sequence had been synced, the disk lost what it had promised.
 */
#ifndef DUNLIN_STORE_LOG_RECORD_H
#define DUNLIN_STORE_LOG_RECORD_H

#include "engine/base/bytes.h"
#include "engine/base/file.h"

enum { RECORD_FILE_HEADER_SIZE = 24, RECORD_HEADER_SIZE = 32, RECORD_FORMAT_VERSION = 1 };

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

/* Fills the first RECORD_HEADER_SIZE bytes of `frame`; the payload already lies behind them
 * (record->payload is not looked at). */
void record_seal(uint8_t *frame, size_t size, const struct record *record, uint64_t identity);
/* How many bytes to go on by to come to where a record may begin; fewer than RECORD_HEADER_SIZE are
 * left when there is no such place. */
size_t record_skip(struct bytes bytes);
/* Decodes the record at the beginning of `bytes`; `size` is what it takes up. */
MUST_USE enum record_status record_decode(struct bytes bytes, uint64_t identity,
                                          struct record *record, size_t *size);

#endif
