/* bench_engine: the stores that are compared, behind one small face.
 *
 *     bench_engine --> dunlin (blocking_store), rocksdb (rocksdb/c.h), leveldb (leveldb/c.h)
 *
 * Each is opened with the same settings, as far as it has them, and left at its own defaults in
 * everything else. One engine is open at a time, in a process of its own.
 *
 *     const struct bench_engine *engine = bench_engine_find("rocksdb");
 *     void *store = engine->open(&settings, &problem);
 *     engine->put(store, key, value);
 *     engine->get(store, key, &value);
 *     engine->close(store);
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_ENGINE_H
#define DUNLIN_HARNESS_BENCH_BENCH_ENGINE_H

#include "engine/base/bytes.h"

enum bench_compression {
    BENCH_COMPRESSION_NONE,
    BENCH_COMPRESSION_FAST, /* LZ4; Snappy in LevelDB, which has nothing else */
};

struct bench_engine_settings {
    const char *directory;
    uint64_t cache_bytes, write_buffer_bytes, block_bytes;
    uint32_t filter_bits_per_key;
    enum bench_compression compression;
    bool sync;    /* a put returns when it is durable */
    bool threads; /* many threads put at once */
    bool verify;  /* checksums are verified also where that is not the default */
};

enum bench_found { BENCH_FOUND, BENCH_ABSENT, BENCH_FAILED };

struct bench_engine {
    const char *name;
    /* Null with a sentence in *problem. */
    void *(*open)(const struct bench_engine_settings *settings, struct buffer *problem);
    bool (*put)(void *store, struct bytes key, struct bytes value);
    /* `value` is borrowed until the next call. */
    enum bench_found (*get)(void *store, struct bytes key, struct bytes *value);
    /* Walks over at most `count` entries from the first key >= `from`, or backwards from the last one <= `from`; returns how many there were, and in *bytes what
     * their keys and values hold. Each scan sees the store as it was when it began. */
    uint64_t (*scan)(void *store, struct bytes from, bool reverse, uint64_t count, uint64_t *bytes);
    /* Until the work is done that is due and needs the caller's own thread; null when there is none. */
    void (*settle)(void *store);
    bool (*close)(void *store);
    /* Bytes that it has written through mappings of files, which the kernel's books do not have; null when there are none. */
    uint64_t (*mapped)(void *store);
};

enum { BENCH_ENGINES = 3 };
extern const struct bench_engine BENCH_DUNLIN, BENCH_ROCKSDB, BENCH_LEVELDB;

/* Null when there is none of this name. */
const struct bench_engine *bench_engine_find(const char *name);
const struct bench_engine *bench_engine_at(uint32_t number);

/* Touches an entry as a reader would: the sum is there to be looked at. */
static inline uint64_t bench_touch(struct bytes key, struct bytes value) {
    return key.size + value.size + (value.size > 0 && value.data[value.size - 1] == 0xff ? 1 : 0);
}

#endif
