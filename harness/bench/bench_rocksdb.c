/* RocksDB, through its C interface. */
#include "engine/base/text.h"
#include "harness/bench/bench_engine.h"

#include <rocksdb/c.h>
#include <stdlib.h>

struct rocksdb {
    rocksdb_t *database;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_options;
    rocksdb_readoptions_t *read_options;
    rocksdb_pinnableslice_t *pinned; /* what the last get lent */
};

static void set_tables(struct rocksdb *rocksdb, const struct bench_engine_settings *settings) {
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb->cache = rocksdb_cache_create_lru(settings->cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, rocksdb->cache);
    rocksdb_block_based_options_set_block_size(table, settings->block_bytes);
    if (settings->filter_bits_per_key > 0)
        rocksdb_block_based_options_set_filter_policy(
            table, rocksdb_filterpolicy_create_bloom_full((double)settings->filter_bits_per_key));
    rocksdb_options_set_block_based_table_factory(rocksdb->options, table);
    rocksdb_block_based_options_destroy(table);
}

static void *open_rocksdb(const struct bench_engine_settings *settings, struct buffer *problem) {
    struct rocksdb *rocksdb = calloc(1, sizeof *rocksdb);
    CHECK(rocksdb != NULL);
    rocksdb->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(rocksdb->options, 1);
    rocksdb_options_set_write_buffer_size(rocksdb->options, settings->write_buffer_bytes);
    rocksdb_options_set_compression(
        rocksdb->options, settings->compression == BENCH_COMPRESSION_FAST ? rocksdb_lz4_compression
                                                                          : rocksdb_no_compression);
    set_tables(rocksdb, settings);
    rocksdb->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocksdb->write_options, settings->sync);
    rocksdb->read_options = rocksdb_readoptions_create();
    char *error = NULL;
    rocksdb->database = rocksdb_open(rocksdb->options, settings->directory, &error);
    if (error == NULL)
        return rocksdb;
    text_append(problem, error);
    rocksdb_free(error);
    return NULL;
}

static bool succeeded(char *error) {
    if (error == NULL)
        return true;
    rocksdb_free(error);
    return false;
}

static bool put(void *store, struct bytes key, struct bytes value) {
    struct rocksdb *rocksdb = store;
    char *error = NULL;
    rocksdb_put(rocksdb->database, rocksdb->write_options, (const char *)key.data, key.size,
                (const char *)value.data, value.size, &error);
    return succeeded(error);
}

static enum bench_found get(void *store, struct bytes key, struct bytes *value) {
    struct rocksdb *rocksdb = store;
    if (rocksdb->pinned != NULL)
        rocksdb_pinnableslice_destroy(rocksdb->pinned);
    char *error = NULL;
    rocksdb->pinned = rocksdb_get_pinned(rocksdb->database, rocksdb->read_options,
                                         (const char *)key.data, key.size, &error);
    if (!succeeded(error))
        return BENCH_FAILED;
    if (rocksdb->pinned == NULL)
        return BENCH_ABSENT;
    size_t size;
    const char *data = rocksdb_pinnableslice_value(rocksdb->pinned, &size);
    *value = bytes_of(data, size);
    return BENCH_FOUND;
}

/* To the first key >= `from`, or the last one <= `from`. */
static void seek(rocksdb_iterator_t *iterator, struct bytes from, bool reverse) {
    rocksdb_iter_seek(iterator, (const char *)from.data, from.size);
    if (!reverse)
        return;
    if (!rocksdb_iter_valid(iterator)) {
        rocksdb_iter_seek_to_last(iterator);
        return;
    }
    size_t size;
    const char *key = rocksdb_iter_key(iterator, &size);
    if (!bytes_equal(bytes_of(key, size), from))
        rocksdb_iter_prev(iterator);
}

static uint64_t scan(void *store, struct bytes from, bool reverse, uint64_t count,
                     uint64_t *bytes) {
    struct rocksdb *rocksdb = store;
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator(rocksdb->database, rocksdb->read_options);
    uint64_t seen = 0, sum = 0;
    seek(iterator, from, reverse);
    while (rocksdb_iter_valid(iterator)) {
        size_t key_size, value_size;
        const char *key = rocksdb_iter_key(iterator, &key_size);
        const char *value = rocksdb_iter_value(iterator, &value_size);
        sum += bench_touch(bytes_of(key, key_size), bytes_of(value, value_size));
        if (++seen == count)
            break;
        if (reverse)
            rocksdb_iter_prev(iterator);
        else
            rocksdb_iter_next(iterator);
    }
    rocksdb_iter_destroy(iterator);
    *bytes = sum;
    return seen;
}

static bool close_rocksdb(void *store) {
    struct rocksdb *rocksdb = store;
    if (rocksdb->pinned != NULL)
        rocksdb_pinnableslice_destroy(rocksdb->pinned);
    rocksdb_close(rocksdb->database);
    rocksdb_readoptions_destroy(rocksdb->read_options);
    rocksdb_writeoptions_destroy(rocksdb->write_options);
    rocksdb_options_destroy(rocksdb->options);
    rocksdb_cache_destroy(rocksdb->cache);
    free(rocksdb);
    return true;
}

const struct bench_engine BENCH_ROCKSDB = {
    .name = "rocksdb",
    .open = open_rocksdb,
    .put = put,
    .get = get,
    .scan = scan,
    .close = close_rocksdb,
};
