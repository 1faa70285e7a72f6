#include "sim/simulated_disk_internal.h"

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
    random_stream_init(&disk->slow_stream, timeline->seed, host, "disk slow spells");
    random_stream_init(&disk->rest_stream, timeline->seed, host, "disk bit rot at rest");
    random_stream_init(&disk->lost_write_stream, timeline->seed, host, "disk lost writes");
    random_stream_init(&disk->misdirected_write_stream, timeline->seed, host,
                       "disk misdirected writes");
}

void disk_drop_snapshot(struct simulated_disk *disk) {
    for (uint64_t i = 0; i < disk->snapshot_count; i++)
        file_image_clear(&disk->snapshot[i].image, &disk->timeline->chunks);
    free(disk->snapshot);
    disk->snapshot = NULL;
    disk->snapshot_count = 0;
}

uint32_t disk_sector_bytes(const struct simulated_disk *disk) {
    return disk->settings.sector_bytes == 0 ? SECTOR_BYTES_DEFAULT : disk->settings.sector_bytes;
}

void disk_finish_operation(struct simulated_disk *disk, struct disk_operation *operation) {
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
    if (operation->to != NULL)
        disk_directory_release(&disk->directory, operation->to);
    operation->generation++;
    object_pool_give(&disk->operation_pool, operation);
}

void simulated_disk_deinit(struct simulated_disk *disk) {
    while (disk->first != NULL)
        disk_finish_operation(disk, disk->first);
    disk_drop_snapshot(disk);
    disk_directory_deinit(&disk->directory);
    file_memory_deinit(&disk->memory);
    object_pool_deinit(&disk->operation_pool);
}

static const struct distribution *latency_of(const struct simulated_disk *disk,
                                             enum effect_kind kind) {
    switch (kind) {
    case EFFECT_WRITE:
    case EFFECT_ALLOCATE:
    case EFFECT_RENAME:
    case EFFECT_LINK:
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
    bool is_slow = !instant_before(at, disk->slow_from) && instant_before(at, disk->slow_until);
    if (is_slow)
        latency = latency < limit / disk->settings.slow_factor
                      ? latency * disk->settings.slow_factor
                      : limit;
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
    disk_pass_time(disk, at);
    struct disk_operation *operation = object_pool_take(&disk->operation_pool);
    uint32_t generation = operation->generation;
    *operation = (struct disk_operation){.previous = disk->last,
                                         .disk = disk,
                                         .generation = generation,
                                         .kind = effect->kind,
                                         .ticket = effect->ticket,
                                         .checkpoint = effect->file.checkpoint,
                                         .offset = effect->offset,
                                         .size = effect->size};
    if (disk->last == NULL)
        disk->first = operation;
    else
        disk->last->next = operation;
    disk->last = operation;
    if (effect->kind != EFFECT_SYNC_DIRECTORY && effect->kind != EFFECT_LIST)
        operation->entry = disk_directory_acquire(&disk->directory, effect->file);
    if (effect->kind == EFFECT_RENAME || effect->kind == EFFECT_LINK)
        operation->to = disk_directory_acquire(&disk->directory, effect->to);
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
