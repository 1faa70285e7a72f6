#include "engine/store/quarantine.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/store/store_state.h"

enum { WAITERS_CAPACITY_MIN = 8, ASIDE_CAPACITY_MIN = 4, NOTE_KEY_MAX = 40 };

void quarantine_init(struct quarantine *quarantine) {
    *quarantine = (struct quarantine){.aside_wait = {.kind = WAIT_SET_ASIDE}};
}

void quarantine_deinit(struct quarantine *quarantine) {
    damage_list_deinit(&quarantine->damages);
    buffer_deinit(&quarantine->pending);
    memory_release(quarantine->waiters);
    memory_release(quarantine->aside);
    *quarantine = (struct quarantine){0};
}

void quarantine_adopt(struct quarantine *quarantine, struct damage_list *damages) {
    quarantine->damages = *damages;
    *damages = (struct damage_list){0};
    if (quarantine->damages.count > 0)
        quarantine->last_id = quarantine->damages.items[quarantine->damages.count - 1].id;
}

bool quarantine_meets(const struct quarantine *quarantine, struct bytes from, struct bytes to) {
    for (uint32_t i = 0; i < quarantine->damages.count; i++) {
        if (damage_meets(&quarantine->damages.items[i], from, to))
            return true;
    }
    return false;
}

bool quarantine_meets_prefix(const struct quarantine *quarantine, struct bytes from,
                             struct bytes prefix) {
    for (uint32_t i = 0; i < quarantine->damages.count; i++) {
        const struct damage *damage = &quarantine->damages.items[i];
        struct bytes first = buffer_bytes(&damage->from);
        bool begins_in_time = bytes_compare(first, prefix) <= 0 || bytes_start_with(first, prefix);
        if (begins_in_time && damage_meets(damage, from, (struct bytes){0}))
            return true;
    }
    return false;
}

/* --- new damages -------------------------------------------------------------------------------- */

static const char *words_of(enum store_damage_kind kind) {
    switch (kind) {
    case STORE_DAMAGE_BLOCK:
        return "a block cannot be read";
    case STORE_DAMAGE_TABLE:
        return "the table cannot be read";
    case STORE_DAMAGE_LOG:
        return "the log is damaged, and what had followed is lost";
    case STORE_DAMAGE_MANIFEST:
        return "no manifest can be read, and all that was here is set aside";
    case STORE_DAMAGE_KINDS:
        break;
    }
    CHECK_UNREACHABLE("a damage has a known kind");
}

static void note(const struct damage *damage, struct effects *effects) {
    char name[FILE_NAME_SIZE];
    file_name(damage->file, name);
    struct buffer sentence = {0};
    text_append(&sentence, name);
    text_append(&sentence, " at offset ");
    text_append_u64(&sentence, damage->offset);
    text_append(&sentence, ": ");
    text_append(&sentence, words_of(damage->kind));
    if (damage->to.size > 0) {
        text_append(&sentence, damage->after ? "; quarantined are the keys behind "
                                             : "; quarantined are the keys from ");
        text_append_quoted(&sentence, buffer_bytes(&damage->from), NOTE_KEY_MAX);
        text_append(&sentence, " to ");
        text_append_quoted(&sentence, buffer_bytes(&damage->to), NOTE_KEY_MAX);
    }
    effects_note(effects, NOTE_WARNING, arena_copy(&effects->arena, buffer_bytes(&sentence)));
    buffer_deinit(&sentence);
}

/* Too many to tell apart: whoever heals begins anew with one that concerns every key. */
static void forget_all(struct quarantine *quarantine) {
    while (quarantine->damages.count > 0) {
        damage_put_healed(quarantine->damages.items[0].id, &quarantine->pending);
        damage_list_remove(&quarantine->damages, quarantine->damages.items[0].id);
    }
}

static struct damage *begin_damage(struct store *store, enum store_damage_kind kind,
                                   struct file_id file, uint64_t offset) {
    struct damage *damage =
        damage_list_add(&store->quarantine.damages, ++store->quarantine.last_id);
    damage->kind = kind;
    damage->file = file;
    damage->offset = offset;
    damage->first_run = kind == STORE_DAMAGE_LOG ? DAMAGE_RUN_UNKNOWN : store->facts.next_file;
    return damage;
}

static void end_damage(struct store *store, struct damage *damage, struct effects *effects) {
    struct quarantine *quarantine = &store->quarantine;
    damage->change = ++quarantine->changes;
    store->work_left = true;
    damage_put(damage, &quarantine->pending);
    quarantine->found++;
    note(damage, effects);
}

/* False when it was told apart from the others. */
static bool is_one_too_many(struct store *store, enum store_damage_kind kind, struct file_id file,
                            uint64_t offset, struct effects *effects) {
    if (store->quarantine.damages.count < QUARANTINE_DAMAGES_MAX)
        return false;
    forget_all(&store->quarantine);
    end_damage(store, begin_damage(store, kind, file, offset), effects);
    return true;
}

/* The index of the block is at hand when the block was just found by it. */
static void put_range(struct store *store, const struct table_file *file, uint64_t offset,
                      struct damage *damage) {
    struct table_window window = {0};
    struct block_handle index;
    struct lent_block lent;
    if (table_index_of(file->table, offset, &index) &&
        (block_cache_get(store_cache(store), file->number, index.offset, &lent) ||
         block_reads_find(&store->reads, file->number, index.offset, &lent)))
        table_window_set(&window, file->table, &index, lent.contents);
    struct bytes from, to;
    table_file_block_range(file, &window, offset, &from, &damage->after, &to);
    buffer_append(&damage->from, from);
    buffer_append(&damage->to, to);
}

void quarantine_block(struct store *store, struct table_file *file,
                      const struct block_handle *handle, struct effects *effects) {
    if (table_file_lacks(file, handle->offset))
        return;
    struct file_id id = table_file_id(file);
    table_file_lose_block(file, handle->offset);
    damage_put_lost_block(file->number, handle->offset, &store->quarantine.pending);
    store->quarantine.changes++;
    store->work_left = true;
    if (handle->kind != BLOCK_FILTER &&
        !is_one_too_many(store, STORE_DAMAGE_BLOCK, id, handle->offset, effects)) {
        struct damage *damage = begin_damage(store, STORE_DAMAGE_BLOCK, id, handle->offset);
        put_range(store, file, handle->offset, damage);
        end_damage(store, damage, effects);
    }
    /* Cursors that stand in the block, and a compaction that has read it before, would go on with what they have of it. */
    store_detach_cursors(store);
    compaction_forget(store, file);
}

void quarantine_table(struct store *store, const struct table_file *file, struct effects *effects) {
    struct file_id id = table_file_id(file);
    uint64_t offset = file->size - file->tail_size;
    quarantine_set_aside(store, id);
    if (is_one_too_many(store, STORE_DAMAGE_TABLE, id, offset, effects))
        return;
    struct damage *damage = begin_damage(store, STORE_DAMAGE_TABLE, id, offset);
    buffer_append(&damage->from, table_file_smallest(file));
    buffer_append(&damage->to, table_file_largest(file));
    end_damage(store, damage, effects);
}

void quarantine_all(struct store *store, enum store_damage_kind kind, struct file_id file,
                    uint64_t offset, struct effects *effects) {
    end_damage(store, begin_damage(store, kind, file, offset), effects);
}

void quarantine_answer(struct store *store, struct bytes key, uint64_t run) {
    struct quarantine *quarantine = &store->quarantine;
    for (uint32_t i = 0; i < quarantine->damages.count; i++) {
        struct damage *damage = &quarantine->damages.items[i];
        if (run >= damage->first_run && damage_has(damage, key) &&
            damage_answer(damage, hash64(key)))
            damage_put_answered(damage->id, hash64(key), &quarantine->pending);
    }
}

/* --- what the manifest has ---------------------------------------------------------------------- */

void quarantine_wait(struct store *store, uint64_t waiter) {
    struct quarantine *quarantine = &store->quarantine;
    if (quarantine->waiter_count == quarantine->waiter_capacity) {
        quarantine->waiter_capacity = quarantine->waiter_capacity == 0
                                          ? WAITERS_CAPACITY_MIN
                                          : quarantine->waiter_capacity * 2;
        quarantine->waiters = memory_resize(quarantine->waiters, quarantine->waiter_capacity *
                                                                     sizeof *quarantine->waiters);
    }
    quarantine->waiters[quarantine->waiter_count++] = waiter;
}

void quarantine_put_all(const struct quarantine *quarantine, struct buffer *to) {
    for (uint32_t i = 0; i < quarantine->damages.count; i++)
        damage_put(&quarantine->damages.items[i], to);
}

void quarantine_carry(struct quarantine *quarantine) {
    buffer_clear(&quarantine->pending);
    quarantine->carried = quarantine->changes;
}

void quarantine_put_pending(struct quarantine *quarantine, struct buffer *to) {
    buffer_append(to, buffer_bytes(&quarantine->pending));
    quarantine_carry(quarantine);
}

void quarantine_noted(struct store *store) {
    struct quarantine *quarantine = &store->quarantine;
    quarantine->durable = quarantine->carried;
    if (!quarantine_is_noted(quarantine))
        return;
    for (uint32_t i = 0; i < quarantine->waiter_count; i++)
        block_reads_add_ready(&store->reads, quarantine->waiters[i]);
    quarantine->waiter_count = 0;
}

/* --- files that are set aside ------------------------------------------------------------------- */

void quarantine_set_aside(struct store *store, struct file_id file) {
    struct quarantine *quarantine = &store->quarantine;
    if (quarantine_is_aside(quarantine, file))
        return;
    if (quarantine->aside_count == quarantine->aside_capacity) {
        quarantine->aside_capacity =
            quarantine->aside_capacity == 0 ? ASIDE_CAPACITY_MIN : quarantine->aside_capacity * 2;
        quarantine->aside = memory_resize(quarantine->aside,
                                          quarantine->aside_capacity * sizeof *quarantine->aside);
    }
    quarantine->aside[quarantine->aside_count++] = file;
}

bool quarantine_is_aside(const struct quarantine *quarantine, struct file_id file) {
    for (uint32_t i = 0; i < quarantine->aside_count; i++) {
        if (file_equal(quarantine->aside[i], file))
            return true;
    }
    return false;
}

static void pump_aside(struct store *store, struct effects *effects) {
    struct quarantine *quarantine = &store->quarantine;
    if (quarantine->aside_count == 0 || quarantine->aside_wait.pending ||
        trouble_waits(&store->troubles, TROUBLE_ASIDE))
        return;
    struct file_id file = quarantine->aside[--quarantine->aside_count];
    quarantine->aside_last = file;
    struct file_id to = {.kind = FILE_QUARANTINED, .number = file.number};
    effects_rename(effects, tickets_draw(&store->tickets, &quarantine->aside_wait), file, to);
}

/* Under its old name it would be removed at the next start, as one that nobody needs. */
void quarantine_on_aside(struct store *store, enum disk_status status, struct effects *effects) {
    struct quarantine *quarantine = &store->quarantine;
    bool done = status == DISK_OK || status == DISK_NO_FILE;
    if (!done && ++quarantine->aside_failures <= TROUBLE_ATTEMPTS_MAX) {
        trouble_note(store, TROUBLE_ASIDE, "set aside", quarantine->aside_last, status, effects);
        quarantine_set_aside(store, quarantine->aside_last);
        return;
    }
    quarantine->aside_failures = 0;
    if (done)
        trouble_over(store, TROUBLE_ASIDE, effects);
    else
        trouble_forget(store, TROUBLE_ASIDE);
}

/* --- healing ------------------------------------------------------------------------------------ */

static void heal_flushed(struct store *store) {
    struct quarantine *quarantine = &store->quarantine;
    for (uint32_t i = quarantine->damages.count; i-- > 0;) {
        const struct damage *damage = &quarantine->damages.items[i];
        if (!damage->heals || damage->heal_sequence > store->facts.flushed_sequence)
            continue;
        damage_put_healed(damage->id, &quarantine->pending);
        damage_list_remove(&quarantine->damages, damage->id);
        quarantine->changes++;
        quarantine->healed++;
    }
}

/* What is written from now on is younger than a log that had lost its end. */
static void date_flushed(struct store *store) {
    struct quarantine *quarantine = &store->quarantine;
    for (uint32_t i = 0; i < quarantine->damages.count; i++) {
        struct damage *damage = &quarantine->damages.items[i];
        if (damage->first_run != DAMAGE_RUN_UNKNOWN ||
            damage->sequence > store->facts.flushed_sequence)
            continue;
        damage->first_run = store->facts.next_file;
        damage_put(damage, &quarantine->pending);
    }
}

void quarantine_begin(struct store *store) {
    struct quarantine *quarantine = &store->quarantine;
    for (uint32_t i = 0; i < quarantine->damages.count; i++) {
        struct damage *damage = &quarantine->damages.items[i];
        if (damage->first_run != DAMAGE_RUN_UNKNOWN)
            continue;
        store_freeze(store);
        damage->sequence = store->log.next_sequence - 1;
    }
}

void quarantine_pump(struct store *store, struct effects *effects) {
    heal_flushed(store);
    date_flushed(store);
    if (store->quarantine.pending.size > 0) {
        struct buffer *payload = store_begin_manifest(store, PURPOSE_QUARANTINE, &store->facts);
        if (payload != NULL)
            manifest_writer_send(&store->manifest, effects);
    }
    pump_aside(store, effects);
}

/* --- what the store's user sees ----------------------------------------------------------------- */

bool store_next_damage(const struct store *store, uint64_t after, struct store_damage *damage) {
    const struct quarantine *quarantine = &store->quarantine;
    for (uint32_t i = 0; i < quarantine->damages.count; i++) {
        const struct damage *item = &quarantine->damages.items[i];
        if (item->id <= after || item->change > quarantine->durable)
            continue;
        *damage = (struct store_damage){
            .id = item->id,
            .kind = item->kind,
            .file = item->file,
            .offset = item->offset,
            .from = buffer_bytes(&item->from),
            .to = buffer_bytes(&item->to),
            .after = item->after,
        };
        return true;
    }
    return false;
}

uint64_t store_damage_changes(const struct store *store) {
    return store->quarantine.durable;
}

void store_heal(struct store *store, uint64_t id) {
    struct damage *damage = damage_list_find(&store->quarantine.damages, id);
    if (damage == NULL || damage->heals)
        return;
    damage->heals = true;
    /* What was written in its place must be in tables first: a log that loses its end would take it back, and nothing would
     * say any more that it is missing. */
    store_freeze(store);
    damage->heal_sequence = store->log.next_sequence - 1;
}
