/* What one step of a store does at most while writers keep it busy: counted, not timed. A store is written over until it has
 * flushed and compacted many times, and each call is weighed: the bytes that it hands to the disk, the operations, the memory
 * that it gives back. No count may grow with the size of the memtable, of a table or of the store.
 *
 * The linker puts a function that weighs in the place of free() (see tests/CMakeLists.txt).
 */
#include "engine/base/arena.h"
#include "engine/store/log_writer.h"
#include "engine/store/pacing.h"
#include "tests/store/support/memory_disk.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    KILOBYTE = 1024,
    KEYS = 30000,
    WRITES = 200000,
    VALUE = 120,
    MEMTABLE = 1024 * KILOBYTE,
    TABLE = 256 * KILOBYTE,
    BLOCK = 4 * KILOBYTE,
    SEGMENT = 1024 * KILOBYTE,
    SLICE_MAX = PACING_SLICE_BYTES << PACING_PRESSURE_MAX,
    PUMP_WORK_MAX = 2 * SLICE_MAX +
                    64 * KILOBYTE, /* a slice read and written, and the last block of each source */
    PUMP_WRITES_MAX = 2 * SLICE_MAX + 64 * KILOBYTE,
    /* A few chunks of a memtable, some tables, and what all sources of a merge were read through. */
    FREED_MAX = 8 * (ARENA_CHUNK_MAX + 64) + 512 * KILOBYTE,
    FREES_MAX = 600,
    EFFECTS_MAX = 64,
    RECORDS = 8192,
    RECORD_VALUE = 1000,
};

void __real_free(void *memory);
void __wrap_free(void *memory);

static struct { uint64_t bytes, count; } freed;

void __wrap_free(void *memory) {
    if (memory != NULL) {
        freed.bytes += malloc_usable_size(memory);
        freed.count++;
    }
    __real_free(memory);
}

/* The most that any call of one kind has done. */
struct weight {
    uint64_t written, effects, freed, frees;
};

static struct memory_disk disk;
static struct store *store;
static struct effects effects;
static struct instant now;
static struct weight of_write, of_pump, of_outcome;

static void raise_to(uint64_t *most, uint64_t value) {
    if (value > *most)
        *most = value;
}

static void begin_call(void) {
    effects_clear(&effects);
    freed.bytes = freed.count = 0;
}

static void end_call(struct weight *most) {
    uint64_t written = 0;
    for (size_t i = 0; i < effects.count; i++)
        written += effects.items[i].kind == EFFECT_WRITE ? effects.items[i].bytes.size : 0;
    raise_to(&most->written, written);
    raise_to(&most->effects, effects.count);
    raise_to(&most->freed, freed.bytes);
    raise_to(&most->frees, freed.count);
    memory_disk_take(&disk, &effects);
}

static void pump(void) {
    begin_call();
    store_pump(store, now, &effects);
    end_call(&of_pump);
}

/* False when nothing is under way. */
static bool take_outcome(void) {
    struct disk_done done;
    if (!memory_disk_perform(&disk, &done))
        return false;
    now.nanoseconds += 1000;
    begin_call();
    assert_true(store_on_disk(store, &done, now, &effects));
    end_call(&of_outcome);
    return true;
}

static void go_on(void) {
    pump();
    (void)take_outcome();
}

static void write_one(uint32_t key) {
    char name[16];
    uint8_t value[VALUE];
    snprintf(name, sizeof name, "%08u", key);
    memset(value, (int)(key % 255), sizeof value);
    struct store_batch batch = {
        .count = 1,
        .entries = {{.key = bytes_of_text(name), .value = bytes_of(value, sizeof value)}}};
    uint64_t sequence;
    enum store_status status;
    do {
        begin_call();
        status = store_write(store, &batch, now, &sequence);
        end_call(&of_write);
        if (status == STORE_BUSY)
            go_on();
    } while (status == STORE_BUSY);
    assert_int_equal(status, STORE_OK);
}

static void start(uint64_t table_bytes) {
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_NEVER;
    config.memtable_bytes = MEMTABLE;
    config.table_bytes = table_bytes;
    config.block_bytes = BLOCK;
    config.log_segment_bytes = SEGMENT;
    config.tally_count = 0;
    memory_disk_init(&disk, 5);
    store = store_create(&config);
    effects_clear(&effects);
    store_start(store, now, &effects);
    memory_disk_take(&disk, &effects);
    while (store_phase(store) != STORE_PHASE_SERVING)
        go_on();
    of_write = of_pump = of_outcome = (struct weight){0};
}

static void work(void) {
    struct prng prng;
    prng_init(&prng, 3, 1);
    for (uint32_t i = 0; i < WRITES; i++) {
        write_one(prng_below(&prng, KEYS));
        if (i % 8 == 0)
            go_on();
    }
}

static void end(void) {
    store_destroy(store);
    effects_deinit(&effects);
    effects = (struct effects){0};
    memory_disk_deinit(&disk);
}

static void expect_bounded(const char *call, const struct weight *most) {
    print_message("%-14s wrote %7lu bytes, %3lu operations; gave back %8lu bytes, %4lu pieces\n",
                  call, (unsigned long)most->written, (unsigned long)most->effects,
                  (unsigned long)most->freed, (unsigned long)most->frees);
    assert_true(most->written <= PUMP_WRITES_MAX);
    assert_true(most->effects <= EFFECTS_MAX);
    assert_true(most->freed <= FREED_MAX);
    assert_true(most->frees <= FREES_MAX);
}

static void no_step_of_a_busy_store_does_more_than_its_share(void **state) {
    (void)state;
    struct store_figures figures;
    start(TABLE);
    work();
    store_figures(store, &figures);
    assert_true(figures.flushes > 4 && figures.compactions > 1);
    assert_true(figures.slice_bytes_max > PACING_SLICE_BYTES);
    assert_true(figures.slice_bytes_max <= PUMP_WORK_MAX);
    expect_bounded("store_write", &of_write);
    expect_bounded("store_pump", &of_pump);
    expect_bounded("store_on_disk", &of_outcome);
    /* A write is a copy: it leaves everything else to the pump. */
    assert_int_equal(of_write.effects, 0);
    assert_true(of_write.freed < ARENA_CHUNK_MAX);
    end();
}

static void finish_log(struct log_writer *log, uint64_t ticket) {
    struct disk_wait *wait = tickets_take(log->tickets, ticket);
    assert_int_equal(log_writer_on_done(log, wait->kind, DISK_OK, now), LOG_GOES_ON);
}

/* All but a sync is done at once; of that the ticket is kept. */
static void perform_for_log(struct log_writer *log, uint64_t *sync_ticket) {
    for (size_t i = 0; i < effects.count; i++) {
        if (effects.items[i].kind == EFFECT_SYNC)
            *sync_ticket = effects.items[i].ticket;
        else
            finish_log(log, effects.items[i].ticket);
    }
}

/* Appends records until a segment is full. A sync takes as long as `sync_takes` records. Returns how many bytes wait for a sync
 * when the next segment does. */
static uint64_t waiting_at_the_end(uint32_t sync_takes) {
    static uint8_t value[RECORD_VALUE];
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_NEVER;
    config.log_allocates = false;
    config.log_segment_bytes = RECORDS * RECORD_VALUE;
    struct tickets tickets;
    struct log_writer log;
    uint64_t next_file = 1, sync_ticket = 0;
    tickets_init(&tickets, 1);
    log_writer_init(&log, &config, &tickets);
    log_writer_begin(&log, 0);
    struct store_batch batch = {
        .count = 1,
        .entries = {{.key = bytes_of_text("k"), .value = bytes_of(value, sizeof value)}}};
    uint32_t waited = 0;
    do {
        if (sync_ticket != 0 && ++waited > sync_takes) {
            finish_log(&log, sync_ticket);
            sync_ticket = waited = 0;
        }
        (void)log_writer_append(&log, &batch);
        effects_clear(&effects);
        log_writer_pump(&log, now, &next_file, &effects);
        perform_for_log(&log, &sync_ticket);
    } while (log.filling_count == 0);
    uint64_t waiting = (log.written - log.durable) * (sizeof value);
    log_writer_deinit(&log);
    tickets_deinit(&tickets);
    effects_deinit(&effects);
    effects = (struct effects){0};
    return waiting;
}

static void little_of_a_segment_waits_for_its_sync_when_the_next_one_is_due(void **state) {
    (void)state;
    for (uint32_t sync_takes = 0; sync_takes <= RECORDS / 16; sync_takes += RECORDS / 64) {
        uint64_t waiting = waiting_at_the_end(sync_takes);
        assert_true(waiting <= 256 * KILOBYTE + 2 * sync_takes * (uint64_t)RECORD_VALUE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_step_of_a_busy_store_does_more_than_its_share),
        cmocka_unit_test(little_of_a_segment_waits_for_its_sync_when_the_next_one_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
