/* trial_options: the settings of a trial: how the store is configured, how its keys look, in which
 * order its disk works. Every one is a number, so that a history can be written down and shrunk.
 *
 *     struct trial_options options;
 *     trial_options_random(&options, &prng);
 *     trial_options_print(&options, &text);        // "options keys=40 shape=2 sync=0 ..."
 *     if (!trial_options_parse(line, &options)) ...
 *     struct store_config config = trial_options_config(&options);
 */
#ifndef DUNLIN_TESTS_TRIAL_OPTIONS_H
#define DUNLIN_TESTS_TRIAL_OPTIONS_H

#include "engine/base/prng.h"
#include "engine/store/store.h"

#define TRIAL_OPTIONS(X)                                                                           \
    X(KEYS, "keys")         /* how many there are */                                               \
    X(SHAPE, "shape")       /* of keys: see trial_model.c */                                       \
    X(VALUES, "values")     /* upper bound of the usual value's size */                            \
    X(DISK_SEED, "disk")    /* chooses which waiting operation the disk performs */                \
    X(IN_ORDER, "in_order") /* 1: the oldest */                                                    \
    X(SYNC, "sync")                                                                                \
    X(INTERVAL, "interval") /* microseconds */                                                     \
    X(MEMTABLE, "memtable")                                                                        \
    X(TABLE, "table")                                                                              \
    X(BLOCK, "block")                                                                              \
    X(SEGMENT, "segment")                                                                          \
    X(CACHE, "cache")                                                                              \
    X(FILTER, "filter")     /* bits per key */                                                     \
    X(COMPRESS, "compress") /* a digit to base 3 for each level, level 0 last */                   \
    X(MANIFEST, "manifest")                                                                        \
    X(PARTITION, "partition") /* index bytes above which a table is partitioned */                 \
    X(ALLOCATES, "allocates") /* 1: log segments are given their space ahead */                    \
    X(SPARES, "spares")       /* log segments that are kept for another use */                     \
    X(RATE, "rate")           /* of compaction, bytes a second; 0: as fast as it can */

enum trial_option {
#define X(name, text) TRIAL_##name,
    TRIAL_OPTIONS(X)
#undef X
        TRIAL_OPTION_COUNT
};

enum { TRIAL_KEYS_MAX = 400, TRIAL_TALLIES = 1024 };

struct trial_options {
    uint64_t values[TRIAL_OPTION_COUNT];
};

/* A small store with nothing unusual: what shrinking tries to get back to. */
void trial_options_plain(struct trial_options *options);
void trial_options_random(struct trial_options *options, struct prng *prng);
/* One line, without a newline. */
void trial_options_print(const struct trial_options *options, struct buffer *to);
/* What the line does not name is plain. False when it names what does not exist. */
MUST_USE bool trial_options_parse(struct bytes line, struct trial_options *options);
struct store_config trial_options_config(const struct trial_options *options);

#endif
