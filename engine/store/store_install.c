/* What changes when a manifest record has become durable, and what is let go of then. */
#include "engine/store/store_state.h"

static void destroy_dead(struct store *store, struct table_file *file) {
    if (store->cache != NULL)
        block_cache_forget_file(store->cache, file->number);
    block_reads_forget_file(&store->reads, file->number);
    store_remove_later(store, table_file_id(file));
    table_file_destroy(file);
}

void store_release_table(struct store *store, struct table_file *file) {
    if (table_file_release(file))
        destroy_dead(store, file);
}

void store_release_version(struct store *store, struct version *version) {
    version_release(version, &store->dead_tables);
}

bool store_destroy_dead_tables(struct store *store, uint32_t most) {
    struct table_list *dead = &store->dead_tables;
    for (uint32_t i = 0; i < most && dead->count > 0; i++)
        destroy_dead(store, dead->items[--dead->count]);
    if (dead->count == 0)
        table_list_deinit(dead);
    return dead->count == 0;
}

void store_install(struct store *store, const struct version_edit *edit) {
    struct version *old = store->version;
    store->version = version_apply(old, edit);
    compaction_reconsider(&store->compaction);
    store_note_expiring(store);
    store_detach_cursors(store);
    store_release_version(store, old);
}

struct buffer *store_begin_manifest(struct store *store, enum manifest_purpose purpose,
                                    const struct manifest_facts *facts) {
    if (!manifest_writer_may_append(&store->manifest))
        return NULL;
    struct buffer *payload = manifest_writer_begin(&store->manifest, purpose, 0);
    manifest_put_facts(payload, facts, false);
    quarantine_put_pending(&store->quarantine, payload);
    return payload;
}

void store_put_snapshot(const struct store *store, struct buffer *to,
                        const struct manifest_facts *facts, const struct version *version) {
    manifest_put_facts(to, facts, true);
    manifest_put_version(to, version);
    quarantine_put_all(&store->quarantine, to);
}

void store_roll_manifest(struct store *store, enum manifest_purpose purpose,
                         struct effects *effects) {
    uint64_t number = store->facts.next_file++;
    struct buffer *payload = manifest_writer_begin(&store->manifest, purpose, number);
    store_put_snapshot(store, payload, &store->facts, store->version);
    quarantine_carry(&store->quarantine);
    manifest_writer_send(&store->manifest, effects);
}

void store_drop_output(struct store *store, struct table_output *output) {
    for (uint32_t i = 0; i < output->made.count; i++)
        store_remove_later(store, table_file_id(output->made.items[i]));
    if (output->builder != NULL)
        store_remove_later(store, output->file);
    table_output_deinit(output);
}

struct table_options store_table_options(struct store *store, uint32_t level) {
    return (struct table_options){
        .block_bytes = store->config.block_bytes,
        .filter_bits_per_key = store->config.filter_bits_per_key,
        .compression = store->config.compression[level],
        .context = &store->tables,
        .partition_above = store->config.partition_above,
    };
}
