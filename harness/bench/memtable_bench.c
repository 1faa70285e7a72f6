/* memtable_bench: what the memtable's operations cost in CPU time, against a skip list with a hash index.
 *
 *     memtable_bench [ENTRIES [ROUNDS]]          200000 entries, 5 rounds: about what 32 MiB hold
 *
 * Both take the same keys and 100-byte values in the same order; rounds alternate, the median
 * counts. Keys are 16 decimal digits drawn from five million, and the same as a node stores them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/prng.h"
#include "engine/data/entry_key.h"
#include "engine/store/memtable.h"
#include "harness/bench/skip_list.h"

enum { KEY_SPACE = 5000000, VALUE_SIZE = 100, ROUNDS_MAX = 99, PARTITIONS = 1024, LEAVES = 256 };

/* All keys in one run of memory, as far apart as whatever reads them would have them. */
struct key_set {
    struct buffer bytes;
    size_t *ends;
    size_t count;
};

static struct bytes key_at(const struct key_set *keys, size_t index) {
    size_t from = index == 0 ? 0 : keys->ends[index - 1];
    return bytes_of(keys->bytes.data + from, keys->ends[index] - from);
}

static void add_key(struct key_set *keys, uint32_t number, bool as_entry) {
    char digits[32];
    snprintf(digits, sizeof digits, "%016u", number);
    struct bytes key = bytes_of_text(digits);
    if (as_entry) {
        uint64_t mixed = number * 0x9e3779b97f4a7c15u;
        entry_key_encode(&(struct entry_key){.space = ENTRY_DATA,
                                             .partition = (uint16_t)(mixed >> 40) % PARTITIONS,
                                             .leaf = (uint8_t)(mixed >> 56),
                                             .key = key},
                         &keys->bytes);
    } else {
        buffer_append(&keys->bytes, key);
    }
    keys->ends[keys->count++] = keys->bytes.size;
}

static struct key_set draw_keys(size_t count, bool ascending, bool as_entry, uint64_t seed) {
    struct key_set keys = {.ends = calloc(count, sizeof *keys.ends)};
    struct prng prng;
    prng_init(&prng, seed, 1);
    for (size_t i = 0; i < count; i++)
        add_key(&keys, ascending ? (uint32_t)i : prng_below(&prng, KEY_SPACE), as_entry);
    return keys;
}

static void free_keys(struct key_set *keys) {
    buffer_deinit(&keys->bytes);
    free(keys->ends);
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum measure { MEASURE_INSERT, MEASURE_FIND, MEASURE_ABSENT, MEASURE_SEEK, MEASURE_SCAN, MEASURES };
static const char *const MEASURE_NAMES[] = {"insert", "find", "find absent", "seek", "scan"};

/* Nanoseconds per entry of one round, and bytes per entry. */
struct figures {
    double nanoseconds[MEASURES];
    double bytes;
};

/* Keeps the compiler from dropping what is measured. */
static volatile uint64_t sink;

static struct figures measure_memtable(const struct key_set *keys, const struct key_set *absent) {
    static const uint8_t value[VALUE_SIZE];
    double at[MEASURES + 1];
    uint64_t sum = 0;
    struct memtable *table = memtable_create(UINT64_MAX / 2);
    at[MEASURE_INSERT] = cpu_seconds();
    for (size_t i = 0; i < keys->count; i++)
        memtable_put(table, key_at(keys, i), bytes_of(value, VALUE_SIZE), false);
    at[MEASURE_FIND] = cpu_seconds();
    for (size_t i = 0; i < keys->count; i++)
        sum += memtable_find(table, key_at(keys, i))->value_size;
    at[MEASURE_ABSENT] = cpu_seconds();
    for (size_t i = 0; i < absent->count; i++)
        sum += memtable_find(table, key_at(absent, i)) != NULL;
    at[MEASURE_SEEK] = cpu_seconds();
    for (size_t i = 0; i < absent->count; i++)
        sum += memtable_seek(table, key_at(absent, i)) != NULL;
    at[MEASURE_SCAN] = cpu_seconds();
    for (const struct memtable_entry *entry = table->first; entry != NULL; entry = entry->next)
        sum += entry->value_size;
    at[MEASURES] = cpu_seconds();
    sink = sum;
    struct figures figures = {.bytes = (double)memtable_bytes(table) / (double)table->count};
    for (int i = 0; i < MEASURES; i++)
        figures.nanoseconds[i] = (at[i + 1] - at[i]) * 1e9 / (double)keys->count;
    memtable_release(table);
    return figures;
}

static struct figures measure_skip_list(const struct key_set *keys, const struct key_set *absent) {
    static const uint8_t value[VALUE_SIZE];
    double at[MEASURES + 1];
    uint64_t sum = 0;
    struct skip_list *list = skip_list_create();
    at[MEASURE_INSERT] = cpu_seconds();
    for (size_t i = 0; i < keys->count; i++)
        skip_list_put(list, key_at(keys, i), bytes_of(value, VALUE_SIZE), false);
    at[MEASURE_FIND] = cpu_seconds();
    for (size_t i = 0; i < keys->count; i++)
        sum += skip_list_find(list, key_at(keys, i))->value_size;
    at[MEASURE_ABSENT] = cpu_seconds();
    for (size_t i = 0; i < absent->count; i++)
        sum += skip_list_find(list, key_at(absent, i)) != NULL;
    at[MEASURE_SEEK] = cpu_seconds();
    for (size_t i = 0; i < absent->count; i++)
        sum += skip_list_seek(list, key_at(absent, i)) != NULL;
    at[MEASURE_SCAN] = cpu_seconds();
    for (const struct skip_node *node = skip_list_first(list); node != NULL;
         node = skip_node_next(node))
        sum += node->value_size;
    at[MEASURES] = cpu_seconds();
    sink = sum;
    struct figures figures = {.bytes = (double)skip_list_bytes(list) / (double)list->count};
    for (int i = 0; i < MEASURES; i++)
        figures.nanoseconds[i] = (at[i + 1] - at[i]) * 1e9 / (double)keys->count;
    skip_list_destroy(list);
    return figures;
}

static int compare_numbers(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(const struct figures *rounds, size_t count, int measure) {
    double values[ROUNDS_MAX];
    for (size_t i = 0; i < count; i++)
        values[i] = measure == MEASURES ? rounds[i].bytes : rounds[i].nanoseconds[measure];
    qsort(values, count, sizeof values[0], compare_numbers);
    return values[count / 2];
}

static void compare(const char *name, size_t count, size_t rounds, bool ascending, bool as_entry) {
    static struct figures trees[ROUNDS_MAX], lists[ROUNDS_MAX];
    for (size_t i = 0; i < rounds; i++) {
        struct key_set keys = draw_keys(count, ascending, as_entry, i + 1);
        struct key_set absent = draw_keys(count, false, as_entry, i + 1001);
        trees[i] = measure_memtable(&keys, &absent);
        lists[i] = measure_skip_list(&keys, &absent);
        free_keys(&keys);
        free_keys(&absent);
    }
    for (int i = 0; i <= MEASURES; i++) {
        double tree = median(trees, rounds, i);
        double list = median(lists, rounds, i);
        printf("%-26s %-12s %10.1f %10.1f %8.2f\n", name,
               i == MEASURES ? "bytes" : MEASURE_NAMES[i], list, tree, list / tree);
    }
}

int main(int argc, char **argv) {
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
    if (count == 0 || count > KEY_SPACE || rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: memtable_bench [ENTRIES up to %d [ROUNDS up to %d]]\n", KEY_SPACE,
                ROUNDS_MAX);
        return 2;
    }
    printf("%zu entries, median of %zu rounds, per entry in ns (and bytes)\n", count, rounds);
    printf("%-26s %-12s %10s %10s %8s\n", "keys", "", "skip list", "radix tree", "ratio");
    compare("decimal, random", count, rounds, false, false);
    compare("decimal, ascending", count, rounds, true, false);
    compare("entry keys, random", count, rounds, false, true);
    return 0;
}
