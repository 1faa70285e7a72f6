/* narration: sentences for people about what a node does. They are built only when the level is
 * asked for, and influence nothing.
 *
 *     if (narrates(node, NOTE_DETAIL))
 *         narrate_about_key(node, NOTE_DETAIL, "takes a hint for", member, key);
 */
#ifndef DUNLIN_NODE_NARRATION_H
#define DUNLIN_NODE_NARRATION_H

#include "engine/base/effect.h"

struct node;

bool narrates(const struct node *node, enum note_level level);
/* "sentence" */
void narrate(struct node *node, enum note_level level, const char *sentence);
/* "n3 is suspect": a member's name, then the words */
void narrate_member(struct node *node, enum note_level level, uint32_t member, const char *words);
/* "delivered 12 hints to n3" */
void narrate_count(struct node *node, enum note_level level, const char *before, uint64_t count,
                   const char *after, uint32_t member);
/* "takes a hint for n3: key cart:17" */
void narrate_about_key(struct node *node, enum note_level level, const char *words, uint32_t member,
                       struct bytes key);
/* "cannot go on: <why>" */
void narrate_bytes(struct node *node, enum note_level level, const char *words, struct bytes why);

#endif
