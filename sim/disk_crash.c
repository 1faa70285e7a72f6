/* What happens to a disk as a whole: a process dies, power fails, files are gone or as they were. */
#include "sim/simulated_disk_internal.h"

#include <stdlib.h>

/* Writes to one file happen in order: the first that did not happen wholly is the last that
 * happened at all. */
static void interrupt_write(struct simulated_disk *disk, struct disk_operation *operation) {
    if (operation->entry->stopped_at_crash == disk->crashes)
        return;
    uint32_t fate = prng_below(&disk->crash_stream, 3);
    if (fate == 0) {
        (void)disk_do_write(disk, operation);
        return;
    }
    operation->entry->stopped_at_crash = disk->crashes;
    if (fate == 1)
        disk_write_in_part(disk, operation, &disk->crash_stream);
}

/* What an operation would answer to a program that is gone. */
static void perform_unheard(struct simulated_disk *disk, struct disk_operation *operation) {
    switch (operation->kind) {
    case EFFECT_ALLOCATE:
        (void)disk_do_allocate(disk, operation);
        return;
    case EFFECT_SYNC:
    case EFFECT_SYNC_DIRECTORY:
        (void)disk_do_sync(disk, operation);
        return;
    case EFFECT_RENAME:
        (void)disk_do_rename(disk, operation);
        return;
    case EFFECT_LINK:
        (void)disk_do_link(disk, operation);
        return;
    case EFFECT_REMOVE:
        (void)disk_do_remove(disk, operation);
        return;
    case EFFECT_WRITE:
    case EFFECT_READ:
    case EFFECT_LIST:
    case EFFECT_CONNECT:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_NOTE:
    case EFFECT_HALT:
        break;
    }
    CHECK_UNREACHABLE("this changes nothing wholly or not at all");
}

static void interrupt(struct simulated_disk *disk, struct disk_operation *operation) {
    if (operation->kind == EFFECT_WRITE)
        interrupt_write(disk, operation);
    else if (operation->kind != EFFECT_READ && operation->kind != EFFECT_LIST &&
             prng_chance(&disk->crash_stream, 1, 2))
        perform_unheard(disk, operation);
    disk_finish_operation(disk, operation);
}

void simulated_disk_process_killed(struct simulated_disk *disk) {
    disk->crashes++;
    while (disk->first != NULL)
        interrupt(disk, disk->first);
    for (struct directory_entry *entry = disk->directory.first; entry != NULL; entry = entry->next)
        entry->busy_until = (struct instant){0};
}

static void count_used_bytes(struct simulated_disk *disk) {
    disk->used_bytes = 0;
    disk->counts++;
    for (const struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next) {
        struct simulated_file *file = entry->current;
        if (file == NULL || file->counted == disk->counts)
            continue;
        file->counted = disk->counts;
        disk->used_bytes += file->cached.length;
    }
}

void simulated_disk_power_lost(struct simulated_disk *disk) {
    simulated_disk_process_killed(disk);
    disk->crashes++;
    disk_directory_lose_power(&disk->directory, disk_sector_bytes(disk), disk->crashes,
                              &disk->crash_stream);
    count_used_bytes(disk);
}

void simulated_disk_wipe(struct simulated_disk *disk) {
    CHECK(disk->first == NULL);
    disk_directory_wipe(&disk->directory);
    disk->used_bytes = 0;
}

void simulated_disk_take_snapshot(struct simulated_disk *disk) {
    disk_drop_snapshot(disk);
    uint64_t count = disk->directory.file_count;
    if (count == 0)
        return;
    disk->snapshot = calloc((size_t)count, sizeof *disk->snapshot);
    CHECK(disk->snapshot != NULL);
    for (const struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next) {
        if (entry->current == NULL)
            continue;
        CHECK(disk->snapshot_count < count);
        struct disk_snapshot_file *taken = &disk->snapshot[disk->snapshot_count++];
        taken->id = entry->id;
        taken->number = entry->current->number;
        file_image_copy(&taken->image, &disk->timeline->chunks, &entry->current->cached);
    }
}

static void restore(struct simulated_disk *disk, const struct disk_snapshot_file *taken) {
    struct directory_entry *entry = disk_directory_acquire(&disk->directory, taken->id);
    const struct disk_snapshot_file *same = disk->snapshot;
    while (same->number != taken->number)
        same++;
    if (same == taken) {
        struct simulated_file *file = disk_directory_create(&disk->directory, entry);
        file_image_copy(&file->cached, &disk->timeline->chunks, &taken->image);
        file_image_copy(&file->durable, &disk->timeline->chunks, &taken->image);
    } else {
        struct directory_entry *other = disk_directory_acquire(&disk->directory, same->id);
        disk_directory_link(&disk->directory, other, entry);
        disk_directory_release(&disk->directory, other);
    }
    disk_directory_release(&disk->directory, entry);
}

void simulated_disk_roll_back(struct simulated_disk *disk) {
    simulated_disk_wipe(disk);
    for (uint64_t i = 0; i < disk->snapshot_count; i++)
        restore(disk, &disk->snapshot[i]);
    disk_directory_sync_all(&disk->directory);
    count_used_bytes(disk);
}

static void swap_bytes(void *left, void *right, size_t size) {
    uint8_t *a = left, *b = right;
    for (size_t i = 0; i < size; i++) {
        uint8_t kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

void simulated_disk_swap(struct simulated_disk *left, struct simulated_disk *right) {
    CHECK(left->first == NULL && right->first == NULL);
    swap_bytes(&left->memory, &right->memory, sizeof left->memory);
    swap_bytes(&left->directory, &right->directory, sizeof left->directory);
    swap_bytes(&left->used_bytes, &right->used_bytes, sizeof left->used_bytes);
    swap_bytes(&left->snapshot, &right->snapshot, sizeof(void *));
    swap_bytes(&left->snapshot_count, &right->snapshot_count, sizeof left->snapshot_count);
    left->directory.memory = &left->memory;
    right->directory.memory = &right->memory;
    /* Numbers of crashes and counts that files remember must not come again. */
    left->crashes = right->crashes =
        left->crashes > right->crashes ? left->crashes : right->crashes;
    left->counts = right->counts = left->counts > right->counts ? left->counts : right->counts;
}
