/* What docs/library.md shows, as one program: built against the installed package by tests/library/check_install.sh.
 *
 *     cc example.c $(pkg-config --cflags --libs --static dunlin_store) -o example && ./example DIRECTORY
 */
#include <dunlin_store.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct blocking_store *store;
static struct buffer problem;

/* Ends with what the store has to say. */
static void check(enum store_status status, const char *what) {
    if (status == STORE_OK)
        return;
    struct bytes why = blocking_store_problem(store);
    fprintf(stderr, "%s: status %d: %.*s\n", what, (int)status, (int)why.size,
            (const char *)why.data);
    exit(1);
}

static void open_at(const char *directory) {
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_NEVER; /* durable is what is asked to be */
    config.memtable_bytes = 64 << 20;
    config.cache_bytes = 256 << 20;
    store = blocking_store_open(directory, &config, &problem);
    if (store != NULL)
        return;
    fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
    exit(1);
}

static void close_it(void) {
    if (blocking_store_close(store, &problem))
        return;
    fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
    exit(1);
}

static void write_and_read(void) {
    struct bytes value;
    check(blocking_store_put(store, bytes_of_text("cart:7"), bytes_of_text("an apple"), true),
          "put");
    check(blocking_store_get(store, bytes_of_text("cart:7"), &value), "get");
    printf("cart:7 holds %.*s\n", (int)value.size, (const char *)value.data);
    check(blocking_store_remove(store, bytes_of_text("cart:7"), false), "remove");
    if (blocking_store_get(store, bytes_of_text("cart:7"), &value) != STORE_ABSENT)
        exit(1);

    struct store_batch batch = {
        .count = 3,
        .entries = {{.key = bytes_of_text("cart:8"), .value = bytes_of_text("a pear")},
                    {.key = bytes_of_text("cart:9"), .value = bytes_of_text("a plum")},
                    {.key = bytes_of_text("cart:7"), .removed = true}},
    };
    check(blocking_store_write(store, &batch, true), "write");
}

static unsigned walk(struct blocking_cursor *cursor) {
    unsigned count = 0;
    struct store_entry entry;
    if (cursor == NULL)
        exit(1);
    while (blocking_cursor_next(cursor, &entry) == STORE_OK) {
        printf("%.*s -> %.*s\n", (int)entry.key.size, (const char *)entry.key.data,
               (int)entry.value.size, (const char *)entry.value.data);
        count++;
    }
    blocking_cursor_close(cursor);
    return count;
}

static void walk_both_ways(void) {
    struct store_range upwards = {.prefix = bytes_of_text("cart:")};
    struct store_range downwards = {
        .from = bytes_of_text("cart:8"), .to = bytes_of_text("cart::"), .reverse = true};
    if (walk(blocking_cursor_open(store, &upwards, false)) != 2 ||
        walk(blocking_cursor_open(store, &downwards, false)) != 2)
        exit(1);
}

static void look_back(void) {
    struct store_range all = {.reverse = false};
    struct bytes value;
    struct blocking_snapshot *snapshot = blocking_snapshot_acquire(store);
    check(snapshot == NULL ? STORE_FAILED : STORE_OK, "snapshot");
    check(blocking_store_remove_prefix(store, bytes_of_text("cart:"), true), "remove a range");
    if (blocking_store_get(store, bytes_of_text("cart:8"), &value) != STORE_ABSENT ||
        blocking_snapshot_get(snapshot, bytes_of_text("cart:8"), &value) != STORE_OK ||
        walk(blocking_snapshot_cursor(snapshot, &all)) != 2)
        exit(1);
    blocking_snapshot_release(snapshot);
}

static void *write_from_thread(void *argument) {
    struct shared_store *shared = argument;
    struct buffer value = {0}; /* a copy: the store is not this thread's alone */
    char key[32];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "thread:%lx:%u", (unsigned long)pthread_self(), i);
        check(shared_store_put(shared, bytes_of_text(key), bytes_of_text("there"), true), "put");
        check(shared_store_get(shared, bytes_of_text(key), &value), "get");
    }
    buffer_deinit(&value);
    return NULL;
}

static void use_threads(void) {
    pthread_t threads[8];
    struct shared_store *shared = shared_store_create(store);
    for (unsigned i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, write_from_thread, shared);
    for (unsigned i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    struct store_range range = {.prefix = bytes_of_text("thread:")};
    struct store_entry entry;
    unsigned count = 0;
    struct blocking_cursor *cursor = blocking_cursor_open(shared_store_lock(shared), &range, true);
    while (cursor != NULL && blocking_cursor_next(cursor, &entry) == STORE_OK)
        count++;
    blocking_cursor_close(cursor);
    shared_store_unlock(shared);
    shared_store_destroy(shared);
    printf("%u entries by 8 threads\n", count);
    if (count != 800)
        exit(1);
}

static void keep_and_restore(const char *directory) {
    uint32_t number;
    char kept[4096], restored[4096];
    check(blocking_store_checkpoint(store, &number), "checkpoint");
    snprintf(kept, sizeof kept, "%s/checkpoint-%06u", directory, (unsigned)number);
    snprintf(restored, sizeof restored, "%s.restored", directory);
    if (!blocking_store_restore(kept, restored, &problem)) {
        fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
        exit(1);
    }
    check(blocking_store_checkpoint_remove(store, number), "remove a checkpoint");
    close_it();
    open_at(restored);
    struct store_range all = {.prefix = bytes_of_text("thread:")};
    struct store_entry entry;
    unsigned count = 0;
    struct blocking_cursor *cursor = blocking_cursor_open(store, &all, true);
    while (blocking_cursor_next(cursor, &entry) == STORE_OK)
        count++;
    blocking_cursor_close(cursor);
    printf("%u entries restored\n", count);
    if (count != 800)
        exit(1);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    open_at(argv[1]);
    write_and_read();
    walk_both_ways();
    look_back();
    use_threads();
    keep_and_restore(argv[1]);
    close_it();
    buffer_deinit(&problem);
    return 0;
}
