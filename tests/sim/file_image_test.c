#include "sim/file_image.h"

#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { IMAGES = 3, LENGTH_MAX = 30000 };

/* The same file as plain bytes. */
struct flat {
    uint8_t bytes[LENGTH_MAX];
    size_t length;
};

static struct flat flats[IMAGES];
static struct file_image images[IMAGES];
static struct chunk_pool chunks;

static void write_somewhere(struct prng *prng, size_t which) {
    static uint8_t bytes[9000];
    size_t size = 1 + prng_below(prng, prng_chance(prng, 1, 4) ? 9000 : 200);
    size_t offset = prng_below(prng, (uint32_t)(LENGTH_MAX - size));
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)prng_u32(prng);
    file_image_write(&images[which], &chunks, offset, bytes_of(bytes, size));
    memcpy(flats[which].bytes + offset, bytes, size);
    if (offset + size > flats[which].length)
        flats[which].length = offset + size;
}

static void copy_a_range(struct prng *prng, size_t to, size_t from) {
    size_t offset = prng_below(prng, (uint32_t)flats[from].length + 1);
    size_t size = prng_below(prng, (uint32_t)(flats[from].length - offset) + 1);
    file_image_copy_range(&images[to], &chunks, &images[from], offset, size);
    memmove(flats[to].bytes + offset, flats[from].bytes + offset, size);
    if (offset + size > flats[to].length)
        flats[to].length = offset + size;
}

static void set_length(struct prng *prng, size_t which) {
    size_t length = prng_below(prng, LENGTH_MAX);
    file_image_set_length(&images[which], &chunks, length);
    if (length < flats[which].length)
        memset(flats[which].bytes + length, 0, flats[which].length - length);
    flats[which].length = length;
}

static void flip(struct prng *prng, size_t which) {
    if (flats[which].length == 0)
        return;
    size_t at = prng_below(prng, (uint32_t)flats[which].length);
    uint8_t before, after;
    file_image_read(&images[which], at, &before, 1);
    file_image_flip_bit(&images[which], &chunks, at * 8 + 3);
    file_image_read(&images[which], at, &after, 1);
    assert_true(after == (before ^ 8) || (before == 0 && after == 0)); /* a hole has no bits */
    flats[which].bytes[at] = after;
}

static void assert_alike(void) {
    static uint8_t read[LENGTH_MAX];
    for (size_t i = 0; i < IMAGES; i++) {
        assert_int_equal(images[i].length, flats[i].length);
        file_image_read(&images[i], 0, read, flats[i].length);
        assert_memory_equal(read, flats[i].bytes, flats[i].length);
    }
}

static void images_that_share_blocks_never_disturb_each_other(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct prng prng;
        prng_init(&prng, seed, 1);
        memset(flats, 0, sizeof flats);
        for (uint32_t i = 0; i < 100; i++) {
            size_t which = prng_below(&prng, IMAGES), other = prng_below(&prng, IMAGES);
            uint32_t action = prng_below(&prng, 8);
            if (action == 0 && which != other) {
                file_image_copy(&images[which], &chunks, &images[other]);
                flats[which] = flats[other];
            } else if (action == 1 && which != other) {
                copy_a_range(&prng, which, other);
            } else if (action == 2) {
                set_length(&prng, which);
            } else if (action == 3) {
                flip(&prng, which);
            } else {
                write_somewhere(&prng, which);
            }
            assert_alike();
        }
        for (size_t i = 0; i < IMAGES; i++)
            file_image_clear(&images[i], &chunks);
        for (const struct chunk *chunk = chunks.made; chunk != NULL; chunk = chunk->next_made)
            assert_int_equal(chunk->references, 0);
    }
    chunk_pool_deinit(&chunks);
}

static void a_hole_costs_no_memory(void **state) {
    (void)state;
    struct file_image image = {0};
    file_image_write(&image, &chunks, (uint64_t)1 << 24, bytes_of_text("far out"));
    size_t made = 0;
    for (const struct chunk *chunk = chunks.made; chunk != NULL; chunk = chunk->next_made)
        made++;
    assert_int_equal(made, 1);
    uint8_t zeros[100];
    memset(zeros, 1, sizeof zeros);
    file_image_read(&image, 5000, zeros, sizeof zeros);
    for (size_t i = 0; i < sizeof zeros; i++)
        assert_int_equal(zeros[i], 0);
    file_image_clear(&image, &chunks);
    chunk_pool_deinit(&chunks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_that_share_blocks_never_disturb_each_other),
        cmocka_unit_test(a_hole_costs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
