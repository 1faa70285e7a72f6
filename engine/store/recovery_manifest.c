/* Which manifest holds, and what it says: the files that it names become the version. */
#include "engine/store/recovery_state.h"

static bool tables_are_there(struct store *store, struct effects *effects) {
    const struct recovery *recovery = store->recovery;
    for (uint32_t i = 0; i < recovery->state.table_count; i++) {
        struct table_file *file = recovery->state.tables[i].file;
        const struct file_entry *entry = recovery_find_file(recovery, table_file_id(file));
        bool there = entry != NULL && entry->size == file->size;
        if (!there &&
            !recovery_lose_table(
                store, file, entry == NULL ? 0 : entry->size,
                "the manifest knows this table, but it is not there as it should be", effects))
            return false;
    }
    return true;
}

static bool logs_are_there(struct store *store, struct effects *effects) {
    const struct recovery *recovery = store->recovery;
    for (uint32_t i = 0; i < store->facts.sealed_count; i++) {
        const struct sealed_segment *sealed = &store->facts.sealed[i];
        struct file_id file = {.kind = FILE_LOG, .number = sealed->number};
        const struct file_entry *entry = recovery_find_file(recovery, file);
        bool there = entry != NULL && entry->size >= sealed->end;
        if (!there &&
            !recovery_lose_log(
                store, file, entry == NULL ? 0 : entry->size,
                "the manifest knows this log segment, but it is not there as it should be",
                effects))
            return false;
    }
    return true;
}

static void build_version(struct store *store) {
    struct recovery *recovery = store->recovery;
    struct manifest_state *state = &recovery->state;
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        struct version_edit edit = {.added_level = level};
        for (uint32_t i = 0; i < state->table_count; i++) {
            if (state->tables[i].level == level)
                table_list_add(&edit.added, state->tables[i].file);
        }
        if (edit.added.count > 0)
            store_install(store, &edit);
        table_list_deinit(&edit.added);
    }
    for (uint32_t i = 0; i < state->table_count; i++) {
        bool last = table_file_release(state->tables[i].file);
        CHECK(!last);
        table_list_add(&recovery->opening, state->tables[i].file);
    }
    state->table_count = 0;
}

static void accept_manifest(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->manifest = recovery->reader.file;
    store->facts = recovery->state.facts;
    recovery->state.facts = (struct manifest_facts){0};
    quarantine_adopt(&store->quarantine, &recovery->state.damages);
    if (!tables_are_there(store, effects) || !logs_are_there(store, effects))
        return;
    build_version(store);
    recovery_open_tables(store, effects);
}

/* It was never completed: an older one, or none at all, tells what holds. */
static void reject_manifest(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    manifest_state_deinit(&recovery->state);
    if (recovery->current > 0 &&
        recovery->files[recovery->current - 1].file.kind == FILE_MANIFEST) {
        recovery->current--;
        recovery_begin_manifest(store, effects);
        return;
    }
    if (recovery->files[0].file.kind != FILE_MANIFEST) {
        recovery_lose_all(store, recovery->files[recovery->current].file, 0,
                          "no manifest is whole, but there are logs or tables", effects);
        return;
    }
    store->born = true;
    recovery_start_anew(store, effects);
}

/* False when the record contradicts what a manifest consists of. */
static bool take_manifest_record(struct recovery *recovery, const struct record *record) {
    recovery->records++;
    enum record_kind kind = recovery->records == 1 ? RECORD_SNAPSHOT : RECORD_EDIT;
    return record->kind == kind && record->sequence == recovery->records &&
           manifest_state_apply(&recovery->state, record->payload);
}

static void finish_manifest(struct store *store, struct effects *effects) {
    if (store->recovery->records == 0)
        reject_manifest(store, effects);
    else
        accept_manifest(store, effects);
}

/* Behind a bad record: one that says that the bad one had been synced is the proof of damage. */
static void search_manifest(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    struct record record;
    enum log_reader_result result = log_reader_search(&recovery->reader, &record);
    if (result == LOG_READER_MORE)
        recovery_read_more(store, effects);
    else if (result == LOG_READER_RECORD && record.synced > recovery->records)
        recovery_lose_all(store, recovery->reader.file, recovery->bad_at,
                          "the manifest is damaged: a later record shows that what was here had "
                          "been synced",
                          effects);
    else
        finish_manifest(store, effects);
}

void recovery_continue_manifest(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (recovery->searching) {
        search_manifest(store, effects);
        return;
    }
    for (;;) {
        struct record record;
        uint64_t at = recovery->reader.at;
        switch (log_reader_next(&recovery->reader, &record)) {
        case LOG_READER_RECORD:
            recovery->manifest_end = recovery->reader.at;
            if (take_manifest_record(recovery, &record))
                continue;
            recovery_lose_all(store, recovery->reader.file, at, "the manifest contradicts itself",
                              effects);
            return;
        case LOG_READER_MORE:
            recovery_read_more(store, effects);
            return;
        case LOG_READER_END:
            finish_manifest(store, effects);
            return;
        case LOG_READER_BAD:
            recovery->searching = true;
            recovery->bad_at = at;
            search_manifest(store, effects);
            return;
        case LOG_READER_TOO_NEW:
            recovery_fail(store, recovery->reader.file, at,
                          "the manifest was written by a later version");
            return;
        }
    }
}

void recovery_begin_manifest(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->phase = RECOVERY_MANIFEST;
    recovery->records = 0;
    recovery->searching = false;
    recovery_open(recovery, recovery->current, recovery->files[recovery->current].size);
    recovery_continue_manifest(store, effects);
}
