/* What the disk refuses to read at the start. It is asked again after growing pauses; what it refuses every time is damage,
 * as if it could be read and made no sense. What has been replayed until then stays. */
#include "engine/base/text.h"
#include "engine/store/recovery_state.h"

/* Nothing more is expected of this operation. */
static void settle(struct store *store, uint32_t *failures, bool well, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (*failures == 0)
        return;
    *failures = 0;
    CHECK(recovery->ailing > 0);
    if (--recovery->ailing > 0)
        return;
    if (well)
        trouble_over(store, TROUBLE_RECOVERY, effects);
    else
        trouble_forget(store, TROUBLE_RECOVERY);
}

bool recovery_asks_again(struct store *store, uint32_t *failures, const char *verb,
                         struct file_id file, enum disk_status status, struct effects *effects) {
    if (status != DISK_ERROR || *failures == TROUBLE_ATTEMPTS_MAX) {
        settle(store, failures, status == DISK_OK, effects);
        return false;
    }
    if ((*failures)++ == 0)
        store->recovery->ailing++;
    trouble_note(store, TROUBLE_RECOVERY, verb, file, status, effects);
    return true;
}

static void repeat_tables(struct store *store, struct effects *effects) {
    const struct recovery *recovery = store->recovery;
    for (uint32_t i = 0; i < recovery->table_next; i++) {
        struct table_file *file = recovery->opening.items[i];
        if (file->read_failures > 0 && !file->wait.pending)
            recovery_read_tail(store, file, effects);
    }
}

void recovery_repeat_blocks(struct store *store, struct effects *effects) {
    size_t position = 0;
    uint64_t key;
    struct block_fetch *fetch;
    while ((fetch = id_map_next(&store->reads.fetches, &position, &key)) != NULL) {
        if (!fetch->wait.pending)
            block_reads_repeat(&store->reads, fetch, effects);
    }
}

static void repeat_read(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->asks_again = false;
    if (recovery->phase == RECOVERY_LISTING)
        effects_list(effects, tickets_draw(&store->tickets, &recovery->list_wait));
    else if (recovery->phase == RECOVERY_SYNCING)
        recovery_save_next(store, effects);
    else
        recovery_read_more(store, effects);
}

void recovery_repeat(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (recovery->ailing == 0 || trouble_waits(&store->troubles, TROUBLE_RECOVERY))
        return;
    if (recovery->asks_again)
        repeat_read(store, effects);
    if (recovery->phase == RECOVERY_TABLES)
        repeat_tables(store, effects);
    recovery_repeat_blocks(store, effects);
}

/* --- for good ----------------------------------------------------------------------------------- */

/* The log's end was read before, and lies in memory, but may not be on the disk. */
static void lose_unproven(struct store *store, uint64_t offset, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    struct file_id file = {.kind = FILE_LOG,
                           .number = recovery->found[recovery->found_count - 1].number};
    if (recovery_lose_log(store, file, offset, "the log cannot be read a second time", effects))
        recovery_start_anew(store, effects);
}

/* What was replayed holds; whether anything followed nobody can tell. */
static void lose_log_end(struct store *store, uint64_t offset, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery_note_found(recovery, recovery->reader.at);
    if (!recovery_lose_log(store, recovery->reader.file, offset,
                           "the log cannot be read: the disk reports an error", effects))
        return;
    if (recovery->segment_records == 0)
        quarantine_set_aside(store, recovery->reader.file);
    recovery_save(store, effects);
}

static void lose_proof(struct store *store, uint64_t offset, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (!recovery_lose_log(store, recovery->reader.file, offset,
                           "what lies behind the end of the log cannot be read, and may show that "
                           "more had been synced",
                           effects))
        return;
    recovery_set_segments_aside(store, recovery->files[recovery->bad_file].file);
    recovery_save(store, effects);
}

static void lose_what_is_read(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    uint64_t offset = 0;
    if (recovery->phase == RECOVERY_SYNCING)
        offset = recovery->rewrite_from + recovery->rewriting.size;
    else
        (void)log_reader_wants(&recovery->reader, &offset);
    switch (recovery->phase) {
    case RECOVERY_MANIFEST:
        recovery_lose_all(store, recovery->reader.file, offset,
                          "the manifest cannot be read: the disk reports an error", effects);
        return;
    case RECOVERY_LOGS:
        lose_log_end(store, offset, effects);
        return;
    case RECOVERY_PROOF:
        lose_proof(store, offset, effects);
        return;
    case RECOVERY_SYNCING:
        lose_unproven(store, offset, effects);
        return;
    case RECOVERY_LISTING:
    case RECOVERY_TABLES:
    case RECOVERY_TALLIES:
    case RECOVERY_STARTING:
    case RECOVERY_ROOM:
        break;
    }
    CHECK_UNREACHABLE("nothing is read in this phase");
}

bool recovery_was_refused(struct store *store, const struct disk_wait *wait,
                          enum disk_status status, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    bool lists = wait->kind == WAIT_RECOVERY_LIST;
    bool saves = recovery->phase == RECOVERY_SYNCING;
    struct file_id file = {0};
    if (saves)
        file = (struct file_id){.kind = FILE_LOG,
                                .number = recovery->found[recovery->found_count - 1].number};
    else if (!lists)
        file = recovery->reader.file;
    if (recovery_asks_again(store, &recovery->failures, lists ? "list" : "read", file, status,
                            effects)) {
        recovery->asks_again = true;
        /* The error may lie in a part of it. */
        if (!lists && !saves)
            log_reader_be_careful(&recovery->reader);
        return true;
    }
    if (status == DISK_OK)
        return false;
    if (lists)
        store_fail_disk(store, "list", file, status);
    else
        lose_what_is_read(store, effects);
    return true;
}
