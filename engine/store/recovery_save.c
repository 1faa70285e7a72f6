/* What was replayed must be durable before anybody hears of it. A later record vouches for most of it; the rest was read out
 * of the cache, where it may lie although it never reached the disk: a sync that failed leaves pages there that count as
 * clean, and the next sync has nothing to do. Written once more, they are to be synced again. The bytes do not change, so
 * a crash between does no harm. They are kept in memory meanwhile: when this sync fails, too, the cache may
 * have lost what was read out of it. The name, too, may be only what the process that ended had asked for: it must be
 * durable before the manifest says that the segment is there. */
#include "engine/store/recovery_state.h"

void recovery_note_proof(struct recovery *recovery, uint64_t at, uint64_t sequence,
                         uint64_t synced) {
    if (synced < recovery->mark_sequence)
        return;
    recovery->proven_at = recovery->mark_at;
    recovery->mark_at = at;
    recovery->mark_sequence = sequence - 1;
}

/* The last segment with anything in it, unless an earlier life has synced it. By the writer's rules all segments before it
 * were synced to their ends. */
static const struct sealed_segment *unproven(const struct store *store) {
    const struct recovery *recovery = store->recovery;
    if (recovery->found_count == 0)
        return NULL;
    const struct sealed_segment *last = &recovery->found[recovery->found_count - 1];
    return last->number >= store->facts.open_from ? last : NULL;
}

static struct file_id file_of(const struct sealed_segment *segment) {
    return (struct file_id){.kind = FILE_LOG, .number = segment->number};
}

void recovery_save_next(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    const struct sealed_segment *segment = unproven(store);
    uint64_t kept_to = recovery->rewrite_from + recovery->rewriting.size;
    uint64_t left = segment->end - (kept_to < segment->end ? kept_to : recovery->rewritten_to);
    uint64_t size = left < RECOVERY_REWRITE_BYTES ? left : RECOVERY_REWRITE_BYTES;
    struct file_id file = file_of(segment);
    if (kept_to < segment->end)
        effects_read(effects, tickets_draw(&store->tickets, &recovery->read_wait), file, kept_to,
                     size);
    else if (left > 0)
        effects_write(effects, tickets_draw(&store->tickets, &recovery->write_wait), file,
                      recovery->rewritten_to,
                      bytes_slice(buffer_bytes(&recovery->rewriting),
                                  (size_t)(recovery->rewritten_to - recovery->rewrite_from),
                                  (size_t)size));
    else
        effects_sync(effects, tickets_draw(&store->tickets, &recovery->sync_wait), file);
}

static void rewrite(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->refused = false;
    recovery->rewritten_to = recovery->rewrite_from;
    recovery_save_next(store, effects);
}

void recovery_save(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery->phase = RECOVERY_SYNCING;
    buffer_clear(&recovery->rewriting);
    if (unproven(store) == NULL)
        recovery_start_anew(store, effects);
    else
        rewrite(store, effects);
}

void recovery_rewrite(struct store *store, struct bytes bytes, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (bytes.size == 0) {
        recovery_fail(store, file_of(unproven(store)),
                      recovery->rewrite_from + recovery->rewriting.size,
                      "the log has become shorter");
        return;
    }
    buffer_append(&recovery->rewriting, bytes);
    recovery_save_next(store, effects);
}

void recovery_on_saved(struct store *store, enum wait_kind kind, enum disk_status status,
                       struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (status != DISK_OK) {
        recovery->refused = true;
        trouble_note(store, TROUBLE_LOG, kind == WAIT_RECOVERY_WRITE ? "write" : "sync",
                     file_of(unproven(store)), status, effects);
    } else if (kind == WAIT_RECOVERY_WRITE) {
        uint64_t left = unproven(store)->end - recovery->rewritten_to;
        recovery->rewritten_to += left < RECOVERY_REWRITE_BYTES ? left : RECOVERY_REWRITE_BYTES;
        recovery_save_next(store, effects);
    } else if (kind == WAIT_RECOVERY_SYNC) {
        effects_sync_directory(effects, tickets_draw(&store->tickets, &recovery->directory_wait));
    } else {
        trouble_over(store, TROUBLE_LOG, effects);
        recovery_start_anew(store, effects);
    }
}

void recovery_pump(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    recovery_repeat(store, effects);
    if (recovery->phase == RECOVERY_SYNCING && recovery->refused &&
        !trouble_waits(&store->troubles, TROUBLE_LOG))
        rewrite(store, effects);
}
