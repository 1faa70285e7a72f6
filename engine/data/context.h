/* context: the token that carries a client's causal history, opaque to it.
 *
 *     base64url( version u8 | vector | checksum u32 )       the checksum covers the key too
 *
 * DGET hands one out, DSET and DDEL take it back. A token that was cut, changed or belongs to
 * another key is refused. The empty token means "I have seen nothing".
 */
#ifndef DUNLIN_DATA_CONTEXT_H
#define DUNLIN_DATA_CONTEXT_H

#include "engine/data/causal.h"

enum { CONTEXT_TEXT_MAX = 8192 };

void context_encode(const struct version_vector *vector, struct bytes key, struct buffer *text);
MUST_USE bool context_decode(struct bytes text, struct bytes key, struct version_vector *vector);

#endif
