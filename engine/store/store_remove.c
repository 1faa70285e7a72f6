/* A whole range of keys, removed at the cost of one small write.
 *
 *     memtable   what was written behind the removal, and the range
 *     frozen     hidden by the range where it lies in it
 *     tables     hidden too, until compaction drops what is hidden and, at the deepest level, the range
 */
#include "engine/store/log_removal.h"
#include "engine/store/pacing.h"
#include "engine/store/store_state.h"

/* Entries of the memtable that carries the range would be taken for younger ones. */
static bool holds_any(const struct memtable *memtable, struct bytes prefix) {
    if (memtable == NULL)
        return false;
    const struct memtable_entry *entry = memtable_seek(memtable, prefix);
    return entry != NULL && bytes_start_with(memtable_entry_key(entry), prefix);
}

bool store_apply_removal(struct store *store, const struct log_removal *removal,
                         uint64_t sequence) {
    struct buffer end = {0};
    bool possible = removed_ranges_prefix_end(removal->prefix, &end);
    if (possible && holds_any(store->memtable, removal->prefix))
        store_freeze(store);
    /* Behind the freeze, which notes the tallies as they stand before the removal. */
    possible = possible && (!removal->resets || tallies_reset(&store->tallies, removal->page));
    if (possible) {
        struct memtable *memtable = store_open_memtable(store);
        removed_ranges_add(&memtable->removed, removal->prefix, buffer_bytes(&end));
        memtable->last_sequence = sequence;
        store_detach_cursors(store);
    }
    buffer_deinit(&end);
    return possible;
}

enum store_status store_remove_prefix(struct store *store, struct bytes prefix, uint32_t tally_page,
                                      struct instant now, uint64_t *sequence) {
    CHECK(prefix.size > 0 && prefix.size <= STORE_KEY_MAX && prefix.data[0] != 0);
    enum store_status status = store_make_room(store);
    if (status != STORE_OK)
        return status;
    if (holds_any(store->memtable, prefix) && pacing_must_wait(store, true)) {
        store->figures.stalls++;
        return STORE_BUSY;
    }
    struct log_removal removal = {
        .prefix = prefix,
        .resets = tally_page != STORE_NO_PAGE,
        .page = tally_page != STORE_NO_PAGE ? tally_page : 0,
    };
    uint64_t backlog = log_writer_backlog(&store->log);
    *sequence = log_writer_append_removal(&store->log, &removal);
    uint64_t logged = log_writer_backlog(&store->log) - backlog;
    bool applied = store_apply_removal(store, &removal, *sequence);
    CHECK(applied);
    store->memtable_log_bytes += logged;
    store->writes++;
    store->figures.ranges_removed++;
    pacing_note_write(store, now);
    return STORE_OK;
}
