#include "engine/node/narration.h"

#include "engine/base/text.h"
#include "engine/node/node_state.h"

enum { NARRATED_KEY_MAX = 64 };

bool narrates(const struct node *node, enum note_level level) {
    return level <= node->config.note_level;
}

static struct buffer *begin(struct node *node) {
    buffer_clear(&node->line);
    return &node->line;
}

/* The sentence is copied: the line is used again, and effects live until the next step. */
static void end(struct node *node, enum note_level level) {
    struct bytes sentence = arena_copy(&node->effects->arena, buffer_bytes(&node->line));
    effects_note(node->effects, level, sentence);
}

static void append_member(struct node *node, uint32_t member) {
    buffer_append(&node->line, node->members[member].name);
}

void narrate(struct node *node, enum note_level level, const char *sentence) {
    if (!narrates(node, level))
        return;
    text_append(begin(node), sentence);
    end(node, level);
}

void narrate_member(struct node *node, enum note_level level, uint32_t member, const char *words) {
    if (!narrates(node, level))
        return;
    begin(node);
    append_member(node, member);
    text_append(&node->line, " ");
    text_append(&node->line, words);
    end(node, level);
}

void narrate_count(struct node *node, enum note_level level, const char *before, uint64_t count,
                   const char *after, uint32_t member) {
    if (!narrates(node, level))
        return;
    text_append(begin(node), before);
    text_append(&node->line, " ");
    text_append_u64(&node->line, count);
    text_append(&node->line, " ");
    text_append(&node->line, after);
    text_append(&node->line, " ");
    append_member(node, member);
    end(node, level);
}

void narrate_about_key(struct node *node, enum note_level level, const char *words, uint32_t member,
                       struct bytes key) {
    if (!narrates(node, level))
        return;
    text_append(begin(node), words);
    text_append(&node->line, " ");
    append_member(node, member);
    text_append(&node->line, ": key ");
    text_append_quoted(&node->line, key, NARRATED_KEY_MAX);
    end(node, level);
}

void narrate_bytes(struct node *node, enum note_level level, const char *words, struct bytes why) {
    if (!narrates(node, level))
        return;
    text_append(begin(node), words);
    text_append(&node->line, ": ");
    buffer_append(&node->line, why);
    end(node, level);
}
