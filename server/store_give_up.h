/* store_give_up: what is in quarantine is given up: keys that are lost count as absent from then on. For a stopped store of
 * which nobody else has a copy, or whose node has got back by now what others had.
 *
 *     if (!store_give_up("/var/lib/dunlin/n1", &problem)) ...
 */
#ifndef DUNLIN_SERVER_STORE_GIVE_UP_H
#define DUNLIN_SERVER_STORE_GIVE_UP_H

#include "engine/base/bytes.h"

/* False with a sentence; so of a node's store whose totals still count what is lost: the node, once it runs, gets back what
 * others have and counts anew. */
MUST_USE bool store_give_up(const char *path, struct buffer *problem);

#endif
