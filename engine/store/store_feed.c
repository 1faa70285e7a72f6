/* Where the blocks come from that a cursor walks through: the cache, a read of its own, or, when it
 * goes through a table from block to block, large reads ahead of it. */
#include "engine/base/memory.h"
#include "engine/store/store_state.h"

static void abandon(struct store *store, struct read_ahead *ahead) {
    if (!read_ahead_is_reading(ahead)) {
        read_ahead_destroy(ahead);
        return;
    }
    ahead->abandoned = true;
    ahead->next = store->abandoned;
    if (ahead->next != NULL)
        ahead->next->previous = ahead;
    store->abandoned = ahead;
}

static void forget_abandoned(struct store *store, struct read_ahead *ahead) {
    if (ahead->next != NULL)
        ahead->next->previous = ahead->previous;
    if (ahead->previous != NULL)
        ahead->previous->next = ahead->next;
    else
        store->abandoned = ahead->next;
    read_ahead_destroy(ahead);
}

void store_drop_read_ahead(struct store_cursor *cursor) {
    for (uint32_t i = 0; cursor->feeds != NULL && i < cursor->merge.count; i++) {
        if (cursor->feeds[i].ahead != NULL)
            abandon(cursor->store, cursor->feeds[i].ahead);
    }
    memory_release(cursor->feeds);
    cursor->feeds = NULL;
}

void store_abandoned_deinit(struct store *store) {
    while (store->abandoned != NULL) {
        struct table_file *file = store->abandoned->read_file;
        if (table_file_release(file))
            table_file_destroy(file);
        forget_abandoned(store, store->abandoned);
    }
}

void store_on_read_ahead(struct store *store, struct read_ahead *ahead,
                         const struct disk_done *done) {
    struct table_file *file = read_ahead_on_done(ahead, done->status, done->bytes);
    /* Also when the cursor has let go of its sources meanwhile: it waits all the same. */
    if (ahead->waiter != 0)
        block_reads_add_ready(&store->reads, ahead->waiter);
    ahead->waiter = 0;
    if (ahead->abandoned)
        forget_abandoned(store, ahead);
    store_release_table(store, file);
}

/* Notes that the source goes on to this block. True when it is time to read ahead, which is for data
 * blocks on the way forwards, and not for the store itself. */
static bool goes_from_block_to_block(struct store_cursor *cursor, uint32_t source,
                                     uint64_t waiter) {
    const struct run_cursor *run = &cursor->merge.sources[source].run;
    if (cursor->reverse || run->handle.kind != BLOCK_DATA || waiter == BLOCK_WAITER_OWN)
        return false;
    if (cursor->feeds == NULL)
        cursor->feeds = memory_allocate_zeroed(cursor->merge.count, sizeof *cursor->feeds);
    return block_streak_note(&cursor->feeds[source].streak, run_cursor_table(run), &run->handle);
}

static enum read_ahead_answer take_ahead(struct store_cursor *cursor, uint32_t source,
                                         uint64_t waiter, struct bytes *raw,
                                         struct effects *effects) {
    const struct run_cursor *run = &cursor->merge.sources[source].run;
    struct cursor_feed *feed = &cursor->feeds[source];
    if (feed->ahead == NULL)
        feed->ahead = read_ahead_create(&cursor->store->tickets);
    if (feed->streak.length == READ_AHEAD_AFTER)
        read_ahead_restart(feed->ahead);
    enum read_ahead_answer answer =
        read_ahead_take(feed->ahead, run_cursor_table(run), &run->handle, waiter, raw, effects);
    if (answer == READ_AHEAD_FAILED)
        feed->streak = (struct block_streak){.length = 0};
    return answer;
}

/* Hands the source the block that it needs. STORE_NEED_BLOCK: it has been asked for. */
static enum store_status feed_block(struct store_cursor *cursor, uint32_t source, uint64_t waiter,
                                    struct effects *effects) {
    struct store *store = cursor->store;
    struct run_cursor *run = &cursor->merge.sources[source].run;
    struct table_file *file = run_cursor_table(run);
    struct lent_block lent;
    bool reads_ahead = goes_from_block_to_block(cursor, source, waiter);
    if (!store_block_at_hand(store, file, &run->handle, &lent)) {
        struct bytes raw;
        enum read_ahead_answer answer = READ_AHEAD_FAILED;
        if (reads_ahead)
            answer = take_ahead(cursor, source, waiter, &raw, effects);
        if (answer == READ_AHEAD_READY)
            run_cursor_feed_raw(run, raw);
        if (answer != READ_AHEAD_FAILED)
            return answer == READ_AHEAD_READY ? STORE_OK : STORE_NEED_BLOCK;
        enum store_status status = store_block(store, file, &run->handle, waiter, &lent, effects);
        if (status != STORE_OK)
            return status;
    }
    run_cursor_feed_block(run, &lent);
    return STORE_OK;
}

enum store_status store_feed(struct store_cursor *cursor, uint64_t waiter,
                             struct effects *effects) {
    enum store_status worst = STORE_OK;
    for (uint32_t i = 0; i < cursor->merge.count; i++) {
        struct merge_source *source = &cursor->merge.sources[i];
        /* Ends: every block that is fed moves the source on. */
        while (merge_source_needs_block(source)) {
            if (run_cursor_pass_lost(&source->run))
                continue;
            enum store_status status = feed_block(cursor, i, waiter, effects);
            if (status != STORE_OK) {
                worst = worst == STORE_OK || status == STORE_CORRUPT ? status : worst;
                break;
            }
        }
    }
    return worst;
}
