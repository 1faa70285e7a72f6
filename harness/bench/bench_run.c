#include "harness/bench/bench_run.h"

#include "harness/bench/bench_measure.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STALL_NANOSECONDS = 1000000,
    PROGRESS_STEP = 1024, /* operations between looks at the clock for progress */
    PROGRESS_NANOSECONDS = 200000000,
    THREADS_MAX = 256,
};

static void tell_progress(struct bench_run *run, uint64_t now) {
    if (!run->setup->progress || now - run->told_at < PROGRESS_NANOSECONDS)
        return;
    run->told_at = now;
    fprintf(stderr, "\r\033[K%s %s: %" PRIu64 " of %" PRIu64, run->engine->name,
            run->workload->title, run->done, run->operations);
}

static void note_latency(struct bench_run *run, uint64_t nanoseconds, bool writes) {
    histogram_add(&run->latency, nanoseconds);
    if (nanoseconds > run->worst)
        run->worst = nanoseconds;
    if (writes && nanoseconds > STALL_NANOSECONDS) {
        run->stalls++;
        run->stall_nanoseconds += nanoseconds;
    }
}

static void write_key(struct bench_run *run, uint64_t number) {
    uint8_t text[BENCH_KEY_SIZE];
    struct bytes key = bench_key(number, run->workload->hashed, text);
    if (!run->engine->put(run->store, key, bench_value(&run->data, number)))
        run->problem = "a write failed";
}

void bench_run_read(struct bench_run *run, uint64_t number, bool present) {
    uint8_t text[BENCH_KEY_SIZE];
    struct bytes value;
    /* Numbers past the last key have keys that lie among the others and are not there. */
    struct bytes key = bench_key(present ? number : number + run->setup->keys, true, text);
    enum bench_found found = run->engine->get(run->store, key, &value);
    if (found == BENCH_FAILED)
        run->problem = "a read failed";
    else if (found == BENCH_ABSENT && present)
        run->problem = "a key is missing";
    else if (found == BENCH_FOUND && !present)
        run->problem = "a key was found that nobody wrote";
    else if (present && !bench_value_fits(&run->data, number, value))
        run->problem = "a read gave another key's value";
}

void bench_run_scan(struct bench_run *run, uint64_t number) {
    uint8_t text[BENCH_KEY_SIZE];
    uint64_t bytes;
    uint64_t seen = run->engine->scan(run->store, bench_key(number, true, text),
                                      run->workload->reverse, BENCH_SHORT_SCAN, &bytes);
    /* Only the last keys have fewer behind them. */
    if (seen == 0 || bytes < seen * (BENCH_KEY_SIZE + run->data.value_size))
        run->problem = "a scan gave too little";
}

/* True when it wrote. */
static bool operate(struct bench_run *run, uint64_t i) {
    switch (run->workload->kind) {
    case BENCH_LOAD:
    case BENCH_SYNCED_LOAD:
        write_key(run, i);
        return true;
    case BENCH_OVERWRITE:
        write_key(run, run->numbers[i]);
        return true;
    case BENCH_READ:
        bench_run_read(run, run->numbers[i], true);
        return false;
    case BENCH_ABSENT_READ:
        bench_run_read(run, run->numbers[i], false);
        return false;
    case BENCH_MIX:
        /* Spread evenly: every draw decides by its place. */
        if (i * 37 % 100 < run->workload->write_percent) {
            write_key(run, run->numbers[i]);
            return true;
        }
        bench_run_read(run, run->numbers[i], true);
        return false;
    case BENCH_SHORT_SCANS:
        bench_run_scan(run, run->numbers[i]);
        return false;
    case BENCH_FULL_SCAN:
        break;
    }
    CHECK_UNREACHABLE("a full scan is one operation");
}

static void operate_all(struct bench_run *run, uint64_t first, uint64_t step) {
    uint64_t before = bench_nanoseconds();
    for (uint64_t i = first; i < run->operations && run->problem == NULL; i += step) {
        bool wrote = operate(run, i);
        uint64_t after = bench_nanoseconds();
        note_latency(run, after - before, wrote);
        before = after;
        if (++run->done % PROGRESS_STEP == 0)
            tell_progress(run, after);
    }
}

static void scan_all(struct bench_run *run) {
    uint64_t bytes, before = bench_nanoseconds();
    bool reverse = run->workload->reverse;
    /* Keys begin with figures and letters. */
    run->done = run->engine->scan(run->store, bytes_of_text(reverse ? "~" : "0"), reverse,
                                  UINT64_MAX, &bytes);
    note_latency(run, bench_nanoseconds() - before, false);
    if (run->done != run->setup->keys ||
        bytes < run->done * (BENCH_KEY_SIZE + run->data.value_size))
        run->problem = "a full scan did not give every key";
}

struct writer {
    pthread_t thread;
    struct bench_run run; /* its own copy */
    uint64_t first, step;
};

static void *write_in_thread(void *argument) {
    struct writer *writer = argument;
    operate_all(&writer->run, writer->first, writer->step);
    return NULL;
}

static void operate_in_threads(struct bench_run *run) {
    uint32_t count = run->setup->threads;
    CHECK(count > 0 && count <= THREADS_MAX);
    struct writer *writers = calloc(count, sizeof *writers);
    CHECK(writers != NULL);
    for (uint32_t i = 0; i < count; i++) {
        writers[i] = (struct writer){.run = *run, .first = i, .step = count};
        bench_data_init(&writers[i].run.data, run->data.value_size);
        CHECK(pthread_create(&writers[i].thread, NULL, write_in_thread, &writers[i]) == 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        pthread_join(writers[i].thread, NULL);
        struct bench_run *part = &writers[i].run;
        histogram_join(&run->latency, &part->latency);
        run->done += part->done;
        run->worst = part->worst > run->worst ? part->worst : run->worst;
        run->stalls += part->stalls;
        run->stall_nanoseconds += part->stall_nanoseconds;
        run->problem = part->problem != NULL ? part->problem : run->problem;
        bench_data_deinit(&part->data);
    }
    free(writers);
}

void bench_run_operations(struct bench_run *run) {
    if (run->workload->kind == BENCH_FULL_SCAN)
        scan_all(run);
    else if (run->workload->kind == BENCH_SYNCED_LOAD)
        operate_in_threads(run);
    else
        operate_all(run, 0, 1);
    if (run->setup->progress)
        fprintf(stderr, "\r\033[K");
}
