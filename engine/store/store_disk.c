/* File operations that came back: whom each concerns. */
#include "engine/base/text.h"
#include "engine/store/store_state.h"

static const char *reason_of(enum disk_status status) {
    switch (status) {
    case DISK_OK:
        break;
    case DISK_ERROR:
        return "the disk reports an error";
    case DISK_FULL:
        return "no space is left on the disk";
    case DISK_NO_FILE:
        return "the file is not there";
    }
    return "the operation fell short";
}

void store_describe_failure(struct buffer *to, const char *verb, struct file_id file,
                            enum disk_status status) {
    char name[FILE_NAME_SIZE] = "the directory";
    if (file.kind != 0)
        file_name(file, name);
    text_append(to, "cannot ");
    text_append(to, verb);
    text_append(to, " ");
    text_append(to, name);
    text_append(to, ": ");
    text_append(to, reason_of(status));
}

void store_fail_disk(struct store *store, const char *verb, struct file_id file,
                     enum disk_status status) {
    struct buffer sentence = {0};
    store_describe_failure(&sentence, verb, file, status);
    store_fail(store, buffer_bytes(&sentence));
    buffer_deinit(&sentence);
}

static void finish_roll(struct store *store) {
    uint64_t older = store->manifest.older;
    if (older != 0)
        store_remove_later(store, (struct file_id){.kind = FILE_MANIFEST, .number = older});
}

static void on_manifest_record(struct store *store, enum manifest_purpose purpose,
                               struct effects *effects) {
    switch (purpose) {
    case PURPOSE_START:
        recovery_started(store, effects);
        return;
    case PURPOSE_FLUSH:
        flush_installed(store);
        trouble_over(store, TROUBLE_FLUSH, effects);
        return;
    case PURPOSE_COMPACTION:
        compaction_installed(store);
        trouble_over(store, TROUBLE_COMPACTION, effects);
        return;
    case PURPOSE_ROLL:
        finish_roll(store);
        return;
    case PURPOSE_CLOSE:
        store->facts.flushed_sequence = store->log.next_sequence - 1;
        store->closing = CLOSE_DONE;
        return;
    case PURPOSE_QUARANTINE:
        return;
    case PURPOSE_NONE:
        break;
    }
    CHECK_UNREACHABLE("a manifest record has a purpose");
}

/* Whoever wanted the record will want it again, once a manifest takes records. */
static void on_manifest_failure(struct store *store, enum manifest_purpose purpose,
                                struct effects *effects) {
    if (store->manifest.creating)
        store_remove_later(store, store->manifest.file);
    switch (purpose) {
    case PURPOSE_FLUSH:
        flush_not_installed(store);
        return;
    case PURPOSE_COMPACTION:
        compaction_not_installed(store);
        return;
    case PURPOSE_CLOSE:
        store->closing = CLOSE_FLUSHING;
        return;
    case PURPOSE_START:
        if (trouble_is_full(&store->troubles, TROUBLE_MANIFEST))
            recovery_make_room(store, effects);
        return;
    case PURPOSE_ROLL:
    case PURPOSE_QUARANTINE:
        return;
    case PURPOSE_NONE:
        break;
    }
    CHECK_UNREACHABLE("a manifest record has a purpose");
}

static void on_manifest(struct store *store, enum wait_kind kind, enum disk_status status,
                        struct effects *effects) {
    enum manifest_purpose purpose = PURPOSE_NONE;
    if (status != DISK_OK)
        trouble_note(store, TROUBLE_MANIFEST, kind == WAIT_MANIFEST_WRITE ? "write" : "sync",
                     store->manifest.file, status, effects);
    switch (manifest_writer_on_done(&store->manifest, kind, status, &purpose, effects)) {
    case MANIFEST_WAITING:
        return;
    case MANIFEST_DONE:
        trouble_over(store, TROUBLE_MANIFEST, effects);
        quarantine_noted(store);
        on_manifest_record(store, purpose, effects);
        return;
    case MANIFEST_FAILED:
        on_manifest_failure(store, purpose, effects);
        return;
    }
}

static void on_output(struct store *store, const struct disk_wait *wait, enum disk_status status,
                      struct effects *effects) {
    struct table_output *output = wait->owner;
    if (table_output_on_done(output, wait->kind, status))
        return;
    bool flushes = output == &store->flush.output;
    trouble_note(store, flushes ? TROUBLE_FLUSH : TROUBLE_COMPACTION,
                 wait->kind == WAIT_OUTPUT_WRITE ? "write" : "sync", output->file, status, effects);
    if (flushes)
        flush_give_up(store);
    else
        compaction_give_up(store);
}

/* A read that fails once is asked for once more before its block counts as lost. A recovery takes its time. */
static bool is_read_again(struct store *store, struct block_fetch *fetch,
                          const struct disk_done *done, struct effects *effects) {
    if (store->phase == STORE_PHASE_RECOVERING)
        return recovery_asks_again(store, &fetch->failures, "read", table_file_id(fetch->file),
                                   done->status, effects);
    if (done->status != DISK_ERROR || fetch->failures++ > 0)
        return false;
    block_reads_repeat(&store->reads, fetch, effects);
    return true;
}

static void on_block(struct store *store, struct block_fetch *fetch, const struct disk_done *done,
                     struct effects *effects) {
    if (is_read_again(store, fetch, done, effects))
        return;
    struct table_file *file =
        block_reads_on_done(&store->reads, fetch, done->status, done->bytes, store_cache(store));
    store_release_table(store, file);
    if (store->reads.own_ready) {
        store->reads.own_ready = false;
        if (store->phase == STORE_PHASE_RECOVERING)
            recovery_on_block(store, effects);
    }
}

static void dispatch(struct store *store, struct disk_wait *wait, const struct disk_done *done,
                     struct effects *effects) {
    switch (wait->kind) {
    case WAIT_LOG_WRITE:
    case WAIT_LOG_SYNC:
    case WAIT_LOG_DIRECTORY:
        store_on_log(store, wait->kind, done->status, effects);
        return;
    case WAIT_SEGMENT_MAKE:
    case WAIT_SEGMENT_SYNC:
    case WAIT_SEGMENT_DIRECTORY:
        store_on_segment(store, wait->kind, done->status, effects);
        return;
    case WAIT_MANIFEST_WRITE:
    case WAIT_MANIFEST_SYNC:
    case WAIT_MANIFEST_DIRECTORY:
        on_manifest(store, wait->kind, done->status, effects);
        return;
    case WAIT_OUTPUT_WRITE:
    case WAIT_OUTPUT_SYNC:
    case WAIT_OUTPUT_DIRECTORY:
        on_output(store, wait, done->status, effects);
        return;
    case WAIT_STREAM_READ:
        block_stream_on_read(wait->owner, done->status, done->bytes);
        return;
    case WAIT_AHEAD_READ:
        store_on_read_ahead(store, wait->owner, done);
        return;
    case WAIT_BLOCK_READ:
        on_block(store, wait->owner, done, effects);
        return;
    case WAIT_REMOVE:
        /* A file that could not be removed is removed at the next start. */
        return;
    case WAIT_CHECKPOINT:
        checkpoint_on_done(store, done->status, effects);
        return;
    case WAIT_SET_ASIDE:
        quarantine_on_aside(store, done->status, effects);
        return;
    case WAIT_RECOVERY_LIST:
    case WAIT_RECOVERY_READ:
    case WAIT_RECOVERY_WRITE:
    case WAIT_RECOVERY_SYNC:
    case WAIT_RECOVERY_REMOVE:
    case WAIT_RECOVERY_DIRECTORY:
    case WAIT_RECOVERY_TABLE:
        recovery_on_done(store, wait, done, effects);
        return;
    }
    CHECK_UNREACHABLE("a wait has a known kind");
}

bool store_on_disk(struct store *store, const struct disk_done *done, struct instant now,
                   struct effects *effects) {
    if (!tickets_drew(&store->tickets, done->ticket))
        return false;
    store->now = now;
    struct disk_wait *wait = tickets_take(&store->tickets, done->ticket);
    /* A store that has failed trusts nothing that comes afterwards. */
    if (wait != NULL && store->phase != STORE_PHASE_FAILED)
        dispatch(store, wait, done, effects);
    return true;
}
