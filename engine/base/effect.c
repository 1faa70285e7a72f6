#include "engine/base/effect.h"

#include <stdlib.h>

enum { EFFECTS_CAPACITY_MIN = 32 };

void effects_deinit(struct effects *effects) {
    free(effects->items);
    arena_deinit(&effects->arena);
    *effects = (struct effects){0};
}

void effects_clear(struct effects *effects) {
    effects->count = 0;
    arena_clear(&effects->arena);
}

/* The whole of every effect is written, so that hosts and hashes may look at any field. */
static void append(struct effects *effects, struct effect effect) {
    if (effects->count == effects->capacity) {
        effects->capacity = effects->capacity == 0 ? EFFECTS_CAPACITY_MIN : effects->capacity * 2;
        effects->items = realloc(effects->items, effects->capacity * sizeof *effects->items);
        CHECK(effects->items != NULL);
    }
    effects->items[effects->count++] = effect;
}

void effects_connect(struct effects *effects, struct link_id link, struct bytes address) {
    CHECK((link.value & 1) == 1);
    append(effects, (struct effect){.kind = EFFECT_CONNECT, .link = link, .bytes = address});
}

void effects_send(struct effects *effects, struct link_id link, struct bytes bytes) {
    append(effects, (struct effect){.kind = EFFECT_SEND, .link = link, .bytes = bytes});
}

void effects_close(struct effects *effects, struct link_id link) {
    append(effects, (struct effect){.kind = EFFECT_CLOSE, .link = link});
}

void effects_write(struct effects *effects, uint64_t ticket, struct file_id file, uint64_t offset,
                   struct bytes bytes) {
    append(effects, (struct effect){.kind = EFFECT_WRITE,
                                    .ticket = ticket,
                                    .file = file,
                                    .offset = offset,
                                    .bytes = bytes});
}

void effects_read(struct effects *effects, uint64_t ticket, struct file_id file, uint64_t offset,
                  uint64_t size) {
    append(
        effects,
        (struct effect){
            .kind = EFFECT_READ, .ticket = ticket, .file = file, .offset = offset, .size = size});
}

void effects_sync(struct effects *effects, uint64_t ticket, struct file_id file) {
    append(effects, (struct effect){.kind = EFFECT_SYNC, .ticket = ticket, .file = file});
}

void effects_sync_directory(struct effects *effects, uint64_t ticket) {
    append(effects, (struct effect){.kind = EFFECT_SYNC_DIRECTORY, .ticket = ticket});
}

void effects_remove(struct effects *effects, uint64_t ticket, struct file_id file) {
    append(effects, (struct effect){.kind = EFFECT_REMOVE, .ticket = ticket, .file = file});
}

void effects_list(struct effects *effects, uint64_t ticket) {
    append(effects, (struct effect){.kind = EFFECT_LIST, .ticket = ticket});
}

void effects_note(struct effects *effects, enum note_level level, struct bytes sentence) {
    append(effects, (struct effect){.kind = EFFECT_NOTE, .level = level, .bytes = sentence});
}

void effects_halt(struct effects *effects, struct bytes why) {
    append(effects, (struct effect){.kind = EFFECT_HALT, .bytes = why});
}
