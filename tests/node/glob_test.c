#include "engine/node/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool matches(const char *pattern, const char *text) {
    return glob_matches(bytes_of_text(pattern), bytes_of_text(text), false);
}

static void stars_and_question_marks_stand_for_any_bytes(void **state) {
    (void)state;
    assert_true(matches("", ""));
    assert_false(matches("", "a"));
    assert_true(matches("*", ""));
    assert_true(matches("***", "anything"));
    assert_true(matches("cart:*", "cart:17"));
    assert_false(matches("cart:*", "car:17"));
    assert_true(matches("a*b*c", "a-b-b-c"));
    assert_false(matches("a*b*c", "a-b-b-c-"));
    assert_true(matches("*aab", "aaaaaab"));
    assert_true(matches("h?llo", "hello"));
    assert_false(matches("h?llo", "hllo"));
}

static void sets_hold_bytes_and_ranges(void **state) {
    (void)state;
    assert_true(matches("h[ae]llo", "hallo"));
    assert_false(matches("h[ae]llo", "hillo"));
    assert_true(matches("[a-c]*", "bus"));
    assert_true(matches("[c-a]", "b"));
    assert_true(matches("[^a-c]", "z"));
    assert_false(matches("[^a-c]", "a"));
    assert_true(matches("[\\]]", "]"));
    assert_true(matches("x[a-", "x-"));
    assert_false(matches("[", "a"));
    assert_false(matches("[]", "a"));
}

static void a_backslash_takes_the_meaning_away(void **state) {
    (void)state;
    assert_true(matches("a\\*", "a*"));
    assert_false(matches("a\\*", "ab"));
    assert_true(matches("a\\", "a\\"));
}

static void case_counts_only_when_asked(void **state) {
    (void)state;
    assert_false(matches("SAVE", "save"));
    assert_true(glob_matches(bytes_of_text("S[A-V]*"), bytes_of_text("save"), true));
}

static void many_stars_do_not_make_it_slow(void **state) {
    (void)state;
    char text[4097];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    char pattern[GLOB_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof pattern - 1; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[sizeof pattern - 2] = 'b';
    pattern[sizeof pattern - 1] = 0;
    assert_false(matches(pattern, text));
    assert_false(glob_matches(bytes_of(text, GLOB_BYTES_MAX + 1), bytes_of_text("a"), false));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars_and_question_marks_stand_for_any_bytes),
        cmocka_unit_test(sets_hold_bytes_and_ranges),
        cmocka_unit_test(a_backslash_takes_the_meaning_away),
        cmocka_unit_test(case_counts_only_when_asked),
        cmocka_unit_test(many_stars_do_not_make_it_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
