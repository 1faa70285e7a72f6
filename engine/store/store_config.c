/* The settings of a store: those of a production node, and what no store can work with. */
#include "engine/store/bloom.h"
#include "engine/store/log_supply.h"
#include "engine/store/store.h"

struct store_config store_config_default(void) {
    return (struct store_config){
        .sync = STORE_SYNC_INTERVAL,
        .sync_interval = duration_of_seconds(1),
        .memtable_bytes = 32 << 20,
        .cache_bytes = 64 << 20,
        .block_bytes = 4096,
        .table_bytes = 4 << 20,
        .log_segment_bytes = 32 << 20,
        .log_allocates = true,
        .log_spares = 1,
        .manifest_bytes = 1 << 20,
        .filter_bits_per_key = 10,
        .compression = {COMPRESSION_LZ4, COMPRESSION_LZ4, COMPRESSION_LZ4, COMPRESSION_LZ4,
                        COMPRESSION_LZ4, COMPRESSION_LZ4, COMPRESSION_LZ4},
        .tally_count = 1024 * STORE_TALLIES_PER_PAGE,
        .first_ticket = 1,
    };
}

const char *store_config_problem(const struct store_config *config) {
    if (config->memtable_bytes == 0)
        return "the memtable has no bytes";
    if (config->table_bytes == 0)
        return "tables have no bytes";
    if (config->block_bytes == 0)
        return "blocks have no bytes";
    if (config->log_segment_bytes == 0)
        return "segments of the log have no bytes";
    if (config->filter_bits_per_key > BLOOM_BITS_PER_KEY_MAX)
        return "the filter has more than 64 bits per key";
    if (config->log_spares > STORE_LOG_SPARES_MAX)
        return "more than 4 segments of the log are kept";
    if (config->tally_count % STORE_TALLIES_PER_PAGE != 0)
        return "the tallies do not fill their pages of 256";
    if (config->sync > STORE_SYNC_NEVER)
        return "no such policy of syncs";
    for (uint32_t level = 0; level < STORE_LEVELS; level++) {
        if (config->compression[level] > COMPRESSION_ZSTD)
            return "no such compression";
    }
    return NULL;
}
