#include "engine/base/effect.h"
#include "engine/base/memory.h"

enum { EFFECTS_CAPACITY_MIN = 32 };

void effects_deinit(struct effects *effects) {
    memory_release(effects->items);
    arena_deinit(&effects->arena);
    *effects = (struct effects){0};
}

void effects_clear(struct effects *effects) {
    effects->count = 0;
    arena_clear(&effects->arena);
}

/* A new effect, to be filled where it stays (building it elsewhere and copying it costs a fifth of a busy simulation).
 * All of it is written, so that hosts and hashes may look at any field. */
static struct effect *append(struct effects *effects, enum effect_kind kind) {
    if (effects->count == effects->capacity) {
        effects->capacity = effects->capacity == 0 ? EFFECTS_CAPACITY_MIN : effects->capacity * 2;
        effects->items = memory_resize(effects->items, effects->capacity * sizeof *effects->items);
    }
    struct effect *effect = &effects->items[effects->count++];
    *effect = (struct effect){.kind = kind};
    return effect;
}

void effects_connect(struct effects *effects, struct link_id link, struct bytes address) {
    CHECK((link.value & 1) == 1);
    struct effect *effect = append(effects, EFFECT_CONNECT);
    effect->link = link;
    effect->bytes = address;
}

void effects_send(struct effects *effects, struct link_id link, struct bytes bytes) {
    struct effect *effect = append(effects, EFFECT_SEND);
    effect->link = link;
    effect->bytes = bytes;
}

void effects_close(struct effects *effects, struct link_id link) {
    append(effects, EFFECT_CLOSE)->link = link;
}

/* An operation on a file that will be answered under a ticket. */
static struct effect *append_disk(struct effects *effects, enum effect_kind kind, uint64_t ticket,
                                  struct file_id file) {
    struct effect *effect = append(effects, kind);
    effect->ticket = ticket;
    effect->file = file;
    return effect;
}

void effects_write(struct effects *effects, uint64_t ticket, struct file_id file, uint64_t offset,
                   struct bytes bytes) {
    struct effect *effect = append_disk(effects, EFFECT_WRITE, ticket, file);
    effect->offset = offset;
    effect->bytes = bytes;
}

void effects_allocate(struct effects *effects, uint64_t ticket, struct file_id file,
                      uint64_t size) {
    append_disk(effects, EFFECT_ALLOCATE, ticket, file)->size = size;
}

void effects_read(struct effects *effects, uint64_t ticket, struct file_id file, uint64_t offset,
                  uint64_t size) {
    struct effect *effect = append_disk(effects, EFFECT_READ, ticket, file);
    effect->offset = offset;
    effect->size = size;
}

void effects_sync(struct effects *effects, uint64_t ticket, struct file_id file) {
    (void)append_disk(effects, EFFECT_SYNC, ticket, file);
}

void effects_sync_directory(struct effects *effects, uint64_t ticket) {
    append(effects, EFFECT_SYNC_DIRECTORY)->ticket = ticket;
}

void effects_sync_checkpoint(struct effects *effects, uint64_t ticket, uint32_t checkpoint) {
    struct effect *effect = append(effects, EFFECT_SYNC_DIRECTORY);
    effect->ticket = ticket;
    effect->file.checkpoint = checkpoint;
}

static void append_naming(struct effects *effects, enum effect_kind kind, uint64_t ticket,
                          struct file_id file, struct file_id to) {
    CHECK(!file_equal(file, to));
    append_disk(effects, kind, ticket, file)->to = to;
}

void effects_rename(struct effects *effects, uint64_t ticket, struct file_id file,
                    struct file_id to) {
    append_naming(effects, EFFECT_RENAME, ticket, file, to);
}

void effects_link(struct effects *effects, uint64_t ticket, struct file_id file,
                  struct file_id to) {
    append_naming(effects, EFFECT_LINK, ticket, file, to);
}

void effects_remove(struct effects *effects, uint64_t ticket, struct file_id file) {
    (void)append_disk(effects, EFFECT_REMOVE, ticket, file);
}

void effects_list(struct effects *effects, uint64_t ticket) {
    append(effects, EFFECT_LIST)->ticket = ticket;
}

void effects_list_checkpoint(struct effects *effects, uint64_t ticket, uint32_t checkpoint) {
    struct effect *effect = append(effects, EFFECT_LIST);
    effect->ticket = ticket;
    effect->file.checkpoint = checkpoint;
}

void effects_note(struct effects *effects, enum note_level level, struct bytes sentence) {
    struct effect *effect = append(effects, EFFECT_NOTE);
    effect->level = level;
    effect->bytes = sentence;
}

void effects_halt(struct effects *effects, struct bytes why) {
    append(effects, EFFECT_HALT)->bytes = why;
}
