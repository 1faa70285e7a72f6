/* The table of a run that a key belongs to is the first that reaches it. */
#include "engine/store/table_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/prng.h"

enum { SEEDS = 300, TABLES_MAX = 40, KEYS = 400, KEY_SIZE = 8 };

static struct bytes key_of(uint64_t number, char text[KEY_SIZE]) {
    snprintf(text, KEY_SIZE, "k%05u", (unsigned)number);
    return bytes_of_text(text);
}

/* Tables that follow one another, some of which end where a range does and the next one begins. */
static uint32_t draw_tables(struct prng *prng, struct table_file **tables) {
    uint32_t count = 0;
    uint64_t at = 0;
    uint32_t wanted = (uint32_t)prng_below(prng, TABLES_MAX) + 1;
    char text[KEY_SIZE];
    while (count < wanted && at + 8 < KEYS) {
        struct table_file *file = table_file_create(count + 1);
        uint64_t end = at + prng_below(prng, 6);
        file->largest_excluded = end > at && prng_chance(prng, 1, 3);
        buffer_append(&file->smallest, key_of(at, text));
        buffer_append(&file->largest, key_of(end, text));
        tables[count++] = file;
        at = file->largest_excluded ? end : end + 1 + prng_below(prng, 2);
    }
    return count;
}

static void every_key_is_looked_for_in_the_first_table_that_reaches_it(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct table_file *tables[TABLES_MAX];
        struct table_run run;
        struct prng prng;
        char text[KEY_SIZE];
        prng_init(&prng, seed, 3);
        uint32_t count = draw_tables(&prng, tables);
        table_run_init(&run, 1, tables, count);
        for (int way = 0; way < 2; way++) {
            for (uint64_t key = 0; key < KEYS; key++) {
                uint32_t expected = 0;
                while (expected < count && !table_file_reaches(tables[expected], key_of(key, text)))
                    expected++;
                if (table_run_find(&run, key_of(key, text)) !=
                    (expected < count ? tables[expected] : NULL))
                    fail_msg("seed %u, way %d: key %u is looked for elsewhere", (unsigned)seed, way,
                             (unsigned)key);
            }
            run.ends.count = 0; /* as if they had been too large */
        }
        table_run_deinit(&run);
        for (uint32_t i = 0; i < count; i++)
            table_file_destroy(tables[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_looked_for_in_the_first_table_that_reaches_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
