#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/damage.h"

static void facts_are_read_as_they_were_written(void **state) {
    (void)state;
    struct damage_list list = {0}, read = {0};
    struct buffer bytes = {0};
    struct damage *damage = damage_list_add(&list, 5);
    damage->kind = STORE_DAMAGE_TABLE;
    damage->file = (struct file_id){.kind = FILE_TABLE, .number = 300};
    damage->offset = 70000;
    damage->first_run = 301;
    damage->after = true;
    buffer_append(&damage->from, bytes_of_text("k1"));
    buffer_append(&damage->to, bytes_of_text("k7"));
    damage_put(damage, &bytes);
    for (size_t size = 0; size <= bytes.size; size++) {
        struct reader reader = reader_of(bytes_slice(buffer_bytes(&bytes), 0, size));
        bool tag = reader_u8(&reader) == DAMAGE_TAG_DAMAGE;
        bool taken = tag && damage_take(&read, &reader);
        assert_int_equal(taken, size == bytes.size);
    }
    assert_int_equal(read.items[0].id, 5);
    assert_int_equal(read.items[0].offset, 70000);
    assert_int_equal(read.items[0].first_run, 301);
    assert_false(damage_has(&read.items[0], bytes_of_text("k1")));
    assert_true(damage_has(&read.items[0], bytes_of_text("k10")));
    assert_true(damage_has(&read.items[0], bytes_of_text("k7")));
    assert_false(damage_has(&read.items[0], bytes_of_text("k70")));
    damage_list_deinit(&list);
    damage_list_deinit(&read);
    buffer_deinit(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
