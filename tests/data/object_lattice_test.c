/* Random histories over a few replicas, against a model that knows every write and what its writer
 * had seen. */
#include "engine/base/prng.h"
#include "engine/data/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { REPLICAS = 4, WRITES_MAX = 60, STEPS = 120, SEEDS = 150, SNAPSHOTS = 40 };

/* Writes are numbered; a set of them is a mask. A write's value is its number, as one byte. */
struct history {
    struct object replicas[REPLICAS];
    uint64_t known[REPLICAS];
    uint64_t seen_by_writer[WRITES_MAX];
    struct dot dots[WRITES_MAX];
    struct timestamp at[WRITES_MAX];
    uint32_t write_count;
    struct logical_clock clocks[REPLICAS];
    struct object snapshots[SNAPSHOTS];
    uint32_t snapshot_count;
    struct prng prng;
};

static uint8_t numbers[WRITES_MAX];

static void begin(struct history *history, uint64_t seed) {
    memset(history, 0, sizeof *history);
    prng_init(&history->prng, seed, 1);
    for (size_t i = 0; i < WRITES_MAX; i++)
        numbers[i] = (uint8_t)i;
}

static void snapshot(struct history *history, uint32_t replica) {
    uint32_t slot = history->snapshot_count < SNAPSHOTS ? history->snapshot_count++
                                                        : prng_below(&history->prng, SNAPSHOTS);
    history->snapshots[slot] = history->replicas[replica];
}

/* A write at one replica by a client that read at another: now or, when stale, before anything. */
static void write_at(struct history *history, uint32_t replica, bool blind) {
    uint32_t number = history->write_count++;
    uint32_t read_at = prng_below(&history->prng, REPLICAS);
    bool stale = prng_chance(&history->prng, 1, 5);
    struct version_vector seen = {0};
    uint64_t seen_writes = 0;
    if (!stale) {
        seen = history->replicas[read_at].vector;
        seen_writes = history->known[read_at];
    }
    struct object *object = &history->replicas[replica];
    struct logical_clock *clock = &history->clocks[replica];
    struct wall_time wall = {prng_below(&history->prng, 3)};
    for (uint32_t i = 0; i < object->sibling_count; i++)
        logical_clock_observe(clock, object->siblings[i].at, wall);
    history->at[number] = logical_clock_tick(clock, wall);
    struct object_write write = {.value = bytes_of(&numbers[number], 1),
                                 .at = history->at[number],
                                 .tombstone = false,
                                 .blind = blind};
    assert_int_equal(
        object_write(object, replica, blind ? NULL : &seen, &write, &history->dots[number]),
        OBJECT_OK);
    history->seen_by_writer[number] = blind ? history->known[replica] : seen_writes;
    history->known[replica] |= history->seen_by_writer[number] | (uint64_t)1 << number;
}

static void deliver(struct history *history, uint32_t from, uint32_t to) {
    assert_int_equal(object_merge(&history->replicas[to], &history->replicas[from]), OBJECT_OK);
    history->known[to] |= history->known[from];
}

static uint64_t siblings_of(const struct object *object) {
    uint64_t set = 0;
    for (uint32_t i = 0; i < object->sibling_count; i++)
        set |= (uint64_t)1 << *object->siblings[i].value.data;
    return set;
}

/* What must stand: the known writes that no known writer had seen. */
static uint64_t maximal_of(const struct history *history, uint64_t known) {
    uint64_t superseded = 0;
    for (uint32_t i = 0; i < history->write_count; i++) {
        if ((known >> i & 1) != 0)
            superseded |= history->seen_by_writer[i];
    }
    return known & ~superseded;
}

static void no_sibling_is_dropped_that_nobody_superseded_and_none_is_kept(void **state) {
    (void)state;
    static struct history history;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&history, seed);
        for (unsigned step = 0; step < STEPS; step++) {
            uint32_t replica = prng_below(&history.prng, REPLICAS);
            if (history.write_count < WRITES_MAX && prng_chance(&history.prng, 1, 2))
                write_at(&history, replica, prng_chance(&history.prng, 1, 6));
            else
                deliver(&history, prng_below(&history.prng, REPLICAS), replica);
            uint64_t expected = maximal_of(&history, history.known[replica]);
            if (siblings_of(&history.replicas[replica]) != expected)
                fail_msg("seed %llu step %u replica %u", (unsigned long long)seed, step, replica);
        }
    }
}

static void assert_same(const struct object *left, const struct object *right) {
    struct buffer left_bytes = {0};
    struct buffer right_bytes = {0};
    object_encode(left, &left_bytes);
    object_encode(right, &right_bytes);
    bool same = bytes_equal(buffer_bytes(&left_bytes), buffer_bytes(&right_bytes));
    buffer_deinit(&left_bytes);
    buffer_deinit(&right_bytes);
    assert_true(same);
}

static void join(struct object *result, const struct object *left, const struct object *right) {
    if (result != left)
        *result = *left;
    assert_int_equal(object_merge(result, right), OBJECT_OK);
}

static void check_laws(const struct object *a, const struct object *b, const struct object *c) {
    static struct object left;
    static struct object right;
    join(&left, a, b);
    join(&right, b, a);
    assert_same(&left, &right);
    join(&left, &left, c);
    join(&right, b, c);
    static struct object nested;
    join(&nested, a, &right);
    assert_same(&left, &nested);
    join(&right, a, a);
    assert_same(&right, a);
    join(&right, &left, a);
    assert_same(&right, &left);
}

static void merging_is_commutative_associative_and_idempotent(void **state) {
    (void)state;
    static struct history history;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&history, seed);
        for (unsigned step = 0; step < STEPS; step++) {
            uint32_t replica = prng_below(&history.prng, REPLICAS);
            if (history.write_count < WRITES_MAX && prng_chance(&history.prng, 1, 2)) {
                write_at(&history, replica, prng_chance(&history.prng, 1, 4));
                if (prng_chance(&history.prng, 1, 4))
                    object_settle_blind(&history.replicas[replica],
                                        history.dots[history.write_count - 1]);
            } else {
                deliver(&history, prng_below(&history.prng, REPLICAS), replica);
                if (history.write_count > 0)
                    object_settle_blind(
                        &history.replicas[replica],
                        history.dots[prng_below(&history.prng, history.write_count)]);
            }
            snapshot(&history, replica);
        }
        for (unsigned i = 0; i < 40; i++) {
            check_laws(&history.snapshots[prng_below(&history.prng, SNAPSHOTS)],
                       &history.snapshots[prng_below(&history.prng, SNAPSHOTS)],
                       &history.snapshots[prng_below(&history.prng, SNAPSHOTS)]);
        }
    }
}

static uint32_t newest_of(const struct history *history) {
    uint32_t newest = 0;
    for (uint32_t i = 1; i < history->write_count; i++) {
        uint64_t at = history->at[i].value;
        uint64_t greatest = history->at[newest].value;
        if (at > greatest ||
            (at == greatest && history->dots[i].actor > history->dots[newest].actor))
            newest = i;
    }
    return newest;
}

/* Every write's object goes to every other replica, once, in any order; "messages" holds them. */
static void deliver_in_any_order(struct history *history, const struct object *messages,
                                 bool lose_some) {
    uint16_t order[WRITES_MAX * REPLICAS];
    uint32_t count = 0;
    for (uint32_t write = 0; write < history->write_count; write++) {
        for (uint32_t replica = 0; replica < REPLICAS; replica++)
            order[count++] = (uint16_t)(write * REPLICAS + replica);
    }
    for (uint32_t left = count; left > 0; left--) {
        uint32_t drawn = prng_below(&history->prng, left);
        uint16_t next = order[drawn];
        order[drawn] = order[left - 1];
        if (lose_some && prng_chance(&history->prng, 1, 3))
            continue;
        struct object *to = &history->replicas[next % REPLICAS];
        assert_int_equal(object_merge(to, &messages[next / REPLICAS]), OBJECT_OK);
        object_settle_blind(to, history->dots[next / REPLICAS]);
    }
}

static void check_blind_history(uint64_t seed, bool lose_some) {
    static struct history history;
    static struct object messages[WRITES_MAX];
    begin(&history, seed);
    uint32_t writes = 2 + prng_below(&history.prng, 10);
    for (uint32_t i = 0; i < writes; i++) {
        uint32_t replica = prng_below(&history.prng, REPLICAS);
        write_at(&history, replica, true);
        messages[i] = history.replicas[replica];
    }
    deliver_in_any_order(&history, messages, lose_some);
    for (uint32_t replica = 1; replica < REPLICAS; replica++)
        deliver(&history, replica, 0);
    const struct object *end = &history.replicas[0];
    uint32_t newest = newest_of(&history);
    bool newest_stands = (siblings_of(end) >> newest & 1) != 0;
    bool alone = end->sibling_count == 1;
    if (!newest_stands || (!lose_some && !alone))
        fail_msg("seed %llu", (unsigned long long)seed);
    assert_int_equal(*object_winner(end)->value.data, newest);
}

static void no_order_of_delivery_loses_the_newest_blind_write(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++)
        check_blind_history(seed, true);
}

static void blind_writes_that_reach_every_replica_leave_one_value(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++)
        check_blind_history(seed, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_sibling_is_dropped_that_nobody_superseded_and_none_is_kept),
        cmocka_unit_test(merging_is_commutative_associative_and_idempotent),
        cmocka_unit_test(no_order_of_delivery_loses_the_newest_blind_write),
        cmocka_unit_test(blind_writes_that_reach_every_replica_leave_one_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
