#include "engine/store/store.h"

#include "engine/base/memory.h"
#include "engine/store/pacing.h"
#include "engine/store/store_state.h"

enum {
    FROZEN_CAPACITY_MIN = 4,
    REMOVALS_CAPACITY_MIN = 8,
    DEAD_TABLES_PER_STEP = 16,
    LOG_PER_MEMTABLE = 4
};

struct store *store_create(const struct store_config *config) {
    CHECK(store_config_problem(config) == NULL);
    struct store *store = memory_allocate_zeroed(1, sizeof *store);
    store->config = *config;
    store->remove_wait = (struct disk_wait){.kind = WAIT_REMOVE};
    trouble_init(&store->troubles);
    tickets_init(&store->tickets, config->first_ticket);
    log_writer_init(&store->log, config, &store->tickets);
    manifest_writer_init(&store->manifest, &store->tickets);
    block_reads_init(&store->reads, &store->tickets, &store->blocks);
    quarantine_init(&store->quarantine);
    tallies_init(&store->tallies, config->tally_count);
    checkpoints_init(&store->checkpoints);
    store->version = version_create();
    store->tables.pinned_bytes_max = config->cache_bytes / STORE_PINNED_DIVISOR;
    return store;
}

void store_destroy(struct store *store) {
    if (store == NULL)
        return;
    recovery_destroy(store);
    store_scans_deinit(store);
    CHECK(store->cursors == NULL && store->snapshot == NULL);
    store_abandoned_deinit(store);
    read_ahead_pool_deinit(&store->aheads);
    flush_deinit(&store->flush);
    compaction_deinit(store);
    checkpoints_deinit(store);
    store_release_version(store, store->version);
    (void)store_destroy_dead_tables(store, UINT32_MAX);
    block_reads_deinit(&store->reads);
    if (store->cache != NULL)
        block_cache_destroy(store->cache);
    block_pool_deinit(&store->blocks);
    for (uint32_t i = 0; i < store->frozen_count; i++)
        memtable_release(store->frozen[i]);
    memory_release(store->frozen);
    memtable_release(store->memtable);
    memtable_queue_deinit(&store->unheld);
    tallies_deinit(&store->tallies);
    log_writer_deinit(&store->log);
    manifest_writer_deinit(&store->manifest);
    manifest_facts_deinit(&store->facts);
    quarantine_deinit(&store->quarantine);
    buffer_deinit(&store->failure);
    trouble_deinit(&store->troubles);
    memory_release(store->removals);
    block_codec_deinit(&store->tables.codec);
    tickets_deinit(&store->tickets);
    memory_release(store);
}

void store_start(struct store *store, struct instant now, struct effects *effects) {
    CHECK(store->phase == STORE_PHASE_NEW);
    store->phase = STORE_PHASE_RECOVERING;
    store->now = now;
    recovery_start(store, effects);
}

enum store_phase store_phase(const struct store *store) {
    return store->phase;
}

struct bytes store_failure(const struct store *store) {
    return buffer_bytes(&store->failure);
}

enum store_condition store_condition(const struct store *store) {
    if (store->phase == STORE_PHASE_FAILED)
        return STORE_CONDITION_FAILED;
    bool serves_unstarted = store->phase == STORE_PHASE_SERVING && store->recovery != NULL;
    if (serves_unstarted || trouble_refuses_writes(&store->troubles))
        return STORE_CONDITION_FULL;
    if (store->log.abandoned)
        return STORE_CONDITION_RECOVERING;
    return trouble_is_any(&store->troubles) ? STORE_CONDITION_TROUBLED : STORE_CONDITION_SOUND;
}

#define CONDITION_AS_NAME(name, text) text,
const char *store_condition_name(enum store_condition condition) {
    static const char *const NAMES[] = {STORE_CONDITIONS(CONDITION_AS_NAME)};
    return NAMES[condition];
}
#undef CONDITION_AS_NAME

struct bytes store_problem(const struct store *store) {
    bool failed = store->phase == STORE_PHASE_FAILED;
    return buffer_bytes(failed ? &store->failure : &store->troubles.sentence);
}

bool store_was_born(const struct store *store) {
    return store->born;
}

bool store_was_closed_cleanly(const struct store *store) {
    return store->closed_cleanly;
}

bool store_was_rolled_back(const struct store *store) {
    return store->facts.rolled_back;
}

void store_accept_rollback(struct store *store) {
    store->facts.rolled_back = false;
}

void store_fail(struct store *store, struct bytes sentence) {
    if (store->phase == STORE_PHASE_FAILED)
        return;
    store->phase = STORE_PHASE_FAILED;
    buffer_append(&store->failure, sentence);
    block_reads_wake_all(&store->reads);
}

void store_remove_later(struct store *store, struct file_id file) {
    if (store->removal_count == store->removal_capacity) {
        store->removal_capacity =
            store->removal_capacity == 0 ? REMOVALS_CAPACITY_MIN : store->removal_capacity * 2;
        store->removals =
            memory_resize(store->removals, store->removal_capacity * sizeof *store->removals);
    }
    store->removals[store->removal_count++] = file;
}

void store_freeze(struct store *store) {
    if (store->memtable == NULL)
        return;
    tallies_freeze(&store->tallies, store->memtable);
    if (store->frozen_count == store->frozen_capacity) {
        store->frozen_capacity =
            store->frozen_capacity == 0 ? FROZEN_CAPACITY_MIN : store->frozen_capacity * 2;
        store->frozen =
            memory_resize(store->frozen, store->frozen_capacity * sizeof(struct memtable *));
    }
    store->frozen[store->frozen_count++] = store->memtable;
    store->memtable = NULL;
    store->memtable_log_bytes = 0;
    store_detach_cursors(store);
}

struct memtable *store_open_memtable(struct store *store) {
    if (store->memtable == NULL) {
        store->memtable = memtable_create(store->config.memtable_bytes);
        /* Cursors know only the memtables that were there when they began. */
        store_detach_cursors(store);
    }
    return store->memtable;
}

static inline void put_entry(struct store *store, struct memtable *memtable,
                             const struct store_entry *entry) {
    if (entry->expires.milliseconds == 0) {
        memtable_put(memtable, entry->key, entry->value, entry->removed);
        return;
    }
    memtable_put_expiring(memtable, entry->key, entry->value, entry->expires);
    store->has_expiring = true;
}

bool store_apply(struct store *store, const struct store_batch *batch, uint64_t sequence) {
    if (batch->has_tally && !tallies_apply(&store->tallies, &batch->tally))
        return false;
    struct memtable *memtable = store_open_memtable(store);
    for (uint32_t i = 0; i < batch->count; i++)
        put_entry(store, memtable, &batch->entries[i]);
    memtable->last_sequence = sequence;
    return true;
}

/* A key that is written over and over fills the log, not the memtable. */
static bool memtable_must_go(const struct store *store) {
    if (store->memtable == NULL)
        return false;
    uint64_t log_limit = LOG_PER_MEMTABLE * store->config.memtable_bytes;
    if (log_limit < store->config.log_segment_bytes)
        log_limit = store->config.log_segment_bytes;
    return memtable_is_full(store->memtable) || store->memtable_log_bytes >= log_limit;
}

static void check_batch(const struct store_batch *batch) {
    CHECK(batch->count <= STORE_BATCH_MAX);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct store_entry *entry = &batch->entries[i];
        CHECK(entry->key.size > 0 && entry->key.size <= STORE_KEY_MAX && entry->key.data[0] != 0);
        CHECK(entry->value.size <= STORE_VALUE_MAX && (!entry->removed || entry->value.size == 0));
        CHECK(entry->expires.milliseconds == 0 || (!entry->removed && !batch->has_tally));
    }
}

/* Compaction that lacks space stops nobody, until there is no place left for what it should have made room for. */
static bool is_out_of_space(const struct store *store, bool full) {
    return store->recovery != NULL || trouble_refuses_writes(&store->troubles) ||
           (trouble_is_full(&store->troubles, TROUBLE_COMPACTION) && pacing_must_wait(store, full));
}

enum store_status store_make_room(struct store *store) {
    if (store->phase != STORE_PHASE_SERVING)
        return store->phase == STORE_PHASE_FAILED ? STORE_FAILED : STORE_BUSY;
    CHECK(store->closing == CLOSE_NOT_ASKED);
    bool full = memtable_must_go(store);
    if (is_out_of_space(store, full)) {
        store->figures.refusals++;
        return STORE_FULL;
    }
    if (store->log.abandoned || pacing_must_wait(store, full)) {
        store->figures.stalls++;
        return STORE_BUSY;
    }
    if (full)
        store_freeze(store);
    return STORE_OK;
}

enum store_status store_write(struct store *store, const struct store_batch *batch,
                              struct instant now, uint64_t *sequence) {
    check_batch(batch);
    enum store_status status = store_make_room(store);
    if (status != STORE_OK)
        return status;
    uint64_t backlog = log_writer_backlog(&store->log);
    *sequence = log_writer_append(&store->log, batch);
    store->memtable_log_bytes += log_writer_backlog(&store->log) - backlog;
    bool applied = store_apply(store, batch, *sequence);
    CHECK(applied);
    store->writes++;
    pacing_note_write(store, now);
    return STORE_OK;
}

static uint64_t larger(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

uint64_t store_written(const struct store *store) {
    return larger(store->log.written, store->facts.flushed_sequence);
}

uint64_t store_durable(const struct store *store) {
    return larger(store->log.durable, store->facts.flushed_sequence);
}

void store_want_durable(struct store *store, uint64_t sequence) {
    store->log.wanted = larger(store->log.wanted, sequence);
}

static void pump_removals(struct store *store, struct effects *effects) {
    if (store->removal_count == 0 || store->remove_wait.pending)
        return;
    effects_remove(effects, tickets_draw(&store->tickets, &store->remove_wait),
                   store->removals[--store->removal_count]);
}

static void pump_manifest(struct store *store, struct effects *effects) {
    const struct manifest_writer *manifest = &store->manifest;
    bool starts = store->recovery != NULL;
    if (!manifest_writer_is_idle(manifest) || trouble_waits(&store->troubles, TROUBLE_MANIFEST) ||
        (starts && store->recovery->phase == RECOVERY_ROOM))
        return;
    bool is_long = store->closing == CLOSE_NOT_ASKED &&
                   manifest->offset - manifest->snapshot_end > store->config.manifest_bytes;
    if (manifest->doubtful || (is_long && !starts))
        store_roll_manifest(store, starts ? PURPOSE_START : PURPOSE_ROLL, effects);
}

/* Everything lies in tables: the mark may be set. */
static void pump_close(struct store *store, struct effects *effects) {
    if (store->closing != CLOSE_FLUSHING)
        return;
    store_freeze(store);
    if (store->frozen_count > 0 || !manifest_writer_may_append(&store->manifest))
        return;
    struct manifest_facts facts = store->facts;
    facts.flushed_sequence = store->log.next_sequence - 1;
    facts.log_first = facts.next_file;
    facts.closed = true;
    facts.closed_sequence = facts.flushed_sequence;
    struct buffer *payload = store_begin_manifest(store, PURPOSE_CLOSE, &facts);
    CHECK(payload != NULL);
    manifest_writer_send(&store->manifest, effects);
    store->closing = CLOSE_MARKING;
}

void store_pump(struct store *store, struct instant now, struct effects *effects) {
    store->work_left = false;
    if (store->phase == STORE_PHASE_FAILED || store->closing == CLOSE_DONE)
        return;
    store->now = now;
    trouble_pass_time(&store->troubles, now);
    if (store->phase != STORE_PHASE_SERVING || store->recovery != NULL) {
        if (store->recovery != NULL)
            recovery_pump(store, effects);
        pump_manifest(store, effects);
        pump_removals(store, effects);
        return;
    }
    pacing_note_time(store, now);
    store_advance_log(store, effects);
    pump_close(store, effects);
    bool flush_left = flush_pump(store, effects);
    bool compaction_left =
        store->closing == CLOSE_NOT_ASKED && compaction_pump(store, now, effects);
    bool memory_left = !memtable_queue_release_some(&store->unheld);
    memory_left |= !store_destroy_dead_tables(store, DEAD_TABLES_PER_STEP);
    checkpoint_pump(store, effects);
    store->work_left = flush_left || compaction_left || memory_left || checkpoint_work_left(store);
    quarantine_pump(store, effects);
    pump_manifest(store, effects);
    pump_removals(store, effects);
}

struct instant store_work_deadline(const struct store *store) {
    if (store->phase == STORE_PHASE_FAILED || store->closing == CLOSE_DONE)
        return INSTANT_NEVER;
    struct instant retry = trouble_deadline(&store->troubles);
    if (store->phase != STORE_PHASE_SERVING || store->recovery != NULL)
        return retry;
    if (store->work_left)
        return (struct instant){0};
    struct instant due = instant_earlier(log_writer_deadline(&store->log), pacing_rest_due(store));
    return instant_earlier(retry, instant_earlier(due, compaction_deadline(store)));
}

struct instant store_deadline(const struct store *store) {
    return instant_earlier(store_work_deadline(store), store_expiry_deadline(store));
}

bool store_next_ready(struct store *store, uint64_t *waiter) {
    return block_reads_next_ready(&store->reads, waiter);
}

void store_close(struct store *store, struct instant now, struct effects *effects) {
    if (store->closing == CLOSE_NOT_ASKED)
        store->closing = CLOSE_FLUSHING;
    store_pump(store, now, effects);
}

bool store_is_closed(const struct store *store) {
    return store->closing == CLOSE_DONE;
}

const uint64_t *store_tally_digests(const struct store *store, uint32_t page) {
    return tallies_digests(&store->tallies, page);
}

int64_t store_tally_count(const struct store *store, uint32_t tally) {
    return tallies_count(&store->tallies, tally);
}

int64_t store_count_total(const struct store *store) {
    return store->tallies.total;
}

void store_figures(const struct store *store, struct store_figures *figures) {
    *figures = store->figures;
    figures->log_bytes_written = store->log.bytes_written;
    figures->log_syncs = store->log.syncs;
    figures->log_segments_recycled = store->log.supply.recycled;
    figures->log_segments_allocated = store->log.supply.allocated;
    figures->disk_errors = store->troubles.count;
    figures->pinned_bytes = store->tables.pinned_bytes;
    figures->cache_bytes = store->cache == NULL ? 0 : block_cache_bytes(store->cache);
    figures->block_count = store->blocks.count;
    figures->block_bytes = store->blocks.bytes;
    figures->blocks_read = store->reads.reads;
    figures->memtable_bytes = store->memtable == NULL ? 0 : memtable_bytes(store->memtable);
    figures->frozen_count = store->frozen_count;
    figures->damages = store->quarantine.damages.count;
    figures->damages_found = store->quarantine.found;
    figures->damages_healed = store->quarantine.healed;
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        figures->table_count += store->version->levels[level].count;
        figures->table_bytes += store->version->levels[level].bytes;
        if (store->version->levels[level].count > 0)
            figures->level_count = level + 1;
    }
}
