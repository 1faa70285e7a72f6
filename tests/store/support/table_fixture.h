/* table_fixture: whole tables in memory, for tests.
 *
 *     struct buffer file = {0};
 *     table_fixture_build(&options, entries, count, 100, &file);      // drained 100 bytes at a
 * time enum lookup found = table_fixture_lookup(buffer_bytes(&file), key, &value, &removed);
 *     buffer_deinit(&value);
 */
#ifndef DUNLIN_TESTS_STORE_TABLE_FIXTURE_H
#define DUNLIN_TESTS_STORE_TABLE_FIXTURE_H

#include "engine/base/prng.h"
#include "engine/store/table.h"

struct fixture_entry {
    struct buffer key;
    struct buffer value;
    bool removed;
    uint64_t expires; /* 0: never */
};

enum lookup { LOOKUP_FOUND, LOOKUP_ABSENT, LOOKUP_CORRUPT };

/* Entries ascending. Hands the output on in pieces of `drain` bytes after every addition; 0 means
 * all at once at the end. */
void table_fixture_build(const struct table_options *options, const struct fixture_entry *entries,
                         size_t count, size_t drain, struct buffer *file);

/* How much the tables that are opened from here on may keep in memory; without this, all. */
void table_fixture_pin(uint64_t pinned_bytes_max);
const struct table_context *table_fixture_context(void);
/* Opens the file as a store does; null when it is refused. */
struct table *table_fixture_open(struct bytes file);
/* Appends the plain contents of a block of the file. */
enum table_status table_fixture_block(const struct table *table, struct bytes file,
                                      const struct block_handle *handle, struct buffer *contents);
/* table_find_block() and table_block_at(), fetching the partition of the index that they want. TABLE_NEEDS_INDEX: it is
 * corrupt. */
enum table_answer table_fixture_find(const struct table *table, struct bytes file, struct bytes key,
                                     uint32_t *position, struct block_handle *handle);
enum table_answer table_fixture_at(const struct table *table, struct bytes file, uint32_t position,
                                   struct block_handle *handle);
/* A lookup in an open table, the way a store does one. `value` is overwritten. */
enum lookup table_fixture_get(const struct table *table, struct bytes file, struct bytes key,
                              struct buffer *value, bool *removed);

/* Sorted, without repetition; keys from a small alphabet so that they share prefixes. Free with
 * table_fixture_free(). */
struct fixture_entry *table_fixture_random(struct prng *prng, size_t wanted, uint32_t key_size_max,
                                           uint32_t value_size_max, size_t *count);
/* Of those that are not removed, one in `one_in` expires, within a range of times. */
void table_fixture_let_expire(struct fixture_entry *entries, size_t count, struct prng *prng,
                              uint32_t one_in);
void table_fixture_free(struct fixture_entry *entries, size_t count);

#endif
