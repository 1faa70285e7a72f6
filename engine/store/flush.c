#include "engine/store/flush.h"

#include "engine/store/pacing.h"
#include "engine/store/store_state.h"

void flush_deinit(struct flush *flush) {
    table_output_deinit(&flush->output);
    merge_deinit(&flush->merge);
}

static bool may_begin(const struct store *store) {
    /* While the log is abandoned, writers wait for nothing but this. */
    return store->frozen_count > 0 && !trouble_waits(&store->troubles, TROUBLE_FLUSH) &&
           (store->log.abandoned || pacing_may_flush(store));
}

static void carry_ranges(struct flush *flush, const struct memtable *memtable) {
    const struct removed_ranges *removed = &memtable->removed;
    for (uint32_t i = 0; i < removed->count; i++)
        table_output_remove(&flush->output, buffer_bytes(&removed->items[i].from),
                            buffer_bytes(&removed->items[i].to));
}

static void begin(struct store *store) {
    struct flush *flush = &store->flush;
    struct table_options options = store_table_options(store, 0);
    table_output_init(&flush->output, &store->tickets, &options, store->config.table_bytes);
    flush->count = store->frozen_count;
    for (uint32_t i = flush->count; i-- > 0;) {
        carry_ranges(flush, store->frozen[i]);
        merge_add_memtable(&flush->merge, store->frozen[i]);
    }
    flush->step = merge_seek(&flush->merge, (struct bytes){0});
    flush->phase = FLUSH_BUILDING;
}

static void build_slice(struct store *store, struct effects *effects) {
    struct flush *flush = &store->flush;
    struct merge *merge = &flush->merge;
    size_t bytes = 0;
    uint64_t slice = pacing_slice_bytes(store);
    table_output_set_write_bytes(&flush->output, slice);
    while (flush->step == MERGE_ENTRY && bytes < slice && table_output_has_room(&flush->output)) {
        table_output_add(&flush->output, &store->facts.next_file, merge, store->wall);
        bytes += merge->key.size + merge->value.size;
        flush->step = merge_next(merge);
    }
    pacing_note_slice(store, bytes);
    if (flush->step == MERGE_END)
        table_output_end(&flush->output);
    table_output_pump(&flush->output, &store->facts.next_file, effects);
}

/* What the manifest is to say once the frozen memtables that go lie in tables. */
static struct manifest_facts facts_after(const struct store *store) {
    struct manifest_facts facts = store->facts;
    facts.flushed_sequence = store->frozen[store->flush.count - 1]->last_sequence;
    facts.log_first = log_writer_first_kept(&store->log, facts.flushed_sequence, facts.next_file);
    for (uint32_t i = facts.sealed_count; i-- > 0;) {
        if (facts.sealed[i].last_sequence > facts.flushed_sequence)
            facts.log_first = facts.sealed[i].number;
    }
    return facts;
}

static void begin_install(struct store *store, struct effects *effects) {
    struct manifest_facts facts = facts_after(store);
    struct buffer *payload = store_begin_manifest(store, PURPOSE_FLUSH, &facts);
    if (payload == NULL)
        return;
    const struct table_list *made = &store->flush.output.made;
    for (uint32_t i = 0; i < made->count; i++)
        manifest_put_added(payload, 0, made->items[i]);
    manifest_writer_send(&store->manifest, effects);
    store->flush.phase = FLUSH_INSTALLING;
}

bool flush_pump(struct store *store, struct effects *effects) {
    struct flush *flush = &store->flush;
    if (flush->phase == FLUSH_IDLE && may_begin(store))
        begin(store);
    if (flush->phase != FLUSH_BUILDING)
        return false;
    if (!flush->output.done)
        build_slice(store, effects);
    if (flush->output.done)
        begin_install(store, effects);
    return flush->phase == FLUSH_BUILDING && !flush->output.done &&
           !table_output_waits(&flush->output);
}

static void drop_flushed(struct store *store) {
    uint32_t count = store->flush.count;
    merge_clear(&store->flush.merge);
    for (uint32_t i = 0; i < count; i++)
        memtable_release_later(&store->unheld, store->frozen[i]);
    store->frozen_count -= count;
    memmove(store->frozen, store->frozen + count, store->frozen_count * sizeof(struct memtable *));
}

static void retire_log(struct store *store) {
    struct manifest_facts *facts = &store->facts;
    uint64_t flushed = facts->flushed_sequence;
    for (uint32_t i = 0; i < facts->sealed_count; i++) {
        if (facts->sealed[i].last_sequence <= flushed)
            store_remove_later(
                store, (struct file_id){.kind = FILE_LOG, .number = facts->sealed[i].number});
    }
    manifest_facts_unseal(facts, flushed);
    store_retire_segments(store);
}

void flush_installed(struct store *store) {
    struct flush *flush = &store->flush;
    struct manifest_facts facts = facts_after(store);
    store->facts.flushed_sequence = facts.flushed_sequence;
    store->facts.log_first = facts.log_first;
    struct version_edit edit = {.added_level = 0, .added = flush->output.made};
    /* The cursors that look into the memtables let go first. */
    store_install(store, &edit);
    drop_flushed(store);
    retire_log(store);
    store->figures.flushes++;
    store->figures.table_bytes_written += flush->output.bytes_written;
    table_output_deinit(&flush->output);
    flush->phase = FLUSH_IDLE;
}

void flush_not_installed(struct store *store) {
    store->flush.phase = FLUSH_BUILDING;
}

void flush_give_up(struct store *store) {
    store_drop_output(store, &store->flush.output);
    merge_clear(&store->flush.merge);
    store->flush.phase = FLUSH_IDLE;
}
