/* stall_bench: what holds a writer up. Loads a store in random order and writes it over, and tells for each part of a write how
 * long it took at most, by the clock on the wall and by the processor's.
 *
 *     stall_bench [KEYS [VALUE_SIZE [DIRECTORY]]]          5000000 keys, values of 100 bytes, /tmp
 *
 * A part that takes long on the wall and not on the processor waited for the disk, or for a processor that others had; the last
 * two columns count both. What takes more than a millisecond of processor time is the store's own doing.
 */
#include <stdlib.h>

#include "harness/bench/bench_data.h"
#include "harness/bench/bench_measure.h"
#include "server/blocking_store.h"
#include "server/step_watch.h"

enum { WRITE_BUFFER = 64 << 20, CACHE = 1 << 30 };

static struct step_watch watch;

static void write_one(struct blocking_store *store, struct bench_data *data, uint64_t number) {
    uint8_t text[BENCH_KEY_SIZE];
    struct store_batch batch = {
        .count = 1,
        .entries = {{.key = bench_key(number, true, text), .value = bench_value(data, number)}}};
    struct step_mark begun = step_watch_begin(&watch);
    enum store_status status = blocking_store_write(store, &batch, false);
    step_watch_end(&watch, STEP_OPERATION, begun);
    CHECK(status == STORE_OK);
}

static void run(struct blocking_store *store, uint64_t keys, uint32_t value_size, bool overwrites) {
    struct bench_data data;
    uint32_t *numbers = malloc(keys * sizeof *numbers);
    CHECK(numbers != NULL);
    bench_data_init(&data, value_size);
    bench_draw_uniform(numbers, keys, keys, 1);
    watch = (struct step_watch){0};
    blocking_store_watch(store, &watch);
    for (uint64_t i = 0; i < keys; i++)
        write_one(store, &data, overwrites ? numbers[i] : i);
    printf("%s\n", overwrites ? "random overwrite" : "random load");
    step_watch_print(&watch, stdout);
    watch = (struct step_watch){0};
    CHECK(blocking_store_settle(store) == STORE_OK);
    printf("%s\n", "until it rests");
    step_watch_print(&watch, stdout);
    blocking_store_watch(store, NULL);
    bench_data_deinit(&data);
    free(numbers);
}

int main(int argc, char **argv) {
    uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000000;
    uint32_t value_size = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100;
    char directory[4096];
    snprintf(directory, sizeof directory, "%s/stall_bench", argc > 3 ? argv[3] : "/tmp");
    if (keys == 0 || keys > UINT32_MAX || value_size < sizeof(uint64_t)) {
        fprintf(stderr, "usage: stall_bench [KEYS [VALUE_SIZE [DIRECTORY]]]\n");
        return EXIT_FAILURE;
    }
    bench_remove_directory(directory);
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_NEVER;
    config.memtable_bytes = WRITE_BUFFER;
    config.cache_bytes = CACHE;
    struct buffer problem = {0};
    struct blocking_store *store = blocking_store_open(directory, &config, &problem);
    if (store == NULL) {
        fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
        return EXIT_FAILURE;
    }
    run(store, keys, value_size, false);
    run(store, keys, value_size, true);
    bool closed = blocking_store_close(store, &problem);
    buffer_deinit(&problem);
    bench_remove_directory(directory);
    return closed ? EXIT_SUCCESS : EXIT_FAILURE;
}
