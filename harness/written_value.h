/* written_value: what simulated clients write, so that any value that comes back names its writer.
 *
 *     | write id, 8 hex digits | checksum over id, key and size, 8 hex digits | filler that follows from the id |
 *
 *     written_value_encode(id, key, 100, &buffer);
 *     if (!written_value_decode(bytes, key, &id)) -> nobody wrote this to this key
 */
#ifndef DUNLIN_HARNESS_WRITTEN_VALUE_H
#define DUNLIN_HARNESS_WRITTEN_VALUE_H

#include "engine/base/bytes.h"

enum { WRITTEN_VALUE_MIN = 16 };

/* Appends `size` bytes, at least WRITTEN_VALUE_MIN. */
void written_value_encode(uint32_t id, uint32_t key, size_t size, struct buffer *to);
MUST_USE bool written_value_decode(struct bytes value, uint32_t key, uint32_t *id);

#endif
