/* Replay: every batch behind the flushed sequence, once, in order, up to the first bad record. */
#include "engine/base/memory.h"
#include "engine/store/log_batch.h"
#include "engine/store/log_removal.h"
#include "engine/store/recovery_state.h"

enum { FOUND_CAPACITY_MIN = 4 };

static const struct sealed_segment *sealed_entry(const struct store *store, uint64_t number) {
    for (uint32_t i = 0; i < store->facts.sealed_count; i++) {
        if (store->facts.sealed[i].number == number)
            return &store->facts.sealed[i];
    }
    return NULL;
}

/* Segments below open_from count only when they are sealed: what else lies there was cut away. */
bool recovery_segment_counts(const struct store *store, struct file_id file) {
    if (file.kind != FILE_LOG || file.number < store->facts.log_first)
        return false;
    return file.number >= store->facts.open_from || sealed_entry(store, file.number) != NULL;
}

/* Opens the next segment that counts, from files[index] on; false when there is none. */
static bool open_segment(struct store *store, size_t index) {
    struct recovery *recovery = store->recovery;
    for (; index < recovery->file_count; index++) {
        const struct file_entry *entry = &recovery->files[index];
        if (!recovery_segment_counts(store, entry->file))
            continue;
        const struct sealed_segment *sealed = sealed_entry(store, entry->file.number);
        recovery_open(recovery, index, sealed != NULL ? sealed->end : entry->size);
        recovery->segment_records = 0;
        recovery->proven_at = recovery->mark_at = 0;
        recovery->mark_sequence = 0;
        return true;
    }
    return false;
}

void recovery_note_found(struct recovery *recovery, uint64_t end) {
    if (recovery->segment_records == 0)
        return;
    recovery->rewrite_from = recovery->proven_at;
    if (recovery->found_count == recovery->found_capacity) {
        recovery->found_capacity =
            recovery->found_capacity == 0 ? FOUND_CAPACITY_MIN : recovery->found_capacity * 2;
        recovery->found =
            memory_resize(recovery->found, recovery->found_capacity * sizeof *recovery->found);
    }
    recovery->found[recovery->found_count++] = (struct sealed_segment){
        .number = recovery->reader.file.number,
        .end = end,
        .last_sequence = recovery->next_sequence - 1,
    };
}

/* Sequence numbers follow one another; a gap may only lie in what the tables hold already. */
static bool sequence_follows(const struct store *store, uint64_t sequence) {
    uint64_t next = store->recovery->next_sequence;
    if (sequence == next)
        return true;
    return sequence > next && sequence <= store->facts.flushed_sequence + 1;
}

static bool replay_removal(struct store *store, struct reader *reader, uint64_t sequence) {
    struct log_removal removal;
    if (!log_removal_decode(reader, &removal))
        return false;
    return sequence <= store->facts.flushed_sequence ||
           store_apply_removal(store, &removal, sequence);
}

static bool replay_batch(struct store *store, struct reader *reader, uint64_t sequence) {
    struct store_batch batch;
    if (!log_batch_decode(reader, &batch))
        return false;
    /* What the tables hold, tallies and all, would count twice. */
    return sequence <= store->facts.flushed_sequence || store_apply(store, &batch, sequence);
}

/* What was replayed holds, what is at this offset and behind it does not. */
static void lose_rest(struct store *store, uint64_t at, const char *what, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery_note_found(recovery, at);
    if (recovery_lose_log(store, recovery->reader.file, at, what, effects))
        recovery_save(store, effects);
}

static bool replay_record(struct store *store, const struct record *record) {
    struct reader reader = reader_of(record->payload);
    for (uint32_t i = 0; i < record->count; i++) {
        uint64_t sequence = record->sequence + i;
        bool replayed = log_removal_is_next(&reader) ? replay_removal(store, &reader, sequence)
                                                     : replay_batch(store, &reader, sequence);
        if (!replayed)
            return false;
    }
    return reader_finished(&reader);
}

static bool take_record(struct store *store, const struct record *record, uint64_t at,
                        struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (record->kind != RECORD_BATCHES || !sequence_follows(store, record->sequence)) {
        lose_rest(store, at, "the log is damaged: its sequence numbers do not follow one another",
                  effects);
        return false;
    }
    if (!replay_record(store, record)) {
        recovery_fail(store, recovery->reader.file, at, "the log's record makes no sense");
        return false;
    }
    recovery->next_sequence = record->sequence + record->count;
    recovery->segment_records++;
    recovery_note_proof(recovery, at, record->sequence, record->synced);
    if (store->memtable != NULL && memtable_is_full(store->memtable))
        store_freeze(store);
    return true;
}

/* True when the segment is as complete as the manifest says, if it says anything. */
static bool segment_is_whole(const struct store *store) {
    const struct recovery *recovery = store->recovery;
    const struct sealed_segment *sealed = sealed_entry(store, recovery->reader.file.number);
    return sealed == NULL || (recovery->reader.at == sealed->end &&
                              recovery->next_sequence == sealed->last_sequence + 1);
}

static void begin_proof(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->phase = RECOVERY_PROOF;
    recovery_open(recovery, recovery->bad_file, recovery->files[recovery->bad_file].size);
    log_reader_go_to(&recovery->reader, recovery->bad_at);
    recovery_continue_proof(store, effects);
}

/* Here this segment ends: most end long before their file does, in zeros or in what an earlier use left behind. Where the
 * log as a whole ends, later segments tell. False when there is nothing more to be done in this phase now. */
static bool leave_segment(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery_note_found(recovery, recovery->reader.at);
    recovery->empty[recovery->current] = recovery->segment_records == 0;
    if (!recovery->cut) {
        recovery->cut = true;
        recovery->bad_file = recovery->current;
        recovery->bad_at = recovery->reader.at;
    }
    if (open_segment(store, recovery->current + 1))
        return true;
    begin_proof(store, effects);
    return false;
}

/* False when the log ended at the cut: this record of a later segment does not follow on it. */
static bool bridges_cut(struct recovery *recovery, bool follows) {
    if (recovery->cut && !follows)
        return false;
    recovery->cut = false;
    return true;
}

/* False when there is nothing more to be done in this phase now. */
static bool end_segment(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (sealed_entry(store, recovery->reader.file.number) == NULL)
        return leave_segment(store, effects);
    if (!segment_is_whole(store)) {
        lose_rest(store, recovery->reader.at,
                  "the log ends before the place where the manifest sealed it", effects);
        return false;
    }
    recovery_note_found(recovery, recovery->reader.at);
    if (open_segment(store, recovery->current + 1))
        return true;
    recovery_save(store, effects);
    return false;
}

static bool meet_bad_record(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (sealed_entry(store, recovery->reader.file.number) != NULL) {
        lose_rest(store, recovery->reader.at,
                  "the log is damaged: the manifest says that it was sealed behind this", effects);
        return false;
    }
    return leave_segment(store, effects);
}

void recovery_continue_log(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    for (;;) {
        struct record record;
        uint64_t at = recovery->reader.at;
        switch (log_reader_next(&recovery->reader, &record)) {
        case LOG_READER_RECORD:
            if (!bridges_cut(recovery, sequence_follows(store, record.sequence))) {
                begin_proof(store, effects);
                return;
            }
            if (!take_record(store, &record, at, effects))
                return;
            break;
        case LOG_READER_MORE:
            recovery_read_more(store, effects);
            return;
        case LOG_READER_END:
            if (!end_segment(store, effects))
                return;
            break;
        case LOG_READER_BAD:
            if (!meet_bad_record(store, effects))
                return;
            break;
        case LOG_READER_TOO_NEW:
            recovery_fail(store, recovery->reader.file, at,
                          "the log was written by a later version");
            return;
        }
    }
}

void recovery_begin_logs(struct store *store, struct effects *effects) {
    store->recovery->phase = RECOVERY_LOGS;
    if (open_segment(store, 0))
        recovery_continue_log(store, effects);
    else
        recovery_save(store, effects);
}

/* The first sequence number that recovery does not have. */
static uint64_t first_missing(const struct store *store) {
    uint64_t behind_flushed = store->facts.flushed_sequence + 1;
    uint64_t next = store->recovery->next_sequence;
    return next > behind_flushed ? next : behind_flushed;
}

void recovery_continue_proof(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    struct record record;
    for (;;) {
        switch (log_reader_search(&recovery->reader, &record)) {
        case LOG_READER_MORE:
            recovery_read_more(store, effects);
            return;
        case LOG_READER_RECORD:
            if (record.synced < first_missing(store))
                break;
            if (recovery_lose_log(store, recovery->files[recovery->bad_file].file, recovery->bad_at,
                                  "the log is damaged: a later record shows that what was here had "
                                  "been synced",
                                  effects))
                recovery_save(store, effects);
            return;
        case LOG_READER_END:
            if (open_segment(store, recovery->current + 1))
                break;
            recovery_save(store, effects);
            return;
        case LOG_READER_BAD:
        case LOG_READER_TOO_NEW:
            CHECK_UNREACHABLE("a search finds records or the end");
        }
    }
}
