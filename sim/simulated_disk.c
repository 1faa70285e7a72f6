#include "sim/simulated_disk.h"

#include "sim/random_stream.h"

#include <stdlib.h>

enum { SECTOR_BYTES_DEFAULT = 512 };

void simulated_disk_init(struct simulated_disk *disk, struct timeline *timeline, uint32_t host,
                         const struct disk_settings *settings) {
    *disk =
        (struct simulated_disk){.settings = *settings,
                                .timeline = timeline,
                                .host = host,
                                .operation_pool = {.object_bytes = sizeof(struct disk_operation)}};
    file_memory_init(&disk->memory, &timeline->chunks);
    disk_directory_init(&disk->directory, &disk->memory);
    random_stream_init(&disk->latency_stream, timeline->seed, host, "disk latency");
    random_stream_init(&disk->read_error_stream, timeline->seed, host, "disk read errors");
    random_stream_init(&disk->write_error_stream, timeline->seed, host, "disk write errors");
    random_stream_init(&disk->sync_error_stream, timeline->seed, host, "disk sync errors");
    random_stream_init(&disk->rot_stream, timeline->seed, host, "disk bit rot");
    random_stream_init(&disk->crash_stream, timeline->seed, host, "disk crash");
    random_stream_init(&disk->list_stream, timeline->seed, host, "disk list");
}

static void drop_snapshot(struct simulated_disk *disk) {
    for (uint64_t i = 0; i < disk->snapshot_count; i++)
        file_image_clear(&disk->snapshot[i].image, &disk->timeline->chunks);
    free(disk->snapshot);
    disk->snapshot = NULL;
    disk->snapshot_count = 0;
}

static uint32_t sector_bytes(const struct simulated_disk *disk) {
    return disk->settings.sector_bytes == 0 ? SECTOR_BYTES_DEFAULT : disk->settings.sector_bytes;
}

static void finish(struct simulated_disk *disk, struct disk_operation *operation) {
    if (operation->previous == NULL)
        disk->first = operation->next;
    else
        operation->previous->next = operation->next;
    if (operation->next == NULL)
        disk->last = operation->previous;
    else
        operation->next->previous = operation->previous;
    if (operation->chunk != NULL)
        chunk_release(&disk->timeline->chunks, operation->chunk);
    if (operation->file != NULL)
        simulated_file_release(operation->file, &disk->memory);
    if (operation->entry != NULL)
        disk_directory_release(&disk->directory, operation->entry);
    operation->generation++;
    object_pool_give(&disk->operation_pool, operation);
}

void simulated_disk_deinit(struct simulated_disk *disk) {
    while (disk->first != NULL)
        finish(disk, disk->first);
    drop_snapshot(disk);
    disk_directory_deinit(&disk->directory);
    file_memory_deinit(&disk->memory);
    object_pool_deinit(&disk->operation_pool);
}

/* --- asking ----------------------------------------------------------------------------------- */

static const struct distribution *latency_of(const struct simulated_disk *disk,
                                             enum effect_kind kind) {
    switch (kind) {
    case EFFECT_WRITE:
    case EFFECT_REMOVE:
        return &disk->settings.write_latency;
    case EFFECT_SYNC:
    case EFFECT_SYNC_DIRECTORY:
        return &disk->settings.sync_latency;
    case EFFECT_READ:
    case EFFECT_LIST:
        return &disk->settings.read_latency;
    case EFFECT_CONNECT:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_NOTE:
    case EFFECT_HALT:
        break;
    }
    CHECK_UNREACHABLE("this is not asked of a disk");
}

static struct instant completion_time(struct simulated_disk *disk, enum effect_kind kind,
                                      struct instant at) {
    uint64_t latency = distribution_sample(latency_of(disk, kind), &disk->latency_stream);
    uint64_t limit = (uint64_t)1 << 60;
    if (latency < TIMELINE_DELAY_MIN.nanoseconds)
        latency = TIMELINE_DELAY_MIN.nanoseconds;
    return instant_after(at, (struct duration){latency < limit ? latency : limit});
}

/* Remembers what a sync covers: no more than what is complete now. */
static void fix_extent(struct simulated_disk *disk, struct disk_operation *operation) {
    if (operation->kind == EFFECT_SYNC_DIRECTORY) {
        operation->sequence = disk->directory.sequence;
    } else if (operation->kind == EFFECT_SYNC && operation->entry->current != NULL) {
        operation->file = operation->entry->current;
        operation->file->references++;
        operation->sequence = operation->file->sequence;
        operation->length = operation->file->cached.length;
    }
}

void simulated_disk_submit(struct simulated_disk *disk, const struct effect *effect,
                           struct instant at) {
    struct disk_operation *operation = object_pool_take(&disk->operation_pool);
    uint32_t generation = operation->generation;
    *operation = (struct disk_operation){.previous = disk->last,
                                         .disk = disk,
                                         .generation = generation,
                                         .kind = effect->kind,
                                         .ticket = effect->ticket,
                                         .offset = effect->offset,
                                         .size = effect->size};
    if (disk->last == NULL)
        disk->first = operation;
    else
        disk->last->next = operation;
    disk->last = operation;
    if (effect->kind != EFFECT_SYNC_DIRECTORY && effect->kind != EFFECT_LIST)
        operation->entry = disk_directory_acquire(&disk->directory, effect->file);
    struct instant done = completion_time(disk, effect->kind, at);
    if (effect->kind == EFFECT_WRITE) {
        operation->chunk = chunk_of_bytes(&disk->timeline->chunks, effect->bytes);
        operation->size = effect->bytes.size;
        done = instant_later(done, operation->entry->busy_until);
        operation->entry->busy_until = done;
    }
    fix_extent(disk, operation);
    event_queue_push(&disk->timeline->queue, done, HAPPENING_DISK, operation, generation);
}

/* --- doing ------------------------------------------------------------------------------------ */

/* Writes the first `size` bytes of what the operation has. */
static void write_part(struct simulated_disk *disk, struct disk_operation *operation,
                       uint64_t size) {
    struct simulated_file *file = disk_directory_create(&disk->directory, operation->entry);
    uint64_t before = file->cached.length;
    if (size > 0)
        simulated_file_write(file, &disk->memory, operation->offset, operation->chunk, size);
    disk->used_bytes += file->cached.length - before;
}

static uint64_t sectors_by_chance(const struct simulated_disk *disk, uint64_t size,
                                  struct prng *prng) {
    uint64_t sector = sector_bytes(disk);
    uint64_t done = prng_below_u64(prng, size / sector + 1) * sector;
    return done < size ? done : size;
}

static enum disk_status do_write(struct simulated_disk *disk, struct disk_operation *operation) {
    const struct simulated_file *file = operation->entry->current;
    uint64_t length = file == NULL ? 0 : file->cached.length;
    CHECK(operation->size <= FILE_LENGTH_MAX &&
          operation->offset <= FILE_LENGTH_MAX - operation->size);
    uint64_t end = operation->offset + operation->size;
    uint64_t growth = end > length ? end - length : 0;
    uint64_t capacity = disk->settings.capacity;
    if (capacity != 0 && growth > 0 &&
        (disk->used_bytes > capacity || growth > capacity - disk->used_bytes))
        return DISK_FULL;
    if (random_stream_strikes(&disk->write_error_stream, disk->settings.write_error_per_million)) {
        write_part(disk, operation,
                   sectors_by_chance(disk, operation->size, &disk->write_error_stream));
        return DISK_ERROR;
    }
    write_part(disk, operation, operation->size);
    return DISK_OK;
}

static enum disk_status do_read(struct simulated_disk *disk, const struct disk_operation *operation,
                                struct delivery *delivery) {
    struct simulated_file *file = operation->entry->current;
    if (file == NULL)
        return DISK_NO_FILE;
    if (random_stream_strikes(&disk->read_error_stream, disk->settings.read_error_per_million))
        return DISK_ERROR;
    uint64_t length = file->cached.length;
    uint64_t left = operation->offset < length ? length - operation->offset : 0;
    uint64_t size = operation->size < left ? operation->size : left;
    if (size == 0)
        return DISK_OK;
    if (random_stream_strikes(&disk->rot_stream, disk->settings.bit_rot_per_million)) {
        uint64_t bit = operation->offset * 8 + prng_below_u64(&disk->rot_stream, size * 8);
        file_image_flip_bit(&file->cached, &disk->timeline->chunks, bit);
        if (bit / 8 < file->durable.length)
            file_image_flip_bit(&file->durable, &disk->timeline->chunks, bit);
    }
    CHECK(size <= UINT32_MAX);
    delivery->chunk = chunk_create(&disk->timeline->chunks, size);
    delivery->size = (uint32_t)size;
    file_image_read(&file->cached, operation->offset, delivery->chunk->data, size);
    return DISK_OK;
}

static enum disk_status do_sync(struct simulated_disk *disk,
                                const struct disk_operation *operation) {
    bool fails =
        random_stream_strikes(&disk->sync_error_stream, disk->settings.sync_error_per_million);
    if (operation->kind == EFFECT_SYNC_DIRECTORY) {
        if (!fails)
            disk_directory_sync(&disk->directory, operation->sequence);
        return fails ? DISK_ERROR : DISK_OK;
    }
    if (operation->file == NULL)
        return DISK_NO_FILE;
    if (fails)
        simulated_file_fail_sync(operation->file, &disk->memory, operation->sequence,
                                 sector_bytes(disk), &disk->crash_stream);
    else
        simulated_file_sync(operation->file, &disk->memory, operation->sequence, operation->length);
    return fails ? DISK_ERROR : DISK_OK;
}

static enum disk_status do_remove(struct simulated_disk *disk, struct disk_operation *operation) {
    const struct simulated_file *file = operation->entry->current;
    if (file == NULL)
        return DISK_NO_FILE;
    disk->used_bytes -= file->cached.length;
    disk_directory_remove(&disk->directory, operation->entry);
    return DISK_OK;
}

/* In an order of chance: no program may rely on one. */
static enum disk_status do_list(struct simulated_disk *disk, struct delivery *delivery) {
    uint64_t count = disk->directory.file_count;
    struct chunk *chunk = chunk_create(&disk->timeline->chunks, count * sizeof(struct file_entry));
    struct file_entry *files = (struct file_entry *)(void *)chunk->data;
    uint32_t listed = 0;
    for (const struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next) {
        if (entry->current == NULL)
            continue;
        CHECK(listed < count);
        uint32_t place = prng_below(&disk->list_stream, listed + 1);
        if (place < listed)
            files[listed] = files[place];
        files[place] =
            (struct file_entry){.file = entry->id, .size = entry->current->cached.length};
        listed++;
    }
    CHECK(listed == count);
    delivery->chunk = chunk;
    delivery->file_count = listed;
    return DISK_OK;
}

void simulated_disk_perform(const struct happening *happening) {
    struct disk_operation *operation = happening->subject;
    if (operation->generation != happening->generation)
        return;
    struct simulated_disk *disk = operation->disk;
    struct delivery delivery = {
        .kind = EVENT_DISK_DONE, .host = disk->host, .ticket = operation->ticket};
    switch (operation->kind) {
    case EFFECT_WRITE:
        delivery.status = do_write(disk, operation);
        break;
    case EFFECT_READ:
        delivery.status = do_read(disk, operation, &delivery);
        break;
    case EFFECT_SYNC:
    case EFFECT_SYNC_DIRECTORY:
        delivery.status = do_sync(disk, operation);
        break;
    case EFFECT_REMOVE:
        delivery.status = do_remove(disk, operation);
        break;
    case EFFECT_LIST:
        delivery.status = do_list(disk, &delivery);
        break;
    case EFFECT_CONNECT:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_NOTE:
    case EFFECT_HALT:
        CHECK_UNREACHABLE("this is not asked of a disk");
    }
    finish(disk, operation);
    delivery_queue_push(&disk->timeline->deliveries, &delivery);
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* Writes to one file happen in order: the first that did not happen wholly is the last that
 * happened at all. */
static void interrupt_write(struct simulated_disk *disk, struct disk_operation *operation) {
    if (operation->entry->stopped_at_crash == disk->crashes)
        return;
    uint32_t fate = prng_below(&disk->crash_stream, 3);
    if (fate == 0) {
        (void)do_write(disk, operation);
        return;
    }
    operation->entry->stopped_at_crash = disk->crashes;
    if (fate == 1)
        write_part(disk, operation, sectors_by_chance(disk, operation->size, &disk->crash_stream));
}

static void interrupt(struct simulated_disk *disk, struct disk_operation *operation) {
    switch (operation->kind) {
    case EFFECT_WRITE:
        interrupt_write(disk, operation);
        break;
    case EFFECT_SYNC:
    case EFFECT_SYNC_DIRECTORY:
        if (prng_chance(&disk->crash_stream, 1, 2))
            (void)do_sync(disk, operation);
        break;
    case EFFECT_REMOVE:
        if (prng_chance(&disk->crash_stream, 1, 2))
            (void)do_remove(disk, operation);
        break;
    case EFFECT_READ:
    case EFFECT_LIST:
    case EFFECT_CONNECT:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_NOTE:
    case EFFECT_HALT:
        break;
    }
    finish(disk, operation);
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
    for (const struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next) {
        if (entry->current != NULL)
            disk->used_bytes += entry->current->cached.length;
    }
}

void simulated_disk_power_lost(struct simulated_disk *disk) {
    simulated_disk_process_killed(disk);
    disk->crashes++;
    disk_directory_lose_power(&disk->directory, sector_bytes(disk), disk->crashes,
                              &disk->crash_stream);
    count_used_bytes(disk);
}

void simulated_disk_wipe(struct simulated_disk *disk) {
    CHECK(disk->first == NULL);
    disk_directory_wipe(&disk->directory);
    disk->used_bytes = 0;
}

void simulated_disk_take_snapshot(struct simulated_disk *disk) {
    drop_snapshot(disk);
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
        file_image_copy(&taken->image, &disk->timeline->chunks, &entry->current->cached);
    }
}

void simulated_disk_roll_back(struct simulated_disk *disk) {
    simulated_disk_wipe(disk);
    for (uint64_t i = 0; i < disk->snapshot_count; i++) {
        const struct disk_snapshot_file *taken = &disk->snapshot[i];
        struct directory_entry *entry = disk_directory_acquire(&disk->directory, taken->id);
        struct simulated_file *file = disk_directory_create(&disk->directory, entry);
        file_image_copy(&file->cached, &disk->timeline->chunks, &taken->image);
        file_image_copy(&file->durable, &disk->timeline->chunks, &taken->image);
        disk_directory_release(&disk->directory, entry);
    }
    disk_directory_sync(&disk->directory, UINT64_MAX);
    count_used_bytes(disk);
}
