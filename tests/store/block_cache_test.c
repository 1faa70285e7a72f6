#include "engine/store/block_cache.h"

#include "engine/base/hash.h"
#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    BLOCK_SIZE = 1000,
    CHARGE = BLOCK_SIZE + BLOCK_CACHE_OVERHEAD,
    SEEDS = 20,
    OPERATIONS = 2000
};

/* What a block's contents are can be told from its name. */
static struct buffer contents_of(uint64_t file, uint64_t offset, size_t size) {
    struct buffer contents = {0};
    uint64_t mixed = hash_mix(file, offset);
    for (size_t i = 0; i < size; i++)
        buffer_put_u8(&contents, (uint8_t)(mixed >> i % 8 * 8));
    return contents;
}

static bool holds(struct bytes contents, uint64_t file, uint64_t offset, size_t size) {
    struct buffer expected = contents_of(file, offset, size);
    bool equal = bytes_equal(contents, buffer_bytes(&expected));
    buffer_deinit(&expected);
    return equal;
}

/* Of all blocks of all caches here. */
static struct block_pool pool;

static void put(struct block_cache *cache, uint64_t file, uint64_t offset, size_t size) {
    struct buffer contents = contents_of(file, offset, size);
    block_cache_put(cache, file, offset, block_create(&pool, &contents));
}

static bool get(struct block_cache *cache, uint64_t file, uint64_t offset, size_t size) {
    struct lent_block lent;
    if (!block_cache_get(cache, file, offset, &lent))
        return false;
    assert_true(holds(lent.contents, file, offset, size));
    assert_true(holds(buffer_bytes(&lent.block->contents), file, offset, size));
    return true;
}

/* With the last cache, all blocks are gone. */
static void destroy(struct block_cache *cache) {
    block_cache_destroy(cache);
    assert_int_equal(pool.count, 0);
    assert_int_equal(pool.bytes, 0);
}

static int finish(void **state) {
    (void)state;
    block_pool_deinit(&pool);
    return 0;
}

/* As a store reads: ask, put what is missing, ask again. Returns whether it was there at once. */
static bool read_through(struct block_cache *cache, uint64_t file, uint64_t offset) {
    if (get(cache, file, offset, BLOCK_SIZE))
        return true;
    put(cache, file, offset, BLOCK_SIZE);
    assert_true(get(cache, file, offset, BLOCK_SIZE));
    return false;
}

static void what_was_put_is_found_until_the_budget_is_full(void **state) {
    (void)state;
    enum { FIT = 20 };
    struct block_cache *cache = block_cache_create(FIT * CHARGE);
    assert_false(get(cache, 1, 0, BLOCK_SIZE));
    for (uint64_t i = 0; i < FIT; i++) {
        put(cache, 1, i, BLOCK_SIZE);
        assert_int_equal(block_cache_bytes(cache), (i + 1) * CHARGE);
    }
    for (uint64_t i = 0; i < FIT; i++)
        assert_true(get(cache, 1, i, BLOCK_SIZE));
    put(cache, 1, FIT, BLOCK_SIZE);
    assert_true(get(cache, 1, FIT, BLOCK_SIZE));
    assert_int_equal(block_cache_bytes(cache), FIT * CHARGE);
    destroy(cache);
}

static void the_budget_is_kept_whatever_comes(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct prng prng;
        prng_init(&prng, seed, 4);
        uint64_t budget = prng_below(&prng, 60000);
        struct block_cache *cache = block_cache_create(budget);
        for (int i = 0; i < OPERATIONS; i++) {
            uint64_t file = prng_below(&prng, 4);
            uint64_t offset = prng_below(&prng, 40);
            size_t size = (size_t)(hash_mix(offset, file) % 3000);
            if (prng_chance(&prng, 1, 500))
                block_cache_forget_file(cache, file);
            else if (!get(cache, file, offset, size) || prng_chance(&prng, 1, 50))
                put(cache, file, offset, size);
            assert_true(block_cache_bytes(cache) <= budget);
        }
        destroy(cache);
    }
}

static void a_scan_does_not_drive_out_what_is_in_use(void **state) {
    (void)state;
    enum { FIT = 100, HOT = 50, SCANNED = 1000 };
    struct block_cache *cache = block_cache_create(FIT * CHARGE);
    for (int round = 0; round < 4; round++) {
        for (uint64_t i = 0; i < HOT; i++)
            read_through(cache, 1, i);
    }
    for (uint64_t i = 0; i < SCANNED; i++)
        read_through(cache, 2, i);
    for (uint64_t i = 0; i < HOT; i++)
        assert_true(get(cache, 1, i, BLOCK_SIZE));
    destroy(cache);
}

static void walking_through_one_block_is_one_use(void **state) {
    (void)state;
    enum { FIT = 100, HOT = 50, SCANNED = 1000, STEPS = 30 };
    struct block_cache *cache = block_cache_create(FIT * CHARGE);
    for (int round = 0; round < 4; round++) {
        for (uint64_t i = 0; i < HOT; i++)
            read_through(cache, 1, i);
    }
    for (uint64_t i = 0; i < SCANNED; i++) {
        read_through(cache, 2, i);
        for (int step = 0; step < STEPS; step++)
            assert_true(get(cache, 2, i, BLOCK_SIZE));
    }
    for (uint64_t i = 0; i < HOT; i++)
        assert_true(get(cache, 1, i, BLOCK_SIZE));
    destroy(cache);
}

static void a_block_that_comes_back_soon_stays(void **state) {
    (void)state;
    enum { FIT = 20 };
    struct block_cache *cache = block_cache_create(FIT * CHARGE);
    put(cache, 1, 0, BLOCK_SIZE);
    for (uint64_t i = 0; i < FIT; i++)
        put(cache, 2, i, BLOCK_SIZE);
    assert_false(get(cache, 1, 0, BLOCK_SIZE));
    /* It left its name behind, so now it goes to where the passing blocks cannot reach it. */
    put(cache, 1, 0, BLOCK_SIZE);
    for (uint64_t i = FIT; i < 10 * FIT; i++)
        put(cache, 2, i, BLOCK_SIZE);
    assert_true(get(cache, 1, 0, BLOCK_SIZE));
    destroy(cache);
}

static void what_was_in_use_gives_way_to_what_is(void **state) {
    (void)state;
    enum { FIT = 50, SET = 40, ROUNDS = 40 };
    struct block_cache *cache = block_cache_create(FIT * CHARGE);
    for (uint64_t file = 1; file <= 3; file++) {
        size_t hits = 0;
        for (int round = 0; round < ROUNDS; round++) {
            hits = 0;
            for (uint64_t i = 0; i < SET; i++)
                hits += read_through(cache, file, i) ? 1 : 0;
        }
        assert_int_equal(hits, SET);
    }
    destroy(cache);
}

static void a_block_in_constant_use_outlives_its_neighbours(void **state) {
    (void)state;
    enum { FIT = 50, SET = 40, ROUNDS = 10 };
    struct block_cache *cache = block_cache_create(FIT * CHARGE);
    for (int round = 0; round < ROUNDS; round++)
        read_through(cache, 1, 0);
    /* Set after set conquers the main queue, and each drives the one before it out. */
    size_t misses = 0;
    for (uint64_t file = 2; file < 12; file++) {
        for (int i = 0; i < ROUNDS * SET; i++) {
            read_through(cache, file, (uint64_t)i % SET);
            misses += read_through(cache, 1, 0) ? 0 : 1;
        }
    }
    assert_true(misses <= 1);
    destroy(cache);
}

static void a_forgotten_file_is_gone_and_the_others_stay(void **state) {
    (void)state;
    struct block_cache *cache = block_cache_create(100 * CHARGE);
    for (uint64_t i = 0; i < 20; i++) {
        for (uint64_t file = 1; file <= 3; file++)
            put(cache, file, i, BLOCK_SIZE);
    }
    block_cache_forget_file(cache, 2);
    block_cache_forget_file(cache, 9);
    assert_int_equal(block_cache_bytes(cache), 40 * CHARGE);
    for (uint64_t i = 0; i < 20; i++) {
        assert_true(get(cache, 1, i, BLOCK_SIZE));
        assert_false(get(cache, 2, i, BLOCK_SIZE));
        assert_true(get(cache, 3, i, BLOCK_SIZE));
    }
    destroy(cache);
}

static void a_block_larger_than_the_budget_does_not_enter(void **state) {
    (void)state;
    struct block_cache *cache = block_cache_create(2 * CHARGE);
    put(cache, 1, 0, BLOCK_SIZE);
    put(cache, 1, 1, 5 * BLOCK_SIZE);
    assert_false(get(cache, 1, 1, 5 * BLOCK_SIZE));
    assert_true(get(cache, 1, 0, BLOCK_SIZE));
    destroy(cache);
    cache = block_cache_create(0);
    put(cache, 1, 0, 0);
    put(cache, 1, 1, BLOCK_SIZE);
    assert_int_equal(block_cache_bytes(cache), 0);
    destroy(cache);
}

static void putting_a_block_again_replaces_it(void **state) {
    (void)state;
    struct block_cache *cache = block_cache_create(10 * CHARGE);
    put(cache, 1, 0, BLOCK_SIZE);
    put(cache, 1, 0, 10);
    assert_true(get(cache, 1, 0, 10));
    assert_int_equal(block_cache_bytes(cache), 10 + BLOCK_CACHE_OVERHEAD);
    destroy(cache);
}

/* Keeps what it takes out of the cache for a while, as cursors do, while blocks are evicted, replaced, forgotten with their file,
 * and the budget shrinks: what is held stays what it was, and each block is counted once wherever it is. */
static void a_lent_block_outlives_its_place_in_the_cache(void **state) {
    (void)state;
    enum { HOLDERS = 12, FILES = 4, OFFSETS = 40 };
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct prng prng;
        struct block *held[HOLDERS] = {NULL};
        uint64_t held_file[HOLDERS], held_offset[HOLDERS];
        prng_init(&prng, seed, 7);
        struct block_cache *cache = block_cache_create(10 * CHARGE);
        for (int i = 0; i < OPERATIONS; i++) {
            uint64_t file = prng_below(&prng, FILES);
            uint64_t offset = prng_below(&prng, OFFSETS);
            uint32_t holder = prng_below(&prng, HOLDERS);
            struct lent_block lent;
            if (prng_chance(&prng, 1, 100))
                block_cache_forget_file(cache, file);
            else if (prng_chance(&prng, 1, 100))
                block_cache_set_budget(cache, prng_below(&prng, 10 * CHARGE));
            else if (!get(cache, file, offset, BLOCK_SIZE) || prng_chance(&prng, 1, 10))
                put(cache, file, offset, BLOCK_SIZE);
            if (!block_cache_get(cache, file, offset, &lent))
                continue;
            block_acquire(lent.block);
            block_release(held[holder]);
            held[holder] = lent.block;
            held_file[holder] = file;
            held_offset[holder] = offset;
            uint64_t cached = block_cache_bytes(cache) / CHARGE;
            assert_true(pool.count >= cached && pool.count <= cached + HOLDERS);
            assert_int_equal(pool.bytes, pool.count * BLOCK_SIZE);
            for (int k = 0; k < HOLDERS; k++) {
                if (held[k] != NULL && !holds(buffer_bytes(&held[k]->contents), held_file[k],
                                              held_offset[k], BLOCK_SIZE))
                    fail_msg("seed %u, operation %d: what is held has changed", (unsigned)seed, i);
            }
        }
        block_cache_destroy(cache);
        for (int k = 0; k < HOLDERS; k++)
            block_release(held[k]);
        assert_int_equal(pool.count, 0);
        assert_int_equal(pool.bytes, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_until_the_budget_is_full),
        cmocka_unit_test(the_budget_is_kept_whatever_comes),
        cmocka_unit_test(a_scan_does_not_drive_out_what_is_in_use),
        cmocka_unit_test(walking_through_one_block_is_one_use),
        cmocka_unit_test(a_block_that_comes_back_soon_stays),
        cmocka_unit_test(what_was_in_use_gives_way_to_what_is),
        cmocka_unit_test(a_block_in_constant_use_outlives_its_neighbours),
        cmocka_unit_test(a_forgotten_file_is_gone_and_the_others_stay),
        cmocka_unit_test(a_block_larger_than_the_budget_does_not_enter),
        cmocka_unit_test(putting_a_block_again_replaces_it),
        cmocka_unit_test(a_lent_block_outlives_its_place_in_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
