#include "tests/store/support/trial_options.h"

#include "engine/base/text.h"

enum { COMPRESSIONS = 3, COMPRESSIONS_ALL = 2187 /* 3 to the power of STORE_LEVELS */ };
_Static_assert(STORE_LEVELS == 7, "each level is a digit");

static const char *const NAMES[TRIAL_OPTION_COUNT] = {
#define X(name, text) text,
    TRIAL_OPTIONS(X)
#undef X
};

void trial_options_plain(struct trial_options *options) {
    *options = (struct trial_options){{
        [TRIAL_KEYS] = 40,
        [TRIAL_VALUES] = 100,
        [TRIAL_IN_ORDER] = 1,
        [TRIAL_SYNC] = STORE_SYNC_ALWAYS,
        [TRIAL_INTERVAL] = 20,
        [TRIAL_MEMTABLE] = 4096,
        [TRIAL_TABLE] = 4096,
        [TRIAL_BLOCK] = 512,
        [TRIAL_SEGMENT] = 4096,
        [TRIAL_CACHE] = 65536,
        [TRIAL_FILTER] = 10,
        [TRIAL_MANIFEST] = 1 << 20,
        [TRIAL_PARTITION] = 1 << 20,
        [TRIAL_ALLOCATES] = 1,
        [TRIAL_SPARES] = 1,
    }};
}

/* Now and then a budget that no sane person would set. */
static uint64_t random_budget(struct prng *prng, uint32_t smallest, uint32_t doublings) {
    if (prng_chance(prng, 1, 20))
        return 1 + prng_below(prng, smallest);
    return (uint64_t)smallest << prng_below(prng, doublings);
}

void trial_options_random(struct trial_options *options, struct prng *prng) {
    uint64_t *values = options->values;
    values[TRIAL_KEYS] = 1 + prng_below(prng, prng_chance(prng, 1, 3) ? 20 : TRIAL_KEYS_MAX);
    values[TRIAL_SHAPE] = prng_below(prng, 4);
    values[TRIAL_VALUES] = prng_chance(prng, 1, 8) ? 5000 : 10u << prng_below(prng, 6);
    values[TRIAL_DISK_SEED] = prng_below(prng, 1000000);
    values[TRIAL_IN_ORDER] = prng_chance(prng, 1, 4);
    values[TRIAL_SYNC] = prng_below(prng, 3);
    values[TRIAL_INTERVAL] = 1 + prng_below(prng, 100);
    values[TRIAL_MEMTABLE] = random_budget(prng, 512, 7);
    values[TRIAL_TABLE] = random_budget(prng, 512, 7);
    values[TRIAL_BLOCK] = random_budget(prng, 64, 7);
    values[TRIAL_SEGMENT] = random_budget(prng, 500, 7);
    values[TRIAL_CACHE] = prng_chance(prng, 1, 8) ? 0 : 256u << prng_below(prng, 11);
    values[TRIAL_FILTER] = prng_chance(prng, 1, 3) ? 0 : 1 + prng_below(prng, 20);
    values[TRIAL_COMPRESS] = prng_below(prng, COMPRESSIONS_ALL);
    values[TRIAL_MANIFEST] = prng_chance(prng, 1, 2) ? 1 << 20 : 100u << prng_below(prng, 8);
    values[TRIAL_PARTITION] = 1u << prng_below(prng, 13);
    values[TRIAL_ALLOCATES] = prng_chance(prng, 3, 4);
    values[TRIAL_SPARES] = prng_below(prng, 5);
    values[TRIAL_RATE] = prng_chance(prng, 1, 4) ? 100000 + prng_below(prng, 1000000000) : 0;
}

void trial_options_print(const struct trial_options *options, struct buffer *to) {
    text_append(to, "options");
    for (uint32_t i = 0; i < TRIAL_OPTION_COUNT; i++) {
        text_append(to, " ");
        text_append(to, NAMES[i]);
        text_append(to, "=");
        text_append_u64(to, options->values[i]);
    }
}

/* Takes the next word off the line; empty at its end. */
static struct bytes next_word(struct bytes *line) {
    size_t from = 0;
    while (from < line->size && line->data[from] == ' ')
        from++;
    size_t to = from;
    while (to < line->size && line->data[to] != ' ')
        to++;
    struct bytes word = bytes_slice(*line, from, to - from);
    *line = bytes_slice(*line, to, line->size - to);
    return word;
}

static bool parse_word(struct bytes word, struct trial_options *options) {
    for (uint32_t i = 0; i < TRIAL_OPTION_COUNT; i++) {
        struct bytes name = bytes_of_text(NAMES[i]);
        if (bytes_start_with(word, name) && word.size > name.size && word.data[name.size] == '=')
            return text_parse_u64(bytes_slice(word, name.size + 1, word.size - name.size - 1),
                                  &options->values[i]);
    }
    return false;
}

bool trial_options_parse(struct bytes line, struct trial_options *options) {
    trial_options_plain(options);
    if (!bytes_equal(next_word(&line), bytes_of_text("options")))
        return false;
    for (;;) {
        struct bytes word = next_word(&line);
        if (word.size == 0)
            break;
        if (!parse_word(word, options))
            return false;
    }
    uint64_t keys = options->values[TRIAL_KEYS];
    return keys > 0 && keys <= TRIAL_KEYS_MAX;
}

struct store_config trial_options_config(const struct trial_options *options) {
    const uint64_t *values = options->values;
    struct store_config config = store_config_default();
    config.sync = (enum store_sync)values[TRIAL_SYNC];
    config.sync_interval = duration_of_microseconds(values[TRIAL_INTERVAL]);
    config.memtable_bytes = values[TRIAL_MEMTABLE];
    config.table_bytes = values[TRIAL_TABLE];
    config.block_bytes = values[TRIAL_BLOCK];
    config.log_segment_bytes = values[TRIAL_SEGMENT];
    config.cache_bytes = values[TRIAL_CACHE];
    config.filter_bits_per_key = (uint32_t)values[TRIAL_FILTER];
    uint64_t levels = values[TRIAL_COMPRESS];
    for (uint32_t level = 0; level < STORE_LEVELS; level++, levels /= COMPRESSIONS)
        config.compression[level] = (enum block_compression)(levels % COMPRESSIONS);
    config.manifest_bytes = values[TRIAL_MANIFEST];
    config.partition_above = values[TRIAL_PARTITION];
    config.log_allocates = values[TRIAL_ALLOCATES] != 0;
    config.log_spares = (uint32_t)values[TRIAL_SPARES];
    config.compaction_rate = values[TRIAL_RATE];
    config.tally_count = TRIAL_TALLIES;
    config.first_ticket = 1000;
    return config;
}
