#include "tests/store/support/crash_images.h"

#include "engine/base/check.h"

#include <stdlib.h>
#include <xxhash.h>

enum { CAPACITY_MIN = 1024 };

static void mix(struct crash_image *image, const void *data, size_t size) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(data, size, image->hash[0]);
    image->hash[0] = hash.low64;
    image->hash[1] = image->hash[1] * 0x9e3779b97f4a7c15 + hash.high64;
}

static void mix_buffer(struct crash_image *image, const struct buffer *buffer) {
    mix(image, &buffer->size, sizeof buffer->size);
    if (buffer->size > 0)
        mix(image, buffer->data, buffer->size);
}

static void mix_file(struct crash_image *image, struct file_id file) {
    uint64_t numbers[] = {file.kind, file.number, file.checkpoint};
    mix(image, numbers, sizeof numbers);
}

/* The first name of the same content. */
static uint64_t content_of(const struct memory_disk *disk, size_t index) {
    size_t first = 0;
    while (disk->files[first].content != disk->files[index].content)
        first++;
    return first;
}

struct crash_image crash_image_of(const struct memory_disk *disk) {
    struct crash_image image = {.hash = {1, 1}};
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct memory_file *file = &disk->files[i];
        uint64_t names[] = {file->named, file->name_durable, content_of(disk, i)};
        mix(&image, names, sizeof names);
        mix_file(&image, file->file);
        mix_file(&image, file->moved_to);
        if (names[2] < i)
            continue;
        bool synced = bytes_equal(buffer_bytes(&file->content->current),
                                  buffer_bytes(&file->content->durable));
        mix(&image, &synced, sizeof synced);
        mix_buffer(&image, &file->content->current);
        if (!synced)
            mix_buffer(&image, &file->content->durable);
        mix_buffer(&image, &file->content->stuck);
    }
    return image;
}

/* Where it is, or would go. */
static struct crash_image *slot_of(const struct crash_images *images,
                                   const struct crash_image *image) {
    size_t at = (size_t)image->hash[1] & (images->capacity - 1);
    for (;; at = (at + 1) & (images->capacity - 1)) {
        struct crash_image *slot = &images->slots[at];
        bool is_free = slot->hash[0] == 0 && slot->hash[1] == 0;
        if (is_free || (slot->hash[0] == image->hash[0] && slot->hash[1] == image->hash[1]))
            return slot;
    }
}

static void grow(struct crash_images *images) {
    struct crash_images larger = {.capacity =
                                      images->capacity == 0 ? CAPACITY_MIN : images->capacity * 2};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    CHECK(larger.slots != NULL);
    for (size_t i = 0; i < images->capacity; i++) {
        if (images->slots[i].hash[0] != 0 || images->slots[i].hash[1] != 0)
            crash_images_add(&larger, &images->slots[i]);
    }
    free(images->slots);
    *images = larger;
}

const struct crash_image *crash_images_find(const struct crash_images *images,
                                            const struct crash_image *image) {
    if (images->capacity == 0)
        return NULL;
    const struct crash_image *slot = slot_of(images, image);
    return slot->hash[0] == image->hash[0] && slot->hash[1] == image->hash[1] ? slot : NULL;
}

void crash_images_add(struct crash_images *images, const struct crash_image *image) {
    if (images->count * 4 >= images->capacity * 3)
        grow(images);
    *slot_of(images, image) = *image;
    images->count++;
}

void crash_images_deinit(struct crash_images *images) {
    free(images->slots);
    *images = (struct crash_images){0};
}
