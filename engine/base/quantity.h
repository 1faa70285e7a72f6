/* quantity: durations and sizes as people write them in configuration and scenario files.
 *
 *     "250us" "20ms" "1.5s" "2m" "1h"          durations: a number and a unit; 0 needs none
 *     "512" "64KiB" "16MiB" "1GiB"             sizes in bytes: the unit may be left out
 *
 *     struct duration timeout;
 *     if (!quantity_parse_duration(bytes_of_text("1.5s"), &timeout)) ...
 */
#ifndef DUNLIN_BASE_QUANTITY_H
#define DUNLIN_BASE_QUANTITY_H

#include "engine/base/bytes.h"
#include "engine/base/units.h"

/* False when the text is not a quantity, has an unknown unit or overflows. Up to nine digits behind
 * the point. */
MUST_USE bool quantity_parse_duration(struct bytes text, struct duration *duration);
MUST_USE bool quantity_parse_size(struct bytes text, uint64_t *bytes);
/* The shortest text that reads back as the same: "250ms", "64KiB". */
void quantity_append_duration(struct buffer *to, struct duration duration);
void quantity_append_size(struct buffer *to, uint64_t bytes);

#endif
