#include "sim/rolling_hash.h"

#include "engine/base/hash.h"

enum { WORDS = 10, EVENT_MARK = 1, EFFECT_MARK = 2 };

static void roll(struct rolling_hash *hash, const uint64_t words[WORDS]) {
    hash->state = hash64(bytes_of(words, WORDS * sizeof words[0]));
}

static uint64_t origin(uint32_t host, uint64_t mark, unsigned kind) {
    return (uint64_t)host << 32 | mark << 16 | kind;
}

static uint64_t hash_of_payload(struct bytes bytes, struct chunk *chunk) {
    if (bytes.size == 0)
        return 0;
    if (chunk == NULL || bytes.data != chunk->data || bytes.size != chunk->size)
        return hash64(bytes);
    if (!chunk->hash_is_known) {
        chunk->hash = hash64(bytes);
        chunk->hash_is_known = 1;
    }
    return chunk->hash;
}

static uint64_t hash_of_files(const struct disk_done *disk) {
    uint64_t hash = disk->file_count;
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct file_entry *entry = &disk->files[i];
        uint64_t words[4] = {hash, (uint64_t)entry->file.checkpoint << 8 | entry->file.kind,
                             entry->file.number, entry->size};
        hash = hash64(bytes_of(words, sizeof words));
    }
    return hash;
}

static uint64_t word_of_file(struct file_id file) {
    return (uint64_t)file.kind << 56 ^ (uint64_t)file.checkpoint << 32 ^ file.number;
}

void rolling_hash_event(struct rolling_hash *hash, struct instant at, uint32_t host,
                        const struct event *event, struct chunk *chunk) {
    uint64_t words[WORDS] = {
        hash->state,
        at.nanoseconds,
        origin(host, EVENT_MARK, event->kind),
        event->now.nanoseconds,
        event->wall.milliseconds,
        event->link.value,
        event->disk.ticket,
        (uint64_t)event->memory_is_short << 63 | (uint64_t)event->role << 32 |
            (uint64_t)event->disk.status,
        0,
        0,
    };
    switch (event->kind) {
    case EVENT_START:
        words[8] = hash64(bytes_of(event->entropy, sizeof event->entropy));
        break;
    case EVENT_LINK_ACCEPTED:
        words[8] = hash64(event->remote);
        break;
    case EVENT_LINK_BYTES:
        words[8] = hash_of_payload(event->bytes, chunk);
        words[9] = event->bytes.size;
        break;
    case EVENT_DISK_DONE:
        words[8] = event->disk.file_count > 0 ? hash_of_files(&event->disk)
                                              : hash_of_payload(event->disk.bytes, chunk);
        words[9] = event->disk.bytes.size;
        break;
    case EVENT_TIMEOUT:
    case EVENT_LINK_OPENED:
    case EVENT_LINK_DRAINED:
    case EVENT_LINK_CLOSED:
    case EVENT_STOP:
        break;
    }
    roll(hash, words);
}

void rolling_hash_effect(struct rolling_hash *hash, struct instant at, uint32_t host,
                         const struct effect *effect) {
    if (effect->kind == EFFECT_NOTE)
        return;
    uint64_t words[WORDS] = {
        hash->state,
        at.nanoseconds,
        origin(host, EFFECT_MARK, effect->kind),
        /* No effect has both a link and a new name. */
        effect->link.value ^ word_of_file(effect->to),
        word_of_file(effect->file),
        effect->ticket,
        effect->offset,
        effect->size,
        effect->bytes.size == 0 ? 0 : hash64(effect->bytes),
        effect->bytes.size,
    };
    roll(hash, words);
}
