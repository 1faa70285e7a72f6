/* glob: shell-style patterns, as SCAN MATCH and CONFIG GET take them.
 *
 *     *  any bytes      ?  any one byte      [abc] [a-z] [^x]  one of a set, or none of it      \x  the byte itself
 *
 *     glob_matches(bytes_of_text("cart:*"), bytes_of_text("cart:17"), false)     true
 *
 * A pattern from outside cannot make it slow: on a mismatch only the last star is tried again, so the work is at most
 * the product of both lengths, and patterns longer than GLOB_BYTES_MAX match nothing.
 */
#ifndef DUNLIN_NODE_GLOB_H
#define DUNLIN_NODE_GLOB_H

#include "engine/base/bytes.h"

enum { GLOB_BYTES_MAX = 256 };

bool glob_matches(struct bytes pattern, struct bytes text, bool ignore_case);

#endif
