/* The log as the store sees it: when it is pumped, and what follows when the disk refuses. */
#include "engine/store/store_state.h"

static void go_on(struct store *store, struct effects *effects) {
    log_writer_restart(&store->log, store->log.next_sequence - 1);
    store->figures.log_restarts++;
    trouble_over(store, TROUBLE_LOG, effects);
}

/* Everything that was ever appended lies in memtables, whatever became of the log: they go into new tables, and the log
 * goes on behind them once these are durable. */
static void restart(struct store *store, struct effects *effects) {
    struct log_writer *log = &store->log;
    store_freeze(store);
    if (store->frozen_count == 0 && log_writer_is_idle(log) &&
        !trouble_waits(&store->troubles, TROUBLE_LOG))
        go_on(store, effects);
}

void store_advance_log(struct store *store, struct effects *effects) {
    struct log_writer *log = &store->log;
    log->supply.paused = trouble_waits(&store->troubles, TROUBLE_SEGMENT);
    if (log->abandoned)
        restart(store, effects);
    if (log->abandoned)
        return;
    if (log->unwritten && !trouble_waits(&store->troubles, TROUBLE_LOG))
        log_writer_repeat(log, effects);
    log_writer_pump(log, store->now, &store->facts.next_file, effects);
}

void store_pump_log(struct store *store, struct instant now, struct effects *effects) {
    if (store->phase != STORE_PHASE_SERVING || store->recovery != NULL ||
        store->closing == CLOSE_DONE)
        return;
    store->now = now;
    trouble_pass_time(&store->troubles, now);
    store_advance_log(store, effects);
}

static const char *verb_of(enum wait_kind kind) {
    if (kind == WAIT_LOG_WRITE)
        return "write";
    return kind == WAIT_LOG_DIRECTORY ? "sync the name of" : "sync";
}

void store_on_log(struct store *store, enum wait_kind kind, enum disk_status status,
                  struct effects *effects) {
    struct log_writer *log = &store->log;
    bool was_abandoned = log->abandoned;
    switch (log_writer_on_done(log, kind, status, store->now)) {
    case LOG_GOES_ON:
        if (kind == WAIT_LOG_WRITE && !was_abandoned)
            trouble_over(store, TROUBLE_LOG, effects);
        return;
    case LOG_HAS_NO_SPACE:
    case LOG_ABANDONED:
        trouble_note(store, TROUBLE_LOG, verb_of(kind), log->file, status, effects);
        return;
    }
    CHECK_UNREACHABLE("the log goes on or it does not");
}

static void remove_segment(struct store *store, uint64_t number) {
    store_remove_later(store, (struct file_id){.kind = FILE_LOG, .number = number});
}

void store_on_segment(struct store *store, enum wait_kind kind, enum disk_status status,
                      struct effects *effects) {
    struct log_supply *supply = &store->log.supply;
    if (status != DISK_OK)
        trouble_note(store, TROUBLE_SEGMENT, kind == WAIT_SEGMENT_MAKE ? "make" : "sync",
                     supply->file, status, effects);
    if (log_supply_on_done(supply, kind, status, effects) == LOG_SUPPLY_FAILED) {
        remove_segment(store, supply->file.number);
        if (supply->made_of != 0)
            remove_segment(store, supply->made_of);
    } else if (supply->phase == LOG_SUPPLY_READY) {
        trouble_over(store, TROUBLE_SEGMENT, effects);
    }
}

void store_retire_segments(struct store *store) {
    struct log_segment retired;
    while (log_writer_retire(&store->log, store->facts.flushed_sequence, &retired)) {
        if (!log_supply_keep(&store->log.supply, retired.number, retired.size))
            remove_segment(store, retired.number);
    }
}

void store_give_spares_back(struct store *store) {
    uint64_t number;
    while (log_supply_give_back(&store->log.supply, &number))
        remove_segment(store, number);
}
