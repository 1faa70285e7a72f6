#include "harness/bench/bench_options.h"

#include "harness/bench/bench_data.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KIBI = 1024, EXIT_USAGE = 2, THREADS_MAX = 256, LIST_SIZE = 512 };

static const char HELP[] =
    "store_bench: the same work on this project's store, RocksDB and LevelDB, side by side\n"
    "\n"
    "  store_bench [options]\n"
    "\n"
    "What is done\n"
    "  --keys LIST           keys in the store (5M); several draw how cost grows\n"
    "  --value-sizes LIST    bytes per value (100)\n"
    "  --workloads LIST      all of: sequential_load random_load read_cached read_uncached "
    "read_absent\n"
    "                        full_scan reverse_scan short_scans short_scans_cached\n"
    "                        short_reverse_scans mix_95_5 mix_50_50 overwrite synced_load\n"
    "  --engines LIST        dunlin,rocksdb,leveldb\n"
    "  --rounds N            alternating rounds, of which the median is told (5)\n"
    "  --reads N             operations of the reading workloads (as many as keys, at most 1M)\n"
    "  --scans N             short scans (a twentieth of the reads)\n"
    "  --synced N            writes of synced_load (32000)\n"
    "  --threads N           writers of synced_load (16)\n"
    "\n"
    "How the stores are set, all alike\n"
    "  --cache BYTES         block cache (1G); read_uncached takes a quarter of the data\n"
    "  --write-buffer BYTES  memtable (64M)\n"
    "  --block BYTES         block before compression (4K)\n"
    "  --filter-bits N       of the Bloom filter, per key (10)\n"
    "  --compression KIND    none, or fast: LZ4, and Snappy in LevelDB, which has no LZ4 (fast)\n"
    "  --verify              LevelDB verifies checksums as well; the others always do\n"
    "  --no-settle           no waiting for a store that rests before and after each workload\n"
    "\n"
    "Where and how it is told\n"
    "  --cores LIST          processors that each engine runs on (0); keep it to one to compare "
    "work\n"
    "  --directory DIR       where the stores lie while they are measured (/tmp)\n"
    "  --out DIR             write results.json and the charts (SVG and PNG, by gnuplot) there\n"
    "  --json, --markdown    instead of the plain table\n"
    "  --quiet               no progress on the terminal\n"
    "\n"
    "An interrupt (Ctrl-C) ends the run early and tells what was measured.\n"
    "\n"
    "Values are half random: fast compression makes them about half as large. A noisy machine\n"
    "misleads: compare CPU per operation and the ratios, and look at several rounds.\n"
    "\n"
    "Examples\n"
    "  store_bench --keys 1M --rounds 1\n"
    "  store_bench --keys 5M --value-sizes 100,1K --out out/store\n"
    "  store_bench --keys 1M,5M,20M --workloads random_load,read_uncached,read_absent --rounds 1 "
    "--out out/growth\n";

enum option_id {
    OPTION_KEYS = 1,
    OPTION_VALUE_SIZES,
    OPTION_WORKLOADS,
    OPTION_ENGINES,
    OPTION_ROUNDS,
    OPTION_READS,
    OPTION_SCANS,
    OPTION_SYNCED,
    OPTION_THREADS,
    OPTION_CACHE,
    OPTION_WRITE_BUFFER,
    OPTION_BLOCK,
    OPTION_FILTER_BITS,
    OPTION_COMPRESSION,
    OPTION_VERIFY,
    OPTION_NO_SETTLE,
    OPTION_CORES,
    OPTION_DIRECTORY,
    OPTION_OUT,
    OPTION_JSON,
    OPTION_MARKDOWN,
    OPTION_QUIET,
    OPTION_HELP,
};

static const struct option LONG_OPTIONS[] = {
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"value-sizes", required_argument, NULL, OPTION_VALUE_SIZES},
    {"workloads", required_argument, NULL, OPTION_WORKLOADS},
    {"engines", required_argument, NULL, OPTION_ENGINES},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"reads", required_argument, NULL, OPTION_READS},
    {"scans", required_argument, NULL, OPTION_SCANS},
    {"synced", required_argument, NULL, OPTION_SYNCED},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"cache", required_argument, NULL, OPTION_CACHE},
    {"write-buffer", required_argument, NULL, OPTION_WRITE_BUFFER},
    {"block", required_argument, NULL, OPTION_BLOCK},
    {"filter-bits", required_argument, NULL, OPTION_FILTER_BITS},
    {"compression", required_argument, NULL, OPTION_COMPRESSION},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"no-settle", no_argument, NULL, OPTION_NO_SETTLE},
    {"cores", required_argument, NULL, OPTION_CORES},
    {"directory", required_argument, NULL, OPTION_DIRECTORY},
    {"out", required_argument, NULL, OPTION_OUT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"markdown", no_argument, NULL, OPTION_MARKDOWN},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

/* "5M" or "64k": K and its kin are 1024 for bytes, 1000 for counts. */
static bool parse_amount(const char *text, uint64_t kilo, uint64_t low, uint64_t high,
                         uint64_t *amount) {
    char *end;
    uint64_t value = strtoull(text, &end, 10), factor = 1;
    if (end == text)
        return false;
    if (*end == 'K' || *end == 'k')
        factor = kilo;
    else if (*end == 'M')
        factor = kilo * kilo;
    else if (*end == 'G')
        factor = kilo * kilo * kilo;
    if (factor > 1)
        end++;
    if (*end != 0 || value > UINT64_MAX / factor)
        return false;
    *amount = value * factor;
    return *amount >= low && *amount <= high;
}

/* Calls take_item() for each part between commas; false as soon as one is refused. */
static bool each_item(const char *list, bool (*take_item)(struct bench_options *, const char *),
                      struct bench_options *options) {
    char copy[LIST_SIZE];
    if (snprintf(copy, sizeof copy, "%s", list) >= (int)sizeof copy)
        return false;
    char *rest = NULL;
    for (char *item = strtok_r(copy, ",", &rest); item != NULL; item = strtok_r(NULL, ",", &rest)) {
        if (!take_item(options, item))
            return false;
    }
    return true;
}

static bool take_keys(struct bench_options *options, const char *item) {
    return options->key_count < BENCH_SIZES_MAX &&
           parse_amount(item, 1000, 1000, UINT32_MAX, &options->keys[options->key_count++]);
}

static bool take_value_size(struct bench_options *options, const char *item) {
    return options->value_size_count < BENCH_SIZES_MAX &&
           parse_amount(item, KIBI, BENCH_VALUE_SIZE_MIN, 1 << 20,
                        &options->value_sizes[options->value_size_count++]);
}

static bool take_workload(struct bench_options *options, const char *item) {
    for (uint32_t i = 0; i < BENCH_WORKLOADS; i++) {
        if (strcmp(bench_workload_at(i)->name, item) == 0)
            return options->workloads[i] = true;
    }
    return false;
}

static bool take_engine(struct bench_options *options, const char *item) {
    for (uint32_t i = 0; i < BENCH_ENGINES; i++) {
        if (strcmp(bench_engine_at(i)->name, item) == 0)
            return options->engines[i] = true;
    }
    return false;
}

static bool take_number(const char *text, uint64_t kilo, uint64_t high, uint32_t *number) {
    uint64_t amount;
    if (!parse_amount(text, kilo, 1, high, &amount))
        return false;
    *number = (uint32_t)amount;
    return true;
}

static bool take_compression(struct bench_engine_settings *engine, const char *text) {
    bool fast = strcmp(text, "fast") == 0;
    engine->compression = fast ? BENCH_COMPRESSION_FAST : BENCH_COMPRESSION_NONE;
    return fast || strcmp(text, "none") == 0;
}

static bool take_engine_option(struct bench_engine_settings *engine, int option, const char *text) {
    uint64_t amount = 0;
    switch (option) {
    case OPTION_CACHE:
        return parse_amount(text, KIBI, 1, UINT64_MAX / 2, &engine->cache_bytes);
    case OPTION_WRITE_BUFFER:
        return parse_amount(text, KIBI, 64 * KIBI, UINT32_MAX, &engine->write_buffer_bytes);
    case OPTION_BLOCK:
        return parse_amount(text, KIBI, 256, 1 << 24, &engine->block_bytes);
    case OPTION_FILTER_BITS:
        if (!parse_amount(text, 1, 0, 64, &amount))
            return false;
        engine->filter_bits_per_key = (uint32_t)amount;
        return true;
    case OPTION_COMPRESSION:
        return take_compression(engine, text);
    case OPTION_VERIFY:
        return engine->verify = true;
    default:
        return false;
    }
}

static bool take_option(struct bench_options *options, int option, const char *text) {
    struct bench_setup *setup = &options->setup;
    switch (option) {
    case OPTION_KEYS:
        return each_item(text, take_keys, options);
    case OPTION_VALUE_SIZES:
        return each_item(text, take_value_size, options);
    case OPTION_WORKLOADS:
        return each_item(text, take_workload, options);
    case OPTION_ENGINES:
        return each_item(text, take_engine, options);
    case OPTION_ROUNDS:
        return take_number(text, 1000, BENCH_ROUNDS_MAX, &options->rounds);
    case OPTION_READS:
        return parse_amount(text, 1000, 1, UINT32_MAX, &options->reads);
    case OPTION_SCANS:
        return parse_amount(text, 1000, 1, UINT32_MAX, &options->scans);
    case OPTION_SYNCED:
        return parse_amount(text, 1000, 1, UINT32_MAX, &setup->synced_writes);
    case OPTION_THREADS:
        return take_number(text, 1000, THREADS_MAX, &setup->threads);
    case OPTION_CORES:
        setup->cores = text;
        return true;
    case OPTION_DIRECTORY:
        options->directory = text;
        return true;
    case OPTION_OUT:
        options->out = text;
        return true;
    case OPTION_JSON:
        options->format = BENCH_FORMAT_JSON;
        return true;
    case OPTION_MARKDOWN:
        options->format = BENCH_FORMAT_MARKDOWN;
        return true;
    case OPTION_NO_SETTLE:
        setup->settle = false;
        return true;
    case OPTION_QUIET:
        setup->progress = false;
        return true;
    default:
        return take_engine_option(&setup->engine, option, text);
    }
}

static void fill_in(struct bench_options *options) {
    bool any_engine = false, any_workload = false;
    for (uint32_t i = 0; i < BENCH_ENGINES; i++)
        any_engine = any_engine || options->engines[i];
    for (uint32_t i = 0; i < BENCH_ENGINES && !any_engine; i++)
        options->engines[i] = true;
    for (uint32_t i = 0; i < BENCH_WORKLOADS; i++)
        any_workload = any_workload || options->workloads[i];
    for (uint32_t i = 0; i < BENCH_WORKLOADS && !any_workload; i++)
        options->workloads[i] = true;
    if (options->key_count == 0)
        options->keys[options->key_count++] = 5000000;
    if (options->value_size_count == 0)
        options->value_sizes[options->value_size_count++] = 100;
}

int bench_options_parse(struct bench_options *options, int argc, char **argv) {
    *options = (struct bench_options){
        .setup = {.engine = {.cache_bytes = 1 << 30,
                             .write_buffer_bytes = 64 << 20,
                             .block_bytes = 4096,
                             .filter_bits_per_key = 10,
                             .compression = BENCH_COMPRESSION_FAST},
                  .synced_writes = 32000,
                  .threads = 16,
                  .settle = true,
                  .progress = isatty(STDERR_FILENO) == 1,
                  .cores = "0"},
        .rounds = 5,
        .directory = "/tmp",
    };
    int option, index = 0;
    while ((option = getopt_long(argc, argv, "", LONG_OPTIONS, &index)) != -1) {
        if (option == OPTION_HELP) {
            fputs(HELP, stdout);
            return 0;
        }
        if (option == '?' || !take_option(options, option, optarg)) {
            if (option != '?')
                fprintf(stderr, "store_bench: --%s does not take %s\n", LONG_OPTIONS[index].name,
                        optarg);
            fprintf(stderr, "store_bench --help tells what there is\n");
            return EXIT_USAGE;
        }
    }
    fill_in(options);
    return -1;
}
