/* resp: replies in the Redis serialization protocol, version 2 or 3.
 *
 *     +OK\r\n    -ERR sentence\r\n    :42\r\n    $5\r\nvalue\r\n    *2\r\n...
 *     version 2 has no null, map, set or verbatim text of its own: $-1, arrays and bulk strings
 * stand in.
 *
 *     resp_put_map(out, RESP_3, 1);
 *     resp_put_text(out, "proto");
 *     resp_put_integer(out, 3);
 *
 *     resp_open_error(out, "ERR unknown command '");
 *     resp_append_clean(out, name, 128);
 *     text_append(out, "'");
 *     resp_close_error(out);
 *
 * Source: the Redis protocol specification (RESP2 and RESP3).
 */
#ifndef DUNLIN_NODE_RESP_H
#define DUNLIN_NODE_RESP_H

#include "engine/base/bytes.h"

enum resp_version { RESP_2 = 2, RESP_3 = 3 };

/* "+text"; the text holds no line end. */
void resp_put_status(struct buffer *to, const char *text);
/* "-sentence"; the sentence begins with its prefix: "ERR ...". */
void resp_put_error(struct buffer *to, const char *sentence);
/* An error that is put together: whatever is appended between the two calls is its sentence. Only
 * clean text may go in.
 */
void resp_open_error(struct buffer *to, const char *begin);
void resp_close_error(struct buffer *to);
/* Bytes from outside for a sentence: what is not printable ASCII becomes '?', and `limit` bytes are
 * enough. */
void resp_append_clean(struct buffer *to, struct bytes bytes, size_t limit);

void resp_put_integer(struct buffer *to, int64_t value);
void resp_put_bulk(struct buffer *to, struct bytes bytes);
/* A bulk string of zero-terminated text. */
void resp_put_text(struct buffer *to, const char *text);
/* A bulk string that holds a decimal number. */
void resp_put_number_text(struct buffer *to, uint64_t value);
/* Text for people, without escapes on the terminal. */
void resp_put_verbatim(struct buffer *to, enum resp_version version, struct bytes text);
void resp_put_null(struct buffer *to, enum resp_version version);
/* `count` elements follow. */
void resp_put_array(struct buffer *to, uint64_t count);
void resp_put_set(struct buffer *to, enum resp_version version, uint64_t count);
/* `pairs` keys, each with its value behind it, follow. */
void resp_put_map(struct buffer *to, enum resp_version version, uint64_t pairs);

#endif
