#include "engine/data/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint16_t slot(const char *key) {
    return slot_of_key(bytes_of_text(key));
}

static void the_checksum_is_the_one_of_the_cluster_specification(void **state) {
    (void)state;
    assert_int_equal(slot_crc16(bytes_of_text("123456789")), 0x31c3);
    assert_int_equal(slot_crc16((struct bytes){0}), 0);
    assert_int_equal(slot("foo"), 12182);
    assert_int_equal(slot("somekey"), 11058);
    assert_int_equal(slot(""), 0);
}

static void only_the_first_tag_that_is_not_empty_counts(void **state) {
    (void)state;
    assert_int_equal(slot("{user1000}.following"), slot("user1000"));
    assert_int_equal(slot("{user1000}.following"), slot("{user1000}.followers"));
    assert_int_equal(slot("foo{hash_tag}"), 2515);
    assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
    assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
    assert_int_equal(slot("a}b{c}"), slot("c"));
}

static void without_a_tag_the_whole_key_counts(void **state) {
    (void)state;
    static const char *const keys[] = {"foo{}{bar}", "{}", "{", "}", "foo{bar", "foo}bar{", "a}{b"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_int_equal(slot(keys[i]), slot_crc16(bytes_of_text(keys[i])) % SLOT_COUNT);
}

static void partitions_group_the_slots_evenly(void **state) {
    (void)state;
    for (uint32_t count = 1; count <= SLOT_COUNT; count *= 2) {
        uint32_t size = SLOT_COUNT / count;
        for (uint32_t index = 0; index < SLOT_COUNT; index++) {
            uint16_t partition = partition_of_slot((uint16_t)index, count);
            assert_int_equal(partition, index / size);
            if (index % size == 0)
                assert_int_equal(slot_of_partition(partition, count), index);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_the_one_of_the_cluster_specification),
        cmocka_unit_test(only_the_first_tag_that_is_not_empty_counts),
        cmocka_unit_test(without_a_tag_the_whole_key_counts),
        cmocka_unit_test(partitions_group_the_slots_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
