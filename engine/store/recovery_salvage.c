/* What recovery does about damage: it stops, or sets aside what cannot be trusted and goes on. */
#include "engine/store/recovery_state.h"

bool recovery_lose_table(struct store *store, struct table_file *file, uint64_t offset,
                         const char *what, struct effects *effects) {
    if (!store->config.salvages) {
        recovery_fail(store, table_file_id(file), offset, what);
        return false;
    }
    file->is_lost = true;
    quarantine_table(store, file, effects);
    return true;
}

void recovery_drop_lost_tables(struct store *store) {
    const struct recovery *recovery = store->recovery;
    struct version_edit edit = {0};
    for (uint32_t i = 0; i < recovery->opening.count; i++) {
        if (recovery->opening.items[i]->is_lost)
            table_list_add(&edit.removed, recovery->opening.items[i]);
    }
    if (edit.removed.count == 0)
        return;
    struct version *whole = store->version;
    struct table_list dead = {0};
    store->version = version_apply(whole, &edit);
    version_release(whole, &dead);
    /* Their files are set aside, not removed. */
    for (uint32_t i = 0; i < dead.count; i++)
        table_file_destroy(dead.items[i]);
    table_list_deinit(&dead);
    table_list_deinit(&edit.removed);
}

void recovery_set_segments_aside(struct store *store, struct file_id after) {
    const struct recovery *recovery = store->recovery;
    for (size_t i = 0; i < recovery->file_count; i++) {
        struct file_id file = recovery->files[i].file;
        if (recovery_segment_counts(store, file) && file.number > after.number)
            quarantine_set_aside(store, file);
    }
}

bool recovery_lose_log(struct store *store, struct file_id file, uint64_t offset, const char *what,
                       struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (!store->config.salvages) {
        recovery_fail(store, file, offset, what);
        return false;
    }
    if (!recovery->log_is_lost)
        quarantine_all(store, STORE_DAMAGE_LOG, file, offset, effects);
    recovery->log_is_lost = true;
    recovery_set_segments_aside(store, file);
    return true;
}

void recovery_lose_all(struct store *store, struct file_id file, uint64_t offset, const char *what,
                       struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (!store->config.salvages) {
        recovery_fail(store, file, offset, what);
        return;
    }
    manifest_state_deinit(&recovery->state);
    for (size_t i = 0; i < recovery->file_count; i++)
        quarantine_set_aside(store, recovery->files[i].file);
    store->born = true;
    quarantine_all(store, STORE_DAMAGE_MANIFEST, file, offset, effects);
    recovery_start_anew(store, effects);
}
