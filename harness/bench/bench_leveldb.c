/* LevelDB, through its C interface. */
#include "engine/base/text.h"
#include "harness/bench/bench_engine.h"

#include <leveldb/c.h>
#include <stdlib.h>

struct leveldb {
    leveldb_t *database;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_writeoptions_t *write_options;
    leveldb_readoptions_t *read_options;
    char *value; /* what the last get lent */
};

static void set_options(struct leveldb *leveldb, const struct bench_engine_settings *settings) {
    leveldb->options = leveldb_options_create();
    leveldb->cache = leveldb_cache_create_lru(settings->cache_bytes);
    leveldb_options_set_create_if_missing(leveldb->options, 1);
    leveldb_options_set_write_buffer_size(leveldb->options, settings->write_buffer_bytes);
    leveldb_options_set_block_size(leveldb->options, settings->block_bytes);
    leveldb_options_set_cache(leveldb->options, leveldb->cache);
    leveldb_options_set_compression(leveldb->options,
                                    settings->compression == BENCH_COMPRESSION_FAST
                                        ? leveldb_snappy_compression
                                        : leveldb_no_compression);
    if (settings->filter_bits_per_key > 0) {
        leveldb->filter = leveldb_filterpolicy_create_bloom((int)settings->filter_bits_per_key);
        leveldb_options_set_filter_policy(leveldb->options, leveldb->filter);
    }
    leveldb->write_options = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(leveldb->write_options, settings->sync);
    leveldb->read_options = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(leveldb->read_options, settings->verify);
}

static void *open_leveldb(const struct bench_engine_settings *settings, struct buffer *problem) {
    struct leveldb *leveldb = calloc(1, sizeof *leveldb);
    CHECK(leveldb != NULL);
    set_options(leveldb, settings);
    char *error = NULL;
    leveldb->database = leveldb_open(leveldb->options, settings->directory, &error);
    if (error == NULL)
        return leveldb;
    text_append(problem, error);
    leveldb_free(error);
    return NULL;
}

static bool succeeded(char *error) {
    if (error == NULL)
        return true;
    leveldb_free(error);
    return false;
}

static bool put(void *store, struct bytes key, struct bytes value) {
    struct leveldb *leveldb = store;
    char *error = NULL;
    leveldb_put(leveldb->database, leveldb->write_options, (const char *)key.data, key.size,
                (const char *)value.data, value.size, &error);
    return succeeded(error);
}

static enum bench_found get(void *store, struct bytes key, struct bytes *value) {
    struct leveldb *leveldb = store;
    if (leveldb->value != NULL)
        leveldb_free(leveldb->value);
    char *error = NULL;
    size_t size;
    leveldb->value = leveldb_get(leveldb->database, leveldb->read_options, (const char *)key.data,
                                 key.size, &size, &error);
    if (!succeeded(error))
        return BENCH_FAILED;
    if (leveldb->value == NULL)
        return BENCH_ABSENT;
    *value = bytes_of(leveldb->value, size);
    return BENCH_FOUND;
}

/* To the first key >= `from`, or the last one <= `from`. */
static void seek(leveldb_iterator_t *iterator, struct bytes from, bool reverse) {
    leveldb_iter_seek(iterator, (const char *)from.data, from.size);
    if (!reverse)
        return;
    if (!leveldb_iter_valid(iterator)) {
        leveldb_iter_seek_to_last(iterator);
        return;
    }
    size_t size;
    const char *key = leveldb_iter_key(iterator, &size);
    if (!bytes_equal(bytes_of(key, size), from))
        leveldb_iter_prev(iterator);
}

static uint64_t scan(void *store, struct bytes from, bool reverse, uint64_t count,
                     uint64_t *bytes) {
    struct leveldb *leveldb = store;
    leveldb_iterator_t *iterator =
        leveldb_create_iterator(leveldb->database, leveldb->read_options);
    uint64_t seen = 0, sum = 0;
    seek(iterator, from, reverse);
    while (leveldb_iter_valid(iterator)) {
        size_t key_size, value_size;
        const char *key = leveldb_iter_key(iterator, &key_size);
        const char *value = leveldb_iter_value(iterator, &value_size);
        sum += bench_touch(bytes_of(key, key_size), bytes_of(value, value_size));
        if (++seen == count)
            break;
        if (reverse)
            leveldb_iter_prev(iterator);
        else
            leveldb_iter_next(iterator);
    }
    leveldb_iter_destroy(iterator);
    *bytes = sum;
    return seen;
}

static bool close_leveldb(void *store) {
    struct leveldb *leveldb = store;
    if (leveldb->value != NULL)
        leveldb_free(leveldb->value);
    leveldb_close(leveldb->database);
    leveldb_readoptions_destroy(leveldb->read_options);
    leveldb_writeoptions_destroy(leveldb->write_options);
    leveldb_options_destroy(leveldb->options);
    leveldb_cache_destroy(leveldb->cache);
    if (leveldb->filter != NULL)
        leveldb_filterpolicy_destroy(leveldb->filter);
    free(leveldb);
    return true;
}

const struct bench_engine BENCH_LEVELDB = {
    .name = "leveldb",
    .open = open_leveldb,
    .put = put,
    .get = get,
    .scan = scan,
    .close = close_leveldb,
};
