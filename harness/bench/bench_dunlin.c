/* This project's store, through the blocking host. */
#include "harness/bench/bench_data.h"
#include "harness/bench/bench_engine.h"
#include "server/blocking_store.h"
#include "server/shared_store.h"

#include <stdlib.h>

struct dunlin {
    struct blocking_store *store;
    struct shared_store *shared; /* null when one thread uses it */
    bool sync;
};

static struct store_config config_of(const struct bench_engine_settings *settings) {
    struct store_config config = store_config_default();
    config.sync = settings->sync ? STORE_SYNC_ALWAYS : STORE_SYNC_NEVER;
    config.memtable_bytes = settings->write_buffer_bytes;
    config.cache_bytes = settings->cache_bytes;
    config.block_bytes = settings->block_bytes;
    config.filter_bits_per_key = settings->filter_bits_per_key;
    for (uint32_t level = 0; level < STORE_LEVELS; level++)
        config.compression[level] =
            settings->compression == BENCH_COMPRESSION_FAST ? COMPRESSION_LZ4 : COMPRESSION_NONE;
    return config;
}

static void *open_dunlin(const struct bench_engine_settings *settings, struct buffer *problem) {
    struct store_config config = config_of(settings);
    struct blocking_store *store = blocking_store_open(settings->directory, &config, problem);
    if (store == NULL)
        return NULL;
    struct dunlin *dunlin = calloc(1, sizeof *dunlin);
    CHECK(dunlin != NULL);
    *dunlin = (struct dunlin){.store = store, .sync = settings->sync};
    if (settings->threads)
        dunlin->shared = shared_store_create(store);
    return dunlin;
}

static bool put(void *store, struct bytes key, struct bytes value) {
    struct dunlin *dunlin = store;
    struct store_batch batch;
    batch.count = 1;
    batch.entries[0] = (struct store_entry){.key = key, .value = value};
    batch.has_tally = false;
    enum store_status status = dunlin->shared != NULL
                                   ? shared_store_write(dunlin->shared, &batch, dunlin->sync)
                                   : blocking_store_write(dunlin->store, &batch, dunlin->sync);
    return status == STORE_OK;
}

static enum bench_found get(void *store, struct bytes key, struct bytes *value) {
    struct dunlin *dunlin = store;
    enum store_status status = blocking_store_get(dunlin->store, key, value);
    return status == STORE_OK ? BENCH_FOUND : status == STORE_ABSENT ? BENCH_ABSENT : BENCH_FAILED;
}

static uint64_t scan(void *store, struct bytes from, bool reverse, uint64_t count,
                     uint64_t *bytes) {
    struct dunlin *dunlin = store;
    /* The least key behind `from`. */
    uint8_t behind[BENCH_KEY_SIZE + 1] = {0};
    CHECK(from.size <= BENCH_KEY_SIZE);
    memcpy(behind, from.data, from.size);
    struct store_range range = {.reverse = reverse};
    if (reverse)
        range.to = bytes_of(behind, from.size + 1);
    else
        range.from = from;
    struct blocking_cursor *cursor = blocking_cursor_open(dunlin->store, &range, true);
    struct store_entry entry;
    uint64_t seen = 0, sum = 0;
    while (cursor != NULL && seen < count && blocking_cursor_next(cursor, &entry) == STORE_OK) {
        sum += bench_touch(entry.key, entry.value);
        seen++;
    }
    blocking_cursor_close(cursor);
    *bytes = sum;
    return seen;
}

static void settle(void *store) {
    struct dunlin *dunlin = store;
    (void)!blocking_store_settle(dunlin->store);
}

/* The log. */
static uint64_t mapped(void *store) {
    struct dunlin *dunlin = store;
    struct store_figures figures;
    struct blocking_figures host;
    blocking_store_figures(dunlin->store, &figures, &host);
    return host.bytes_mapped;
}

static bool close_dunlin(void *store) {
    struct dunlin *dunlin = store;
    struct buffer problem = {0};
    shared_store_destroy(dunlin->shared);
    bool closed = blocking_store_close(dunlin->store, &problem);
    buffer_deinit(&problem);
    free(dunlin);
    return closed;
}

const struct bench_engine BENCH_DUNLIN = {
    .name = "dunlin",
    .open = open_dunlin,
    .put = put,
    .get = get,
    .scan = scan,
    .settle = settle,
    .close = close_dunlin,
    .mapped = mapped,
};
