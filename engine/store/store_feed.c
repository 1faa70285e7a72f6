/* Where the blocks come from that a cursor walks through: the cache, a read of its own, or, when it
 * goes through a table from block to block, larger reads ahead of it. */
#include "engine/base/memory.h"
#include "engine/store/store_state.h"

static void abandon(struct store *store, struct read_ahead *ahead) {
    if (!read_ahead_is_reading(ahead)) {
        read_ahead_destroy(&store->aheads, ahead);
        return;
    }
    ahead->abandoned = true;
    ahead->next_abandoned = store->abandoned;
    if (ahead->next_abandoned != NULL)
        ahead->next_abandoned->previous_abandoned = ahead;
    store->abandoned = ahead;
}

static void forget_abandoned(struct store *store, struct read_ahead *ahead) {
    if (ahead->next_abandoned != NULL)
        ahead->next_abandoned->previous_abandoned = ahead->previous_abandoned;
    if (ahead->previous_abandoned != NULL)
        ahead->previous_abandoned->next_abandoned = ahead->next_abandoned;
    else
        store->abandoned = ahead->next_abandoned;
    read_ahead_destroy(&store->aheads, ahead);
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

/* The row that the source's block belongs to; null for partitions of an index, and for the store itself, which reads no more
 * than it needs. */
static struct block_row *row_of(struct store_cursor *cursor, uint32_t source, uint64_t waiter) {
    const struct run_cursor *run = &cursor->merge.sources[source].run;
    if (run->handle.kind != BLOCK_DATA || waiter == BLOCK_WAITER_OWN)
        return NULL;
    if (cursor->feeds == NULL)
        cursor->feeds = memory_allocate_zeroed(cursor->merge.count, sizeof *cursor->feeds);
    return &cursor->feeds[source].row;
}

/* What was read for a short scan is kept for the next one. */
static void feed_and_keep(struct store *store, struct run_cursor *run, struct bytes raw) {
    struct table_file *file = run_cursor_table(run);
    struct buffer contents = block_pool_spare(&store->blocks);
    if (table_block_unpack(file->table, &run->handle, raw, &contents) != TABLE_OK) {
        buffer_deinit(&contents);
        run_cursor_feed_raw(run, raw);
        return;
    }
    struct block *block = block_create(&store->blocks, &contents);
    struct lent_block lent = block_lend(block);
    block_cache_put(store_cache(store), file->number, run->handle.offset, block_acquire(block));
    run_cursor_feed_block(run, &lent);
    block_release(block);
}

static enum read_ahead_answer take_ahead(struct store_cursor *cursor, uint32_t source,
                                         uint64_t waiter, struct effects *effects) {
    struct run_cursor *run = &cursor->merge.sources[source].run;
    struct cursor_feed *feed = &cursor->feeds[source];
    struct bytes raw;
    if (feed->ahead == NULL)
        feed->ahead = read_ahead_create(&cursor->store->aheads, &cursor->store->tickets);
    enum read_ahead_answer answer = read_ahead_take(feed->ahead, &feed->row, run_cursor_table(run),
                                                    &run->handle, waiter, &raw, effects);
    if (answer == READ_AHEAD_DECLINES)
        block_row_met(&feed->row);
    if (answer == READ_AHEAD_READY && feed->row.is_long)
        run_cursor_feed_raw(run, raw);
    else if (answer == READ_AHEAD_READY)
        feed_and_keep(cursor->store, run, raw);
    return answer;
}

/* Asks the processor for what will be touched: of this block its count of references, both ends, and of the next one its place
 * in the cache. */
static void look_ahead(struct store_cursor *cursor, const struct run_cursor *run,
                       const struct lent_block *lent) {
    const struct table_file *file = run_cursor_table(run);
    struct block_handle next;
    __builtin_prefetch(lent->block);
    __builtin_prefetch(lent->contents.data);
    __builtin_prefetch(lent->contents.data + lent->contents.size - 1);
    /* Before the first there is none: a number beyond the last. */
    const uint32_t step = cursor->reverse ? UINT32_MAX : 1;
    if (run->handle.kind != BLOCK_DATA ||
        table_block_at(file->table, &run->window, run->position + step, &next) != TABLE_HAS_BLOCK)
        return;
    block_cache_expect(cursor->store->cache, file->number, next.offset);
    if (table_block_at(file->table, &run->window, run->position + 2 * step, &next) ==
        TABLE_HAS_BLOCK)
        block_cache_expect_later(cursor->store->cache, file->number, next.offset);
}

/* Hands the source the block that it needs. STORE_NEED_BLOCK: it has been asked for. */
static enum store_status feed_block(struct store_cursor *cursor, uint32_t source, uint64_t waiter,
                                    struct effects *effects) {
    struct store *store = cursor->store;
    struct run_cursor *run = &cursor->merge.sources[source].run;
    struct table_file *file = run_cursor_table(run);
    struct lent_block lent;
    struct block_row *row = row_of(cursor, source, waiter);
    bool is_next = row != NULL && block_row_note(row, file, &run->handle, cursor->reverse,
                                                 store->config.cache_bytes);
    if (store_block_at_hand(store, file, &run->handle, &lent)) {
        if (is_next)
            block_row_met(row);
        look_ahead(cursor, run, &lent);
        run_cursor_feed_block(run, &lent);
        return STORE_OK;
    }
    if (row != NULL && block_row_reads_ahead(row)) {
        enum read_ahead_answer answer = take_ahead(cursor, source, waiter, effects);
        if (answer != READ_AHEAD_DECLINES)
            return answer == READ_AHEAD_READY ? STORE_OK : STORE_NEED_BLOCK;
    }
    enum store_status status = store_block(store, file, &run->handle, waiter, &lent, effects);
    if (status == STORE_OK)
        run_cursor_feed_block(run, &lent);
    return status;
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
