#include "harness/bench/bench_engine.h"

static const struct bench_engine *const ENGINES[BENCH_ENGINES] = {&BENCH_DUNLIN, &BENCH_ROCKSDB,
                                                                  &BENCH_LEVELDB};

const struct bench_engine *bench_engine_find(const char *name) {
    for (uint32_t i = 0; i < BENCH_ENGINES; i++) {
        if (strcmp(ENGINES[i]->name, name) == 0)
            return ENGINES[i];
    }
    return NULL;
}

const struct bench_engine *bench_engine_at(uint32_t number) {
    CHECK(number < BENCH_ENGINES);
    return ENGINES[number];
}
