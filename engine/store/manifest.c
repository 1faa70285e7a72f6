#include "engine/store/manifest.h"

#include "engine/base/memory.h"
#include "engine/store/store.h"

enum manifest_tag {
    TAG_NEXT_FILE = 1,
    TAG_FLUSHED,
    TAG_LOG_FIRST,
    TAG_OPEN_FROM,
    TAG_CLOSED,
    TAG_SEALED,
    TAG_ADDED,
    TAG_REMOVED,
    TAG_ROLLED_BACK,
};

enum { SEALED_CAPACITY_MIN = 4, TABLES_CAPACITY_MIN = 16 };

void manifest_facts_deinit(struct manifest_facts *facts) {
    memory_release(facts->sealed);
    *facts = (struct manifest_facts){0};
}

void manifest_facts_seal(struct manifest_facts *facts, struct sealed_segment segment) {
    if (facts->sealed_count == facts->sealed_capacity) {
        facts->sealed_capacity =
            facts->sealed_capacity == 0 ? SEALED_CAPACITY_MIN : facts->sealed_capacity * 2;
        facts->sealed =
            memory_resize(facts->sealed, facts->sealed_capacity * sizeof *facts->sealed);
    }
    facts->sealed[facts->sealed_count++] = segment;
}

void manifest_facts_unseal(struct manifest_facts *facts, uint64_t sequence) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < facts->sealed_count; i++) {
        if (facts->sealed[i].last_sequence > sequence)
            facts->sealed[kept++] = facts->sealed[i];
    }
    facts->sealed_count = kept;
}

static void put_fact(struct buffer *to, enum manifest_tag tag, uint64_t value) {
    buffer_put_u8(to, (uint8_t)tag);
    buffer_put_varint(to, value);
}

void manifest_put_facts(struct buffer *to, const struct manifest_facts *facts, bool with_sealed) {
    put_fact(to, TAG_NEXT_FILE, facts->next_file);
    put_fact(to, TAG_FLUSHED, facts->flushed_sequence);
    put_fact(to, TAG_LOG_FIRST, facts->log_first);
    put_fact(to, TAG_OPEN_FROM, facts->open_from);
    if (facts->closed)
        put_fact(to, TAG_CLOSED, facts->closed_sequence);
    if (facts->rolled_back)
        buffer_put_u8(to, TAG_ROLLED_BACK);
    for (uint32_t i = 0; with_sealed && i < facts->sealed_count; i++) {
        put_fact(to, TAG_SEALED, facts->sealed[i].number);
        buffer_put_varint(to, facts->sealed[i].end);
        buffer_put_varint(to, facts->sealed[i].last_sequence);
    }
}

void manifest_put_added(struct buffer *to, uint32_t level, const struct table_file *file) {
    put_fact(to, TAG_ADDED, level);
    buffer_put_varint(to, file->number);
    buffer_put_varint(to, file->run);
    buffer_put_varint(to, file->size);
    buffer_put_varint(to, file->tail_size);
    buffer_put_varint(to, file->entry_count);
    buffer_put_varint(to, file->removed_count);
    buffer_put_varint(to, file->range_count);
    buffer_put_bytes(to, table_file_smallest(file));
    buffer_put_bytes(to, table_file_largest(file));
    buffer_put_varint(to, file->largest_excluded);
    for (uint32_t i = 0; i < file->lost_count; i++)
        damage_put_lost_block(file->number, file->lost_blocks[i], to);
}

void manifest_put_removed(struct buffer *to, const struct table_file *file) {
    put_fact(to, TAG_REMOVED, file->number);
}

void manifest_put_version(struct buffer *to, const struct version *version) {
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        for (uint32_t i = 0; i < version->levels[level].count; i++)
            manifest_put_added(to, level, version->levels[level].tables[i]);
    }
}

void manifest_state_deinit(struct manifest_state *state) {
    for (uint32_t i = 0; i < state->table_count; i++)
        table_file_destroy(state->tables[i].file);
    memory_release(state->tables);
    manifest_facts_deinit(&state->facts);
    damage_list_deinit(&state->damages);
    *state = (struct manifest_state){0};
}

static bool find_table(const struct manifest_state *state, uint64_t number, uint32_t *index) {
    for (uint32_t i = 0; i < state->table_count; i++) {
        if (state->tables[i].file->number == number) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool table_is_sound(const struct table_file *file) {
    int order = bytes_compare(table_file_smallest(file), table_file_largest(file));
    bool keys = file->smallest.size > 0 && file->largest.size <= STORE_KEY_MAX &&
                (order < 0 || (order == 0 && !file->largest_excluded));
    return keys && file->tail_size >= TABLE_FOOTER_SIZE && file->tail_size <= file->size &&
           file->size < UINT64_MAX / 2;
}

static bool apply_added(struct manifest_state *state, struct reader *from) {
    uint64_t level = reader_varint(from);
    struct table_file *file = table_file_create(reader_varint(from));
    file->run = reader_varint(from);
    file->size = reader_varint(from);
    file->tail_size = reader_varint(from);
    file->entry_count = reader_varint(from);
    file->removed_count = reader_varint(from);
    file->range_count = reader_varint(from);
    buffer_append(&file->smallest, reader_bytes(from));
    buffer_append(&file->largest, reader_bytes(from));
    uint64_t excluded = reader_varint(from);
    file->largest_excluded = excluded == 1;
    uint32_t index;
    if (from->failed || excluded > 1 || level >= VERSION_LEVELS || !table_is_sound(file) ||
        find_table(state, file->number, &index)) {
        table_file_destroy(file);
        return false;
    }
    if (state->table_count == state->table_capacity) {
        state->table_capacity =
            state->table_capacity == 0 ? TABLES_CAPACITY_MIN : state->table_capacity * 2;
        state->tables = memory_resize(state->tables, state->table_capacity * sizeof *state->tables);
    }
    state->tables[state->table_count++] =
        (struct manifest_table){.level = (uint32_t)level, .file = file};
    return true;
}

static bool apply_removed(struct manifest_state *state, struct reader *from) {
    uint64_t number = reader_varint(from);
    uint32_t index;
    if (from->failed || !find_table(state, number, &index))
        return false;
    table_file_destroy(state->tables[index].file);
    state->table_count--;
    memmove(state->tables + index, state->tables + index + 1,
            (state->table_count - index) * sizeof *state->tables);
    return true;
}

/* A table that is gone meanwhile has nothing left to lose. */
static bool apply_lost_block(struct manifest_state *state, struct reader *from) {
    uint64_t number = reader_varint(from);
    uint64_t offset = reader_varint(from);
    uint32_t index;
    if (!from->failed && find_table(state, number, &index))
        table_file_lose_block(state->tables[index].file, offset);
    return !from->failed;
}

static bool apply_sealed(struct manifest_state *state, struct reader *from) {
    struct sealed_segment segment = {0};
    segment.number = reader_varint(from);
    segment.end = reader_varint(from);
    segment.last_sequence = reader_varint(from);
    const struct manifest_facts *facts = &state->facts;
    bool ascending =
        facts->sealed_count == 0 || facts->sealed[facts->sealed_count - 1].number < segment.number;
    if (from->failed || !ascending)
        return false;
    manifest_facts_seal(&state->facts, segment);
    return true;
}

static bool apply_fact(struct manifest_state *state, struct reader *from) {
    struct manifest_facts *facts = &state->facts;
    switch (reader_u8(from)) {
    case TAG_NEXT_FILE:
        facts->next_file = reader_varint(from);
        return !from->failed;
    case TAG_FLUSHED:
        facts->flushed_sequence = reader_varint(from);
        return !from->failed;
    case TAG_LOG_FIRST:
        facts->log_first = reader_varint(from);
        return !from->failed;
    case TAG_OPEN_FROM:
        facts->open_from = reader_varint(from);
        return !from->failed;
    case TAG_CLOSED:
        facts->closed = true;
        facts->closed_sequence = reader_varint(from);
        return !from->failed;
    case TAG_SEALED:
        return apply_sealed(state, from);
    case TAG_ADDED:
        return apply_added(state, from);
    case TAG_REMOVED:
        return apply_removed(state, from);
    case TAG_ROLLED_BACK:
        facts->rolled_back = true;
        return true;
    case DAMAGE_TAG_DAMAGE:
        return damage_take(&state->damages, from);
    case DAMAGE_TAG_HEALED:
        return damage_take_healed(&state->damages, from);
    case DAMAGE_TAG_ANSWERED:
        return damage_take_answered(&state->damages, from);
    case DAMAGE_TAG_LOST_BLOCK:
        return apply_lost_block(state, from);
    default:
        return false;
    }
}

bool manifest_state_apply(struct manifest_state *state, struct bytes payload) {
    struct reader reader = reader_of(payload);
    state->facts.closed = false;
    state->facts.rolled_back = false;
    while (reader.left > 0) {
        if (!apply_fact(state, &reader))
            return false;
    }
    /* What an edit made obsolete is not repeated in it. */
    manifest_facts_unseal(&state->facts, state->facts.flushed_sequence);
    return state->facts.next_file < UINT64_MAX / 2 &&
           state->facts.flushed_sequence < UINT64_MAX / 2;
}
