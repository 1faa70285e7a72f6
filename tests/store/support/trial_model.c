#include "tests/store/support/trial_model.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"

enum { TALLY_GROUPS = 8, TALLY_STEP = 117, LONG_STEP = 100, LONG_SIZES = 7 };

/* Shapes: 0 a few prefixes and chance, 1 ascending numbers, 2 each name the beginning of others, with zeros and 255 in
 * it, 3 as 0 but up to 600 bytes long. */
static void name_key(uint64_t shape, uint32_t key, struct buffer *to) {
    static const uint8_t ALPHABET[] = {0, 'a', 255};
    if (shape == 1) {
        text_append(to, "key");
        text_append_u64(to, 10000000 + key);
        return;
    }
    if (shape == 2) {
        buffer_put_u8(to, 'a');
        for (uint32_t rest = key; rest > 0; rest = (rest - 1) / 3)
            buffer_put_u8(to, ALPHABET[(rest - 1) % 3]);
        return;
    }
    text_append(to, key % 3 == 0 ? "d/" : key % 3 == 1 ? "e/" : "f");
    text_append_u64(to, hash_mix(key, 1) % 1000);
    text_append(to, "/");
    text_append_u64(to, key);
    for (uint32_t i = 0; shape == 3 && i < key % LONG_SIZES * LONG_STEP; i++)
        buffer_put_u8(to, 'x');
}

void trial_model_init(struct trial_model *model, const struct trial_options *options) {
    *model = (struct trial_model){.keys = (uint32_t)options->values[TRIAL_KEYS],
                                  .wall = TRIAL_WALL_BEGIN};
    for (uint32_t key = 0; key < model->keys; key++) {
        name_key(options->values[TRIAL_SHAPE], key, &model->names[key]);
        struct bytes name = buffer_bytes(&model->names[key]);
        uint32_t at = key;
        for (; at > 0; at--) {
            if (bytes_compare(buffer_bytes(&model->names[model->order[at - 1]]), name) < 0)
                break;
            model->order[at] = model->order[at - 1];
        }
        model->order[at] = key;
    }
}

void trial_model_deinit(struct trial_model *model) {
    for (uint32_t key = 0; key < model->keys; key++)
        buffer_deinit(&model->names[key]);
    memory_release(model->writes);
}

bool trial_model_is_live(const struct trial_model *model, uint32_t key) {
    return model->held[key] != 0 &&
           trial_write_is_live(&model->writes[model->held[key] - 1], model->wall);
}

/* All keys that are the same modulo TALLY_GROUPS. */
static uint32_t tally_of(uint32_t key) {
    return key % TALLY_GROUPS * TALLY_STEP;
}

static uint64_t digest_of(const struct trial_write *write) {
    return hash_mix(hash_mix(write->key + 1, write->sequence), write->size);
}

void trial_model_change(const struct trial_model *model, const struct trial_write *write,
                        struct tally_change *change) {
    change->tally = tally_of(write->key);
    if (write->expires != 0)
        return;
    uint32_t held = model->held[write->key];
    if (held != 0 && !model->writes[held - 1].removed && model->writes[held - 1].expires == 0) {
        change->digest ^= digest_of(&model->writes[held - 1]);
        change->count--;
    }
    if (!write->removed) {
        change->digest ^= digest_of(write);
        change->count++;
    }
}

struct bytes trial_model_prefix(const struct trial_model *model, const struct trial_write *range) {
    struct bytes name = buffer_bytes(&model->names[range->key]);
    return bytes_slice(name, 0, range->size < name.size ? range->size : name.size);
}

static void remove_range(struct trial_model *model, const struct trial_write *range) {
    struct bytes prefix = trial_model_prefix(model, range);
    for (uint32_t key = 0; key < model->keys; key++) {
        if (bytes_start_with(buffer_bytes(&model->names[key]), prefix))
            model->held[key] = 0;
    }
    for (uint32_t i = 0; range->page != STORE_NO_PAGE && i < STORE_TALLIES_PER_PAGE; i++) {
        uint32_t tally = range->page * STORE_TALLIES_PER_PAGE + i;
        model->total -= model->counts[tally];
        model->digests[tally] = 0;
        model->counts[tally] = 0;
    }
}

static void replay(struct trial_model *model, uint32_t index) {
    const struct trial_write *write = &model->writes[index];
    if (write->range) {
        remove_range(model, write);
        return;
    }
    struct tally_change change = {.tally = 0};
    trial_model_change(model, write, &change);
    model->digests[change.tally] ^= change.digest;
    model->counts[change.tally] += change.count;
    model->total += change.count;
    model->held[write->key] = index + 1;
}

void trial_model_apply(struct trial_model *model, struct trial_write write) {
    if (model->count == model->capacity) {
        model->capacity = model->capacity * 2 + 64;
        model->writes = memory_resize(model->writes, model->capacity * sizeof *model->writes);
    }
    model->writes[model->count] = write;
    replay(model, model->count++);
}

void trial_model_truncate(struct trial_model *model, uint64_t last) {
    memset(model->held, 0, sizeof model->held);
    memset(model->digests, 0, sizeof model->digests);
    memset(model->counts, 0, sizeof model->counts);
    model->total = 0;
    uint32_t count = 0;
    while (count < model->count && model->writes[count].sequence <= last)
        replay(model, count++);
    model->count = count;
}

void trial_write_value(const struct trial_write *write, struct buffer *value) {
    buffer_clear(value);
    uint64_t seed = hash_mix(write->sequence, write->key);
    uint8_t *to = buffer_reserve(value, write->size);
    uint64_t random = 0;
    for (uint32_t i = 0; i < write->size; i++) {
        random = i % 8 == 0 ? hash_mix(seed, i / 8) : random >> 8;
        to[i] = i % 2 == 0 ? (uint8_t)'v' : (uint8_t)random;
    }
    value->size += write->size;
}

void trial_model_value(const struct trial_model *model, uint32_t key, struct buffer *value) {
    trial_write_value(&model->writes[model->held[key] - 1], value);
}
