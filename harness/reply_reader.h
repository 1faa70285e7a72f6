/* reply_reader: RESP2 replies as a client sees them, and the commands that it sends.
 *
 *     +OK\r\n   -ERR why\r\n   :7\r\n   $5\r\nhello\r\n   $-1\r\n   *2\r\n...
 *
 *     size_t size;
 *     if (reply_is_complete(bytes, &size) == REPLY_WHOLE) {
 *         struct reply_reader reader = {.bytes = bytes};
 *         struct reply reply;
 *         while (reply_next(&reader, &reply) == REPLY_WHOLE) ...    // an array comes before its elements
 *     }
 */
#ifndef DUNLIN_HARNESS_REPLY_READER_H
#define DUNLIN_HARNESS_REPLY_READER_H

#include "engine/base/bytes.h"

enum reply_kind { REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_BULK, REPLY_NULL, REPLY_ARRAY };
enum reply_state { REPLY_WHOLE, REPLY_CUT, REPLY_MALFORMED };

enum { REPLY_ELEMENTS_MAX = 1 << 20, REPLY_BULK_MAX = 64 << 20 };

struct reply {
    enum reply_kind kind;
    struct bytes text; /* of a status, an error or a bulk; borrowed */
    int64_t integer;   /* of an integer; of an array how many elements follow */
};

struct reply_reader {
    struct bytes bytes;
    size_t at;
};

enum reply_state reply_next(struct reply_reader *reader, struct reply *reply);
/* Whether `bytes` begin with a whole reply, elements included, and how long it is. */
enum reply_state reply_is_complete(struct bytes bytes, size_t *size);

/* Appends a command of `count` words. */
void reply_put_command(struct buffer *to, const struct bytes *words, uint32_t count);

#endif
