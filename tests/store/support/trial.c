#include "tests/store/support/trial.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <stdarg.h>
#include <stdio.h>

enum { STEPS_MAX = 2000000, TIME_OF_STEP = 1000 /* nanoseconds */ };

struct trial *trial_create(const struct trial_options *options) {
    struct trial *trial = memory_allocate_zeroed(1, sizeof *trial);
    trial->options = *options;
    trial->config = trial_options_config(options);
    trial->next_waiter = 1;
    memory_disk_init(&trial->disk, options->values[TRIAL_DISK_SEED]);
    trial->disk.in_order = options->values[TRIAL_IN_ORDER] != 0;
    trial_model_init(&trial->model, options);
    return trial;
}

void trial_destroy(struct trial *trial) {
    trial_cursors_close(trial);
    store_destroy(trial->store);
    effects_deinit(&trial->effects);
    memory_disk_deinit(&trial->disk);
    trial_model_deinit(&trial->model);
    for (uint32_t i = 0; i < TRIAL_BATCH_MAX; i++)
        buffer_deinit(&trial->values[i]);
    memory_release(trial);
}

const char *trial_failure(const struct trial *trial) {
    return trial->failure;
}

void trial_fail(struct trial *trial, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trial->failure, sizeof trial->failure, format, arguments);
    va_end(arguments);
    longjmp(trial->door, 1);
}

void trial_take_effects(struct trial *trial) {
    memory_disk_take(&trial->disk, &trial->effects);
    effects_clear(&trial->effects);
}

static void end_step(struct trial *trial) {
    store_pump(trial->store, trial->now, &trial->effects);
    trial_take_effects(trial);
    enum store_phase phase = store_phase(trial->store);
    struct bytes why = store_failure(trial->store);
    TRIAL_REQUIRE(trial, phase != STORE_PHASE_FAILED, "the store fails: %.*s", (int)why.size,
                  (const char *)why.data);
    if (phase != STORE_PHASE_SERVING)
        return;
    uint64_t durable = store_durable(trial->store);
    uint64_t written = store_written(trial->store);
    TRIAL_REQUIRE(trial, durable <= written && written <= trial->last,
                  "%llu durable, %llu written, %llu given", (unsigned long long)durable,
                  (unsigned long long)written, (unsigned long long)trial->last);
    TRIAL_REQUIRE(trial,
                  durable >= trial->acknowledged_durable && written >= trial->acknowledged_written,
                  "a watermark goes back");
    trial->acknowledged_durable = durable;
    trial->acknowledged_written = written;
}

bool trial_step(struct trial *trial) {
    struct disk_done done;
    trial->now.nanoseconds += TIME_OF_STEP;
    if (memory_disk_perform(&trial->disk, &done)) {
        TRIAL_REQUIRE(trial, store_on_disk(trial->store, &done, trial->now, &trial->effects),
                      "the store does not know a ticket that it drew");
        end_step(trial);
        if (trial->after_operation != NULL && !trial->after_operation(trial, trial->watcher)) {
            trial->stopped = true;
            longjmp(trial->door, 1);
        }
        return true;
    }
    /* What waits for entries to expire waits for TRIAL_CLOCK. */
    struct instant deadline = store_work_deadline(trial->store);
    if (deadline.nanoseconds == UINT64_MAX)
        return false;
    if (instant_before(trial->now, deadline))
        trial->now = deadline;
    end_step(trial);
    return true;
}

void trial_settle(struct trial *trial) {
    uint32_t steps = 0;
    while (trial_step(trial))
        TRIAL_REQUIRE(trial, ++steps < STEPS_MAX, "the store never comes to rest");
}

/* A store that starts or closes may fail for one operation; no other may. */
static void end_faults(struct trial *trial) {
    trial->disk.fail_at = 0;
}

void trial_begin(struct trial *trial) {
    end_faults(trial);
    trial_cursors_close(trial);
    store_destroy(trial->store);
    trial->store = store_create(&trial->config);
    effects_clear(&trial->effects);
    store_set_wall(trial->store, (struct wall_time){trial->model.wall});
    store_start(trial->store, trial->now, &trial->effects);
    trial_take_effects(trial);
    while (store_phase(trial->store) == STORE_PHASE_RECOVERING)
        TRIAL_REQUIRE(trial, trial_step(trial), "recovery waits for nothing");
    trial->faulted = false;
}

bool trial_start(struct trial *trial) {
    if (setjmp(trial->door) != 0)
        return false;
    trial_begin(trial);
    return true;
}

void trial_abandon(struct trial *trial, bool process_only) {
    trial_cursors_close(trial);
    store_destroy(trial->store);
    trial->store = NULL;
    if (process_only)
        trial->disk.queued = 0;
    else
        trial->acknowledged_written = trial->acknowledged_durable;
}

void trial_recover(struct trial *trial) {
    uint64_t recovered = store_written(trial->store);
    uint64_t durable = store_durable(trial->store);
    uint64_t promised = trial->acknowledged_written;
    TRIAL_REQUIRE(trial, recovered >= promised, "recovered up to write %llu of %llu acknowledged",
                  (unsigned long long)recovered, (unsigned long long)promised);
    TRIAL_REQUIRE(trial, recovered <= trial->last, "recovered write %llu of %llu",
                  (unsigned long long)recovered, (unsigned long long)trial->last);
    TRIAL_REQUIRE(trial, durable == recovered, "recovered %llu, of which only %llu are durable",
                  (unsigned long long)recovered, (unsigned long long)durable);
    trial_model_truncate(&trial->model, recovered);
    trial->last = trial->acknowledged_durable = trial->acknowledged_written = recovered;
}

bool trial_check_recovered(struct trial *trial) {
    if (setjmp(trial->door) != 0)
        return false;
    trial_recover(trial);
    return true;
}

bool trial_check(struct trial *trial) {
    if (setjmp(trial->door) != 0)
        return false;
    trial_compare_all(trial);
    return true;
}

static void add_entry(struct trial *trial, struct store_batch *batch,
                      const struct trial_write *write) {
    struct buffer *value = &trial->values[batch->count];
    buffer_clear(value);
    if (!write->removed)
        trial_write_value(write, value);
    batch->entries[batch->count++] =
        (struct store_entry){.key = buffer_bytes(&trial->model.names[write->key]),
                             .value = buffer_bytes(value),
                             .removed = write->removed,
                             .expires = {write->expires}};
    batch->has_tally = write->expires == 0;
    trial_model_change(&trial->model, write, &batch->tally);
}

static enum store_status send(struct trial *trial, const struct store_batch *batch,
                              const struct trial_write *range, uint64_t *sequence) {
    if (range == NULL)
        return store_write(trial->store, batch, trial->now, sequence);
    return store_remove_prefix(trial->store, trial_model_prefix(&trial->model, range), range->page,
                               trial->now, sequence);
}

/* Until the store takes it. */
static void insist(struct trial *trial, const struct store_batch *batch,
                   const struct trial_write *range) {
    uint64_t sequence = 0;
    enum store_status status;
    uint32_t steps = 0;
    while ((status = send(trial, batch, range, &sequence)) == STORE_BUSY || status == STORE_FULL) {
        TRIAL_REQUIRE(trial, ++steps < STEPS_MAX, "the store stays busy");
        end_step(trial);
        TRIAL_REQUIRE(trial, trial_step(trial), "the store is busy and waits for nothing");
    }
    TRIAL_REQUIRE(trial, status == STORE_OK && sequence == trial->last + 1,
                  "a write is answered %d with sequence %llu, expected %llu", (int)status,
                  (unsigned long long)sequence, (unsigned long long)trial->last + 1);
    trial->last = sequence;
}

/* All writes of a batch count for one tally; the same key may come twice. */
static void write_batch(struct trial *trial, const struct trial_write *writes, uint32_t count) {
    struct store_batch batch = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        add_entry(trial, &batch, &writes[i]);
        trial_model_apply(&trial->model, writes[i]);
    }
    insist(trial, &batch, NULL);
}

static void remove_range(struct trial *trial, const uint64_t *numbers) {
    struct trial_write range = {.sequence = trial->last + 1,
                                .key = (uint32_t)(numbers[0] % trial->model.keys),
                                .size = (uint32_t)numbers[1] + (numbers[1] == 0),
                                .range = true,
                                .page = (uint32_t)numbers[2] - 1};
    trial_model_apply(&trial->model, range);
    insist(trial, NULL, &range);
}

static struct trial_write write_of(const struct trial *trial, uint64_t key, uint64_t size,
                                   bool removed) {
    return (struct trial_write){.sequence = trial->last + 1,
                                .key = (uint32_t)(key % trial->model.keys),
                                .size = removed ? 0 : (uint32_t)size,
                                .removed = removed};
}

/* Keys of one tally: every eighth one. */
static void write_drawn(struct trial *trial, uint64_t count, uint64_t seed) {
    struct trial_write writes[TRIAL_BATCH_MAX];
    struct prng prng;
    prng_init(&prng, seed, 3);
    uint32_t first = prng_below(&prng, trial->model.keys);
    uint32_t taken = count < TRIAL_BATCH_MAX ? (uint32_t)count : TRIAL_BATCH_MAX;
    for (uint32_t i = 0; i < taken; i++) {
        uint32_t key = first % 8 + 8 * prng_below(&prng, trial->model.keys / 8 + 1);
        key = key < trial->model.keys ? key : first;
        uint32_t size = prng_below(&prng, (uint32_t)trial->options.values[TRIAL_VALUES] + 1);
        writes[i] = write_of(trial, key, size, prng_chance(&prng, 1, 3));
    }
    write_batch(trial, writes, taken);
}

static void crash(struct trial *trial, const uint64_t *numbers) {
    enum crash_outcome outcome = (enum crash_outcome)(numbers[0] % 3);
    /* What a failed sync did not write is clean in the cache, and a crash that keeps what is dirty loses it. */
    trial_abandon(trial, outcome == CRASH_KEEPS && !trial->faulted);
    prng_init(&trial->disk.prng, numbers[1], 78);
    memory_disk_crash(&trial->disk, outcome);
    trial_begin(trial);
    TRIAL_REQUIRE(trial, !store_was_closed_cleanly(trial->store),
                  "a crash is taken for a clean close");
    trial_recover(trial);
    trial_compare_all(trial);
    trial_checkpoints_compare(trial);
}

static void kill_process(struct trial *trial) {
    trial_abandon(trial, true);
    trial_begin(trial);
    trial_recover(trial);
    trial_compare_all(trial);
}

static void begin_fault(struct trial *trial, const uint64_t *numbers) {
    trial->disk.fail_writes = true;
    trial->disk.fail_status = numbers[1] == 0 ? DISK_ERROR : DISK_FULL;
    trial->disk.fail_at = trial->disk.eligible + numbers[0];
    trial->faulted = true;
}

static void reopen(struct trial *trial) {
    end_faults(trial);
    store_close(trial->store, trial->now, &trial->effects);
    trial_take_effects(trial);
    uint32_t steps = 0;
    while (!store_is_closed(trial->store)) {
        TRIAL_REQUIRE(trial, ++steps < STEPS_MAX && trial_step(trial), "the close never ends");
    }
    TRIAL_REQUIRE(trial, store_durable(trial->store) == trial->last,
                  "a clean close leaves something that is not durable");
    trial->acknowledged_durable = trial->acknowledged_written = trial->last;
    trial_abandon(trial, false);
    memory_disk_crash(&trial->disk, CRASH_LOSES);
    trial_begin(trial);
    TRIAL_REQUIRE(trial, store_was_closed_cleanly(trial->store), "a clean close is not known");
    trial_recover(trial);
    trial_compare_all(trial);
}

static void put_expiring(struct trial *trial, const uint64_t *numbers) {
    struct trial_write write = write_of(trial, numbers[0], numbers[1], false);
    write.expires = trial->model.wall + numbers[2];
    write_batch(trial, &write, 1);
}

/* A clock that is set back brings nothing back. */
static void move_clock(struct trial *trial, const uint64_t *numbers) {
    uint64_t wall = trial->model.wall;
    if (numbers[1] == 0)
        trial->model.wall += numbers[0];
    else
        wall -= numbers[0] < wall ? numbers[0] : wall;
    store_set_wall(trial->store, (struct wall_time){numbers[1] == 0 ? trial->model.wall : wall});
}

static void perform(struct trial *trial, const struct trial_operation *operation) {
    const uint64_t *numbers = operation->numbers;
    struct trial_write write;
    switch (operation->kind) {
    case TRIAL_PUT:
    case TRIAL_DELETE:
        write = write_of(trial, numbers[0], numbers[1], operation->kind == TRIAL_DELETE);
        write_batch(trial, &write, 1);
        return;
    case TRIAL_EXPIRE:
        put_expiring(trial, numbers);
        return;
    case TRIAL_CLOCK:
        move_clock(trial, numbers);
        return;
    case TRIAL_BATCH:
        write_drawn(trial, numbers[0], numbers[1]);
        return;
    case TRIAL_RANGE:
        remove_range(trial, numbers);
        return;
    case TRIAL_GET:
        trial_get(trial, (uint32_t)(numbers[0] % trial->model.keys));
        return;
    case TRIAL_SCAN:
        trial_scan(trial, numbers);
        return;
    case TRIAL_CURSOR:
        trial_cursor_open(trial, numbers);
        return;
    case TRIAL_WALK:
        trial_cursor_walk(trial, numbers);
        return;
    case TRIAL_SEEK:
        trial_cursor_seek(trial, numbers);
        return;
    case TRIAL_CLOSE:
        trial_cursor_close(trial, numbers);
        return;
    case TRIAL_SNAPSHOT:
        trial_snapshot_turn(trial, numbers);
        return;
    case TRIAL_LOOK:
        trial_snapshot_look(trial, numbers);
        return;
    case TRIAL_WANT:
        store_want_durable(trial->store, trial->last);
        return;
    case TRIAL_PUMP:
        end_step(trial);
        return;
    case TRIAL_STEP:
        for (uint64_t i = 0; i < numbers[0]; i++)
            (void)trial_step(trial);
        return;
    case TRIAL_SETTLE:
        trial_settle(trial);
        return;
    case TRIAL_CHECK:
        trial_compare_all(trial);
        trial_checkpoints_compare(trial);
        return;
    case TRIAL_REOPEN:
        reopen(trial);
        return;
    case TRIAL_FAULT:
        begin_fault(trial, numbers);
        return;
    case TRIAL_CHECKPOINT:
        trial_checkpoint_make(trial);
        return;
    case TRIAL_FORGET:
        trial_checkpoint_forget(trial, numbers[0]);
        return;
    case TRIAL_RESTORE:
        trial_checkpoint_restore(trial, numbers[0]);
        return;
    case TRIAL_KILL:
        kill_process(trial);
        return;
    case TRIAL_CRASH:
        crash(trial, numbers);
        return;
    case TRIAL_KIND_COUNT:
        break;
    }
    CHECK_UNREACHABLE("an operation has a known kind");
}

bool trial_perform(struct trial *trial, const struct trial_operation *operation) {
    if (setjmp(trial->door) != 0)
        return false;
    perform(trial, operation);
    return true;
}

bool trial_run(const struct trial_history *history, char failure[TRIAL_FAILURE_SIZE]) {
    struct trial *trial = trial_create(&history->options);
    bool sound = trial_start(trial);
    for (size_t i = 0; sound && i < history->count; i++)
        sound = trial_perform(trial, &history->operations[i]);
    sound = sound && trial_check(trial);
    memcpy(failure, trial->failure, TRIAL_FAILURE_SIZE);
    trial_destroy(trial);
    return sound;
}
