/* text: sentences built without a locale or a formatter.
 *
 * The engine may not call printf. These append to a buffer; numbers are decimal unless said
 * otherwise.
 *
 *     text_append(&line, "hands ");
 *     text_append_u64(&line, count);
 *     text_append(&line, " hints over");
 */
#ifndef DUNLIN_BASE_TEXT_H
#define DUNLIN_BASE_TEXT_H

#include "engine/base/bytes.h"
#include "engine/base/units.h"

void text_append(struct buffer *to, const char *text);
void text_append_u64(struct buffer *to, uint64_t value);
void text_append_i64(struct buffer *to, int64_t value);
/* Sixteen lower-case hexadecimal digits. */
void text_append_hex64(struct buffer *to, uint64_t value);
/* Printable ASCII as it is, every other byte as \xNN, cut to `limit` bytes with "..." behind. */
void text_append_quoted(struct buffer *to, struct bytes bytes, size_t limit);
/* Reads a decimal number that fills `text` wholly; false when it is not one or overflows. */
bool text_parse_u64(struct bytes text, uint64_t *value);
bool text_parse_i64(struct bytes text, int64_t *value);
/* ASCII, ignoring case. */
bool text_equal_ignoring_case(struct bytes left, const char *right);

#endif
