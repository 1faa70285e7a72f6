/* What an operation does to the disk once its time has come. */
#include "sim/random_stream.h"
#include "sim/simulated_disk_internal.h"

/* Writes the first `size` bytes of what the operation has. */
static void write_part(struct simulated_disk *disk, struct disk_operation *operation,
                       uint64_t size) {
    struct simulated_file *file = disk_directory_create(&disk->directory, operation->entry);
    uint64_t before = file->cached.length;
    if (size > 0)
        simulated_file_write(file, &disk->memory, operation->offset, operation->chunk, size);
    disk->used_bytes += file->cached.length - before;
}

void disk_write_in_part(struct simulated_disk *disk, struct disk_operation *operation,
                        struct prng *prng) {
    uint64_t sector = disk_sector_bytes(disk);
    uint64_t done = prng_below_u64(prng, operation->size / sector + 1) * sector;
    write_part(disk, operation, done < operation->size ? done : operation->size);
}

/* Whether the file can be made to reach `end`. */
static bool has_space(const struct simulated_disk *disk, const struct simulated_file *file,
                      uint64_t end) {
    uint64_t length = file == NULL ? 0 : file->cached.length;
    uint64_t growth = end > length ? end - length : 0;
    uint64_t capacity = disk->settings.capacity;
    return capacity == 0 || growth == 0 ||
           (disk->used_bytes <= capacity && growth <= capacity - disk->used_bytes);
}

enum disk_status disk_do_write(struct simulated_disk *disk, struct disk_operation *operation) {
    CHECK(operation->size <= FILE_LENGTH_MAX &&
          operation->offset <= FILE_LENGTH_MAX - operation->size);
    if (!has_space(disk, operation->entry->current, operation->offset + operation->size))
        return DISK_FULL;
    if (random_stream_strikes(&disk->write_error_stream, disk->settings.write_error_per_million)) {
        disk_write_in_part(disk, operation, &disk->write_error_stream);
        return DISK_ERROR;
    }
    write_part(disk, operation, operation->size);
    disk_write_goes_astray(disk, operation);
    return DISK_OK;
}

enum disk_status disk_do_allocate(struct simulated_disk *disk, struct disk_operation *operation) {
    CHECK(operation->size <= FILE_LENGTH_MAX);
    if (!has_space(disk, operation->entry->current, operation->size))
        return DISK_FULL;
    if (random_stream_strikes(&disk->write_error_stream, disk->settings.write_error_per_million))
        return DISK_ERROR;
    struct simulated_file *file = disk_directory_create(&disk->directory, operation->entry);
    uint64_t before = file->cached.length;
    simulated_file_allocate(file, &disk->memory, operation->size);
    disk->used_bytes += file->cached.length - before;
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
        if (bit / 8 < file->durable.length)
            (void)disk_flip_bit(disk, operation->entry, bit);
    }
    CHECK(size <= UINT32_MAX);
    delivery->chunk = chunk_create(&disk->timeline->chunks, size);
    delivery->size = (uint32_t)size;
    file_image_read(&file->cached, operation->offset, delivery->chunk->data, size);
    return DISK_OK;
}

enum disk_status disk_do_sync(struct simulated_disk *disk, const struct disk_operation *operation) {
    bool fails =
        random_stream_strikes(&disk->sync_error_stream, disk->settings.sync_error_per_million);
    if (operation->kind == EFFECT_SYNC_DIRECTORY) {
        if (!fails)
            disk_directory_sync(&disk->directory, operation->checkpoint, operation->sequence);
        return fails ? DISK_ERROR : DISK_OK;
    }
    if (operation->file == NULL)
        return DISK_NO_FILE;
    if (fails)
        simulated_file_fail_sync(
            operation->file, &disk->memory, operation->sequence, disk_sector_bytes(disk),
            disk->settings.sync_error_aftermath == AFTERMATH_SHOWS, &disk->crash_stream);
    else
        simulated_file_sync(operation->file, &disk->memory, operation->sequence, operation->length);
    return fails ? DISK_ERROR : DISK_OK;
}

/* A name is about to stand for something else, or for nothing. */
static void count_name_gone(struct simulated_disk *disk, const struct directory_entry *entry) {
    if (entry->current != NULL && entry->current->names == 1)
        disk->used_bytes -= entry->current->cached.length;
}

enum disk_status disk_do_rename(struct simulated_disk *disk,
                                const struct disk_operation *operation) {
    if (operation->entry->current == NULL)
        return DISK_NO_FILE;
    /* Two names of one file: nothing to do, as POSIX has it. */
    if (operation->to->current == operation->entry->current)
        return DISK_OK;
    count_name_gone(disk, operation->to);
    disk_directory_rename(&disk->directory, operation->entry, operation->to);
    return DISK_OK;
}

enum disk_status disk_do_link(struct simulated_disk *disk, const struct disk_operation *operation) {
    if (operation->entry->current == NULL)
        return DISK_NO_FILE;
    if (operation->to->current != NULL)
        return DISK_ERROR;
    disk_directory_link(&disk->directory, operation->entry, operation->to);
    return DISK_OK;
}

enum disk_status disk_do_remove(struct simulated_disk *disk,
                                const struct disk_operation *operation) {
    if (operation->entry->current == NULL)
        return DISK_NO_FILE;
    count_name_gone(disk, operation->entry);
    disk_directory_remove(&disk->directory, operation->entry);
    return DISK_OK;
}

/* In an order of chance: no program may rely on one. */
static enum disk_status do_list(struct simulated_disk *disk, const struct disk_operation *operation,
                                struct delivery *delivery) {
    uint64_t count = disk->directory.file_count;
    struct chunk *chunk = chunk_create(&disk->timeline->chunks, count * sizeof(struct file_entry));
    struct file_entry *files = (struct file_entry *)(void *)chunk->data;
    uint32_t listed = 0;
    for (const struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next) {
        bool is_asked_for =
            operation->checkpoint == 0 || entry->id.checkpoint == operation->checkpoint;
        if (entry->current == NULL || !is_asked_for)
            continue;
        CHECK(listed < count);
        uint32_t place = prng_below(&disk->list_stream, listed + 1);
        if (place < listed)
            files[listed] = files[place];
        files[place] =
            (struct file_entry){.file = entry->id, .size = entry->current->cached.length};
        listed++;
    }
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
        delivery.status = disk_do_write(disk, operation);
        break;
    case EFFECT_ALLOCATE:
        delivery.status = disk_do_allocate(disk, operation);
        break;
    case EFFECT_READ:
        delivery.status = do_read(disk, operation, &delivery);
        break;
    case EFFECT_SYNC:
    case EFFECT_SYNC_DIRECTORY:
        delivery.status = disk_do_sync(disk, operation);
        break;
    case EFFECT_RENAME:
        delivery.status = disk_do_rename(disk, operation);
        break;
    case EFFECT_LINK:
        delivery.status = disk_do_link(disk, operation);
        break;
    case EFFECT_REMOVE:
        delivery.status = disk_do_remove(disk, operation);
        break;
    case EFFECT_LIST:
        delivery.status = do_list(disk, operation, &delivery);
        break;
    case EFFECT_CONNECT:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_NOTE:
    case EFFECT_HALT:
        CHECK_UNREACHABLE("this is not asked of a disk");
    }
    disk_finish_operation(disk, operation);
    delivery_queue_push(&disk->timeline->deliveries, &delivery);
}
