#include "engine/node/command_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void every_command_is_found_by_its_name_in_any_case(void **state) {
    (void)state;
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *command = command_at(i);
        assert_int_equal(command->id, i);
        char name[32];
        size_t size = strlen(command->name);
        for (size_t at = 0; at < size; at++)
            name[at] = (char)(at % 2 == 0 ? command->name[at] | 0x20 : command->name[at]);
        assert_ptr_equal(command_find(bytes_of(name, size)), command);
        assert_ptr_equal(command_find(bytes_of_text(command->name)), command);
        assert_null(command_find(bytes_of(command->name, size - 1 > 2 ? 2 : 1)));
    }
}

static void what_is_not_offered_says_why(void **state) {
    (void)state;
    for (uint32_t i = 0; i < command_refused_count(); i++) {
        const struct command *command = command_refused_at(i);
        assert_ptr_equal(command_find(bytes_of_text(command->name)), command);
        assert_int_equal(command->id, COMMAND_REFUSED);
        assert_true(strlen(command->summary) > 10);
    }
}

static void what_is_no_name_is_not_found(void **state) {
    (void)state;
    assert_null(command_find((struct bytes){0}));
    assert_null(command_find(bytes_of_text("GETT")));
    assert_null(command_find(bytes_of_text("AVERYLONGNAMEINDEED")));
    assert_null(command_find(bytes_of("GET\0", 4)));
    assert_null(command_find(bytes_of("PING\0x", 6)));
    assert_null(command_find(bytes_of_text("'%4")));
}

static void keys_stand_where_the_table_says(void **state) {
    (void)state;
    const struct command *mset = command_find(bytes_of_text("mset"));
    assert_int_equal(command_key_count(mset, 5), 2);
    assert_true(command_word_is_key(mset, 1, 5));
    assert_false(command_word_is_key(mset, 2, 5));
    assert_true(command_word_is_key(mset, 3, 5));
    const struct command *get = command_find(bytes_of_text("get"));
    assert_int_equal(command_key_count(get, 2), 1);
    assert_false(command_word_is_key(get, 0, 2));
    assert_int_equal(command_key_count(command_find(bytes_of_text("ping")), 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_found_by_its_name_in_any_case),
        cmocka_unit_test(what_is_not_offered_says_why),
        cmocka_unit_test(what_is_no_name_is_not_found),
        cmocka_unit_test(keys_stand_where_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
