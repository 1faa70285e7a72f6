/* crash_images: the disks from which a recovery was tried already, so that none is tried twice.
 *
 *     disk --bytes and names--> image: what was recovered, and which history that ends
 *
 * A recovery is a function of the disk. From the same disk it recovers the same writes again, and whether these are enough
 * is compared without running it. Most crashes leave a disk that another crash has left: of what is written and not synced, each
 * sector is lost, kept and torn once, however many operations pass before its sync.
 *
 *     struct crash_image image = crash_image_of(&disk);
 *     const struct crash_image *known = crash_images_find(&images, &image);
 *     if (known == NULL) crash_images_add(&images, &image);       // behind the recovery, which says what was recovered
 */
#ifndef DUNLIN_TESTS_CRASH_IMAGES_H
#define DUNLIN_TESTS_CRASH_IMAGES_H

#include "tests/store/support/memory_disk.h"

struct crash_image {
    uint64_t hash[2]; /* of the disk */
    uint64_t recovered;
    uint64_t history; /* of all writes up to that one */
};

struct crash_images {
    struct crash_image *slots; /* free: all zero */
    size_t count, capacity;
};

/* Of everything that the disk shows now or after a crash; nothing of what waits in its queue. */
struct crash_image crash_image_of(const struct memory_disk *disk);
/* Null when it was never added. */
const struct crash_image *crash_images_find(const struct crash_images *images,
                                            const struct crash_image *image);
/* Which is not there yet. */
void crash_images_add(struct crash_images *images, const struct crash_image *image);
void crash_images_deinit(struct crash_images *images);

#endif
