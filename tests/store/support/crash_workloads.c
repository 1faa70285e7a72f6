#include "tests/store/support/crash_workloads.h"

/* What is done to the store, by the seed of its history, and with which settings. */
static const struct {
    const char *name, *options;
    uint64_t seed;
    uint32_t operations;
    bool expires; /* what is put expires */
} WORKLOADS[] = {
    {"log", "options keys=30 sync=0 memtable=100000 segment=1500 values=150 in_order=0 disk=1", 1,
     400, false},
    {"flush", "options keys=40 sync=0 memtable=1500 table=100000 segment=1200 in_order=0 disk=2", 2,
     200, false},
    {"compaction",
     "options keys=40 sync=0 memtable=1200 table=1200 block=256 segment=1500 in_order=0 disk=3", 3,
     400, false},
    {"manifest", "options keys=40 sync=0 memtable=1000 table=2000 manifest=300 in_order=0 disk=4",
     4, 300, false},
    {"interval", "options keys=40 sync=1 memtable=1500 table=1500 segment=1000 in_order=0 disk=5",
     5, 300, false},
    {"never", "options keys=40 sync=2 memtable=1500 table=1500 segment=1000 in_order=0 disk=6", 6,
     300, false},
    {"large",
     "options keys=12 sync=2 values=5000 memtable=9000 table=8000 segment=9000 compress=1093 "
     "partition=100 in_order=0 disk=7",
     7, 120, false},
    {"bare",
     "options keys=40 sync=0 memtable=1500 table=1500 segment=900 allocates=0 in_order=0 disk=9", 9,
     250, false},
    {"expiry",
     "options keys=40 sync=0 memtable=1200 table=1200 block=256 segment=1500 in_order=0 disk=10",
     10, 300, true},
    {"queue", "options keys=60 sync=0 memtable=1500 table=1200 block=128 segment=800 shape=3", 8,
     250, false},
    {"checkpoint",
     "options keys=30 sync=0 memtable=1500 table=1500 segment=1500 in_order=0 disk=10", 10, 150,
     false},
};
/* Milliseconds: some expire before they are flushed, some in a table. */
enum { EXPIRY_MAX = 40 };
/* In the workload of that name: operations from one that concerns checkpoints to the next; every third removes one. */
enum { CHECKPOINT_EVERY = 12 };
enum { WORKLOAD_COUNT = sizeof WORKLOADS / sizeof WORKLOADS[0] };

uint32_t crash_workload_count(void) {
    return WORKLOAD_COUNT;
}

const char *crash_workload_name(uint32_t workload) {
    return WORKLOADS[workload].name;
}

void crash_workload_make(uint32_t workload, struct trial_history *history) {
    bool parsed =
        trial_options_parse(bytes_of_text(WORKLOADS[workload].options), &history->options);
    CHECK(parsed);
    struct trial_options options = history->options;
    trial_history_draw(history, &options, WORKLOADS[workload].seed, WORKLOADS[workload].operations);
    bool checkpoints = strcmp(WORKLOADS[workload].name, "checkpoint") == 0;
    size_t kept = 0;
    for (size_t i = 0; i < history->count; i++) {
        struct trial_operation *operation = &history->operations[i];
        enum trial_kind kind = operation->kind;
        if (kind == TRIAL_CRASH || kind == TRIAL_KILL || kind == TRIAL_REOPEN ||
            kind == TRIAL_CHECK || (checkpoints && kind == TRIAL_RESTORE))
            continue;
        if (checkpoints && i % CHECKPOINT_EVERY == 0)
            operation->kind =
                i % (3 * CHECKPOINT_EVERY) == 0 && i > 0 ? TRIAL_FORGET : TRIAL_CHECKPOINT;
        history->operations[kept++] = *operation;
    }
    for (size_t i = 0; WORKLOADS[workload].expires && i < kept; i++) {
        struct trial_operation *operation = &history->operations[i];
        if (operation->kind == TRIAL_PUT)
            *operation = (struct trial_operation){
                TRIAL_EXPIRE, {operation->numbers[0], operation->numbers[1], i % EXPIRY_MAX}};
    }
    history->count = kept;
    trial_history_add(history, (struct trial_operation){.kind = TRIAL_REOPEN});
}
