#include "engine/store/pacing.h"

#include "engine/store/compaction_pick.h"

/* Long against the gaps of a steady load, short against what people call idle. */
enum { REST_AFTER_SECONDS = 2, NANOSECONDS_PER_SECOND = 1000000000 };

bool pacing_must_wait(const struct store *store, bool full) {
    return (full && store->frozen_count >= PACING_FROZEN_MAX) ||
           log_writer_backlog(&store->log) >= PACING_LOG_BACKLOG_MAX;
}

bool pacing_may_flush(const struct store *store) {
    return store->version->run_count < PACING_RUNS_MAX || store->closing != CLOSE_NOT_ASKED;
}

uint64_t pacing_slice_bytes(const struct store *store) {
    uint32_t waiting = store->frozen_count > 1 ? store->frozen_count - 1 : 0;
    uint32_t runs = store->version->run_count;
    uint32_t late = runs > COMPACTION_RUNS ? (runs - COMPACTION_RUNS) / 2 : 0;
    uint32_t pressure = waiting > late ? waiting : late;
    if (pressure > PACING_PRESSURE_MAX)
        pressure = PACING_PRESSURE_MAX;
    return (uint64_t)PACING_SLICE_BYTES << pressure;
}

bool pacing_may_merge(const struct store *store, struct instant now) {
    return store->config.compaction_rate == 0 || instant_reached(now, store->merge_due) ||
           pacing_slice_bytes(store) > PACING_SLICE_BYTES;
}

void pacing_note_slice(struct store *store, uint64_t bytes) {
    if (bytes > store->figures.slice_bytes_max)
        store->figures.slice_bytes_max = bytes;
}

void pacing_note_merged(struct store *store, uint64_t bytes, struct instant now) {
    uint64_t rate = store->config.compaction_rate;
    pacing_note_slice(store, bytes);
    if (rate > 0)
        store->merge_due =
            instant_after(now, (struct duration){bytes * NANOSECONDS_PER_SECOND / rate});
}

void pacing_note_write(struct store *store, struct instant now) {
    store->rests = false;
    store->reads_in_row = 0;
    store->rest_due = instant_after(now, duration_of_seconds(REST_AFTER_SECONDS));
}

struct instant pacing_rest_due(const struct store *store) {
    bool reads_alone = !store->rests && store->reads_in_row >= PACING_REST_READS;
    return reads_alone ? (struct instant){0} : store->rest_due;
}

void pacing_note_time(struct store *store, struct instant now) {
    if (!instant_reached(now, pacing_rest_due(store)))
        return;
    store->rests = true;
    compaction_reconsider(&store->compaction);
    store->rest_due = INSTANT_NEVER;
}
