#include "engine/store/recovery.h"

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/store/recovery_state.h"

void recovery_fail(struct store *store, struct file_id file, uint64_t offset, const char *what) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    struct buffer sentence = {0};
    text_append(&sentence, name);
    text_append(&sentence, " at offset ");
    text_append_u64(&sentence, offset);
    text_append(&sentence, ": ");
    text_append(&sentence, what);
    store_fail(store, buffer_bytes(&sentence));
    buffer_deinit(&sentence);
}

void recovery_open(struct recovery *recovery, size_t index, uint64_t size) {
    recovery->current = index;
    log_reader_open(&recovery->reader, recovery->files[index].file, size);
}

void recovery_read_more(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    uint64_t offset;
    uint64_t size = log_reader_wants(&recovery->reader, &offset);
    effects_read(effects, tickets_draw(&store->tickets, &recovery->read_wait),
                 recovery->reader.file, offset, size);
}

void recovery_start(struct store *store, struct effects *effects) {
    struct recovery *recovery = memory_allocate_zeroed(1, sizeof *recovery);
    recovery->list_wait = (struct disk_wait){.kind = WAIT_RECOVERY_LIST};
    recovery->read_wait = (struct disk_wait){.kind = WAIT_RECOVERY_READ};
    recovery->write_wait = (struct disk_wait){.kind = WAIT_RECOVERY_WRITE};
    recovery->sync_wait = (struct disk_wait){.kind = WAIT_RECOVERY_SYNC};
    recovery->remove_wait = (struct disk_wait){.kind = WAIT_RECOVERY_REMOVE};
    recovery->directory_wait = (struct disk_wait){.kind = WAIT_RECOVERY_DIRECTORY};
    store->recovery = recovery;
    effects_list(effects, tickets_draw(&store->tickets, &recovery->list_wait));
}

void recovery_destroy(struct store *store) {
    struct recovery *recovery = store->recovery;
    if (recovery == NULL)
        return;
    memory_release(recovery->files);
    memory_release(recovery->empty);
    memory_release(recovery->superfluous);
    memory_release(recovery->found);
    log_reader_close(&recovery->reader);
    manifest_state_deinit(&recovery->state);
    table_list_deinit(&recovery->opening);
    buffer_deinit(&recovery->tally_from);
    buffer_deinit(&recovery->rewriting);
    memory_release(recovery);
    store->recovery = NULL;
}

static bool file_goes_before(const struct file_entry *left, const struct file_entry *right) {
    if (left->file.kind != right->file.kind)
        return left->file.kind < right->file.kind;
    return left->file.number < right->file.number;
}

/* Shell's sort: short, in place, and quick enough for thousands of names. */
static void sort_files(struct file_entry *files, size_t count) {
    for (size_t gap = count / 2; gap > 0; gap /= 2) {
        for (size_t i = gap; i < count; i++) {
            struct file_entry moving = files[i];
            size_t at = i;
            while (at >= gap && file_goes_before(&moving, &files[at - gap])) {
                files[at] = files[at - gap];
                at -= gap;
            }
            files[at] = moving;
        }
    }
}

const struct file_entry *recovery_find_file(const struct recovery *recovery, struct file_id file) {
    size_t low = 0;
    size_t high = recovery->file_count;
    struct file_entry wanted = {.file = file};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (file_goes_before(&recovery->files[middle], &wanted))
            low = middle + 1;
        else
            high = middle;
    }
    bool there = low < recovery->file_count && file_equal(recovery->files[low].file, file);
    return there ? &recovery->files[low] : NULL;
}

/* A number that lies on the disk is never given again, whatever the manifest knows of it. */
static void draw_numbers_behind_files(struct store *store) {
    const struct recovery *recovery = store->recovery;
    if (store->facts.next_file == 0)
        store->facts.next_file = 1;
    if (recovery->last_number >= store->facts.next_file)
        store->facts.next_file = recovery->last_number + 1;
    for (size_t i = 0; i < recovery->file_count; i++) {
        if (recovery->files[i].file.number >= store->facts.next_file)
            store->facts.next_file = recovery->files[i].file.number + 1;
    }
}

static void seal_logs(struct store *store) {
    struct recovery *recovery = store->recovery;
    struct manifest_facts *facts = &store->facts;
    facts->sealed_count = 0;
    for (uint32_t i = 0; i < recovery->found_count; i++) {
        if (recovery->found[i].last_sequence > facts->flushed_sequence)
            manifest_facts_seal(facts, recovery->found[i]);
    }
    draw_numbers_behind_files(store);
    facts->open_from = facts->next_file;
    facts->log_first = facts->sealed_count > 0 ? facts->sealed[0].number : facts->next_file;
}

void recovery_start_anew(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->phase = RECOVERY_STARTING;
    uint64_t last = store->facts.flushed_sequence;
    if (recovery->next_sequence > last + 1)
        last = recovery->next_sequence - 1;
    /* Nothing but the log tells what came behind the mark. */
    store->closed_cleanly =
        store->facts.closed && last == store->facts.closed_sequence && !recovery->log_is_lost;
    store->facts.closed = false;
    recovery_note_superfluous(store);
    seal_logs(store);
    log_writer_begin(&store->log, last);
    store_roll_manifest(store, PURPOSE_START, effects);
}

static bool is_needed(const struct store *store, struct file_id file) {
    switch (file.kind) {
    case FILE_LOG:
        for (uint32_t i = 0; i < store->facts.sealed_count; i++) {
            if (store->facts.sealed[i].number == file.number)
                return true;
        }
        return false;
    case FILE_TABLE:
        return version_table(store->version, file.number) != NULL;
    case FILE_MANIFEST:
        return file.number == store->manifest.file.number;
    case FILE_QUARANTINED:
        return true;
    }
    return false;
}

void recovery_started(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    for (size_t i = 0; i < recovery->file_count; i++) {
        /* Also a segment that could serve once more: a crash in the middle of a rename may leave two names of one file, and
         * the other may be needed. */
        struct file_id file = recovery->files[i].file;
        if (is_needed(store, file) || quarantine_is_aside(&store->quarantine, file))
            continue;
        /* Where something is lost, a table that nothing names may be what people look for. */
        if (store->quarantine.found > 0 && file.kind == FILE_TABLE)
            quarantine_set_aside(store, file);
        else
            store_remove_later(store, file);
    }
    if (store->facts.sealed_count > RECOVERY_SEALED_MAX)
        store_freeze(store);
    quarantine_begin(store);
    recovery_repeat_blocks(store, effects);
    store->phase = STORE_PHASE_SERVING;
    store_note_expiring(store);
    recovery_destroy(store);
}

static void read_tallies(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->phase = RECOVERY_TALLIES;
    struct store_entry page;
    for (;;) {
        struct buffer *from = &recovery->tally_from;
        enum store_status status = store_scan_all(store, tallies_key_prefix(), buffer_bytes(from),
                                                  from->size > 0, BLOCK_WAITER_OWN, &page, effects);
        if (status == STORE_NEED_BLOCK)
            return;
        if (status == STORE_ABSENT)
            break;
        /* From now on the lost block is passed over. */
        if (status == STORE_CORRUPT && store->config.salvages)
            continue;
        if (status != STORE_OK || !tallies_load(&store->tallies, page.key, page.value)) {
            store_fail(store, bytes_of_text("the tallies' pages in the tables are damaged"));
            return;
        }
        buffer_clear(from);
        buffer_append(from, page.key);
    }
    store_scans_deinit(store);
    if (!store->config.salvages &&
        quarantine_meets_prefix(&store->quarantine, tallies_key_prefix(), tallies_key_prefix())) {
        store_fail(store, bytes_of_text("the tallies' pages in the tables are damaged"));
        return;
    }
    recovery_begin_logs(store, effects);
}

void recovery_read_tail(struct store *store, struct table_file *file, struct effects *effects) {
    effects_read(effects, tickets_draw(&store->tickets, &file->wait), table_file_id(file),
                 file->size - file->tail_size, file->tail_size);
}

void recovery_open_tables(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->phase = RECOVERY_TABLES;
    while (recovery->table_next < recovery->opening.count &&
           recovery->tables_open < RECOVERY_TABLES_AT_ONCE) {
        struct table_file *file = recovery->opening.items[recovery->table_next++];
        if (file->is_lost)
            continue;
        recovery->tables_open++;
        recovery_read_tail(store, file, effects);
    }
    if (recovery->tables_open > 0)
        return;
    recovery_drop_lost_tables(store);
    read_tallies(store, effects);
}

static void on_table(struct store *store, struct table_file *file, const struct disk_done *done,
                     struct effects *effects) {
    if (recovery_asks_again(store, &file->read_failures, "read", table_file_id(file), done->status,
                            effects))
        return;
    store->recovery->tables_open--;
    uint64_t tail_at = file->size - file->tail_size;
    enum table_status status = TABLE_CORRUPT;
    if (done->status == DISK_OK)
        status = table_file_open(file, done->bytes, &store->tables);
    if (status == TABLE_TOO_NEW)
        recovery_fail(store, table_file_id(file), tail_at,
                      "the table was written by a later version");
    else if (status == TABLE_OK ||
             recovery_lose_table(store, file, tail_at,
                                 done->status == DISK_OK ? "the table's metadata is damaged"
                                                         : "the table's metadata cannot be read",
                                 effects))
        recovery_open_tables(store, effects);
}

static void on_list(struct store *store, const struct disk_done *done, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->files = memory_allocate((done->file_count + 1) * sizeof *recovery->files);
    recovery->empty = memory_allocate_zeroed(done->file_count + 1, sizeof *recovery->empty);
    recovery->superfluous =
        memory_allocate_zeroed(done->file_count + 1, sizeof *recovery->superfluous);
    checkpoints_find(store, done->files, done->file_count);
    for (size_t i = 0; i < done->file_count; i++) {
        /* What lies in checkpoints is none of the live store's business. */
        if (done->files[i].file.checkpoint != 0)
            continue;
        uint64_t number = done->files[i].file.number;
        if (done->files[i].file.kind != FILE_QUARANTINED)
            recovery->files[recovery->file_count++] = done->files[i];
        else if (number > recovery->last_number)
            recovery->last_number = number;
    }
    if (recovery->file_count == 0) {
        store->born = true;
        recovery_start_anew(store, effects);
        return;
    }
    sort_files(recovery->files, recovery->file_count);
    recovery->current = recovery->file_count - 1;
    if (recovery->files[recovery->current].file.kind == FILE_MANIFEST)
        recovery_begin_manifest(store, effects);
    else
        recovery_lose_all(store, recovery->files[recovery->current].file, 0,
                          "there are logs or tables, but no manifest", effects);
}

static void on_chunk(struct store *store, const struct disk_done *done, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (recovery->phase != RECOVERY_SYNCING)
        log_reader_feed(&recovery->reader, done->bytes);
    if (recovery->phase == RECOVERY_MANIFEST)
        recovery_continue_manifest(store, effects);
    else if (recovery->phase == RECOVERY_LOGS)
        recovery_continue_log(store, effects);
    else if (recovery->phase == RECOVERY_SYNCING)
        recovery_rewrite(store, done->bytes, effects);
    else
        recovery_continue_proof(store, effects);
}

void recovery_on_done(struct store *store, struct disk_wait *wait, const struct disk_done *done,
                      struct effects *effects) {
    if (wait->kind == WAIT_RECOVERY_TABLE) {
        on_table(store, wait->owner, done, effects);
        return;
    }
    if (store->recovery->phase == RECOVERY_ROOM)
        recovery_on_room(store, done, effects);
    else if (wait->kind == WAIT_RECOVERY_WRITE || wait->kind == WAIT_RECOVERY_SYNC ||
             wait->kind == WAIT_RECOVERY_DIRECTORY)
        recovery_on_saved(store, wait->kind, done->status, effects);
    else if (recovery_was_refused(store, wait, done->status, effects))
        return;
    else if (wait->kind == WAIT_RECOVERY_LIST)
        on_list(store, done, effects);
    else
        on_chunk(store, done, effects);
}

void recovery_on_block(struct store *store, struct effects *effects) {
    if (store->recovery->phase == RECOVERY_TALLIES)
        read_tallies(store, effects);
}
