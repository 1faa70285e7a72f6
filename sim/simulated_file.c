#include "sim/simulated_file.h"

#include "engine/base/hash.h"

/* One crash treats whole files alike half of the time, or else hardly any file would be found
 * wholly lost or whole. */
enum mood { MOOD_ALL_LOST, MOOD_ALL_KEPT, MOOD_EACH_SECTOR, MOOD_EACH_SECTOR_TOO, MOODS };
enum fate { FATE_LOST, FATE_KEPT, FATE_EARLIER, FATE_TORN, FATES };

struct crash {
    enum mood mood;
    uint64_t seed;
    uint32_t sector_bytes;
    uint64_t first_sequence, last_sequence; /* of the writes at stake */
};

void file_memory_init(struct file_memory *memory, struct chunk_pool *chunks) {
    *memory = (struct file_memory){.chunks = chunks,
                                   .files = {.object_bytes = sizeof(struct simulated_file)},
                                   .writes = {.object_bytes = sizeof(struct file_write)}};
}

void file_memory_deinit(struct file_memory *memory) {
    object_pool_deinit(&memory->files);
    object_pool_deinit(&memory->writes);
}

struct simulated_file *simulated_file_create(struct file_memory *memory) {
    struct simulated_file *file = object_pool_take(&memory->files);
    *file = (struct simulated_file){.number = ++memory->files_created, .references = 1};
    return file;
}

static void drop_oldest(struct simulated_file *file, struct file_memory *memory) {
    struct file_write *write = file->oldest;
    file->oldest = write->next;
    if (file->oldest == NULL)
        file->newest = NULL;
    file->unsynced_count--;
    file->unsynced_bytes -= write->size;
    file->lost_count -= write->is_lost;
    if (write->chunk != NULL)
        chunk_release(memory->chunks, write->chunk);
    object_pool_give(&memory->writes, write);
}

void simulated_file_release(struct simulated_file *file, struct file_memory *memory) {
    CHECK(file->references > 0);
    if (--file->references > 0)
        return;
    while (file->oldest != NULL)
        drop_oldest(file, memory);
    file_image_clear(&file->cached, memory->chunks);
    file_image_clear(&file->durable, memory->chunks);
    object_pool_give(&memory->files, file);
}

/* The cache shows what the disk has, and over it what still waits for a sync. */
static void show_durable(struct simulated_file *file, struct file_memory *memory, uint64_t offset,
                         uint64_t size) {
    uint8_t piece[FILE_BLOCK_BYTES];
    for (uint64_t done = 0; done < size;) {
        uint64_t at = offset + done, part = size - done;
        part = part < sizeof piece ? part : sizeof piece;
        uint64_t there = at < file->durable.length ? file->durable.length - at : 0;
        there = there < part ? there : part;
        memset(piece, 0, sizeof piece);
        file_image_read(&file->durable, there == 0 ? 0 : at, piece, there);
        file_image_write(&file->cached, memory->chunks, at, bytes_of(piece, (size_t)part));
        done += part;
    }
    for (const struct file_write *write = file->oldest; write != NULL; write = write->next) {
        if (write->offset < offset + size && offset < write->offset + write->size)
            file_image_write(&file->cached, memory->chunks, write->offset,
                             bytes_of(write->chunk->data, (size_t)write->size));
    }
}

static void lose_oldest(struct simulated_file *file, struct file_memory *memory) {
    struct file_write lost = *file->oldest;
    drop_oldest(file, memory);
    if (lost.is_found_out)
        show_durable(file, memory, lost.offset, lost.size);
}

static void make_oldest_durable(struct simulated_file *file, struct file_memory *memory) {
    const struct file_write *write = file->oldest;
    if (write->is_lost) {
        lose_oldest(file, memory);
        return;
    }
    if (write->chunk != NULL)
        file_image_write(&file->durable, memory->chunks, write->offset,
                         bytes_of(write->chunk->data, (size_t)write->size));
    else if (file->durable.length < write->length_after)
        file_image_set_length(&file->durable, memory->chunks, write->length_after);
    drop_oldest(file, memory);
}

/* Remembers what the cache has already; the chunk's reference goes over to the file. */
static void await_sync(struct simulated_file *file, struct file_memory *memory, uint64_t offset,
                       struct chunk *chunk, uint64_t size) {
    struct file_write *write = object_pool_take(&memory->writes);
    *write = (struct file_write){.sequence = ++file->sequence,
                                 .offset = offset,
                                 .chunk = chunk,
                                 .size = size,
                                 .length_after = file->cached.length};
    if (file->newest == NULL)
        file->oldest = write;
    else
        file->newest->next = write;
    file->newest = write;
    file->unsynced_count++;
    file->unsynced_bytes += size;
    while (file->unsynced_count > FILE_UNSYNCED_WRITES_MAX ||
           (file->unsynced_bytes > FILE_UNSYNCED_BYTES_MAX && file->unsynced_count > 1))
        make_oldest_durable(file, memory);
}

void simulated_file_write(struct simulated_file *file, struct file_memory *memory, uint64_t offset,
                          struct chunk *chunk, uint64_t size) {
    file_image_write(&file->cached, memory->chunks, offset, bytes_of(chunk->data, (size_t)size));
    await_sync(file, memory, offset, chunk_acquire(chunk), size);
}

void simulated_file_allocate(struct simulated_file *file, struct file_memory *memory,
                             uint64_t length) {
    if (length <= file->cached.length)
        return;
    file_image_set_length(&file->cached, memory->chunks, length);
    await_sync(file, memory, 0, NULL, 0);
}

void simulated_file_sync(struct simulated_file *file, struct file_memory *memory, uint64_t sequence,
                         uint64_t length) {
    /* When nothing was written since, what the cache has is what becomes durable, and blocks can be
     * shared. */
    bool is_all =
        file->newest != NULL && file->newest->sequence <= sequence && file->lost_count == 0;
    while (file->oldest != NULL && file->oldest->sequence <= sequence) {
        const struct file_write *write = file->oldest;
        if (is_all && write->size >= FILE_BLOCK_BYTES) {
            file_image_copy_range(&file->durable, memory->chunks, &file->cached, write->offset,
                                  write->size);
            drop_oldest(file, memory);
        } else {
            make_oldest_durable(file, memory);
        }
    }
    if (file->durable.length < length)
        file_image_set_length(&file->durable, memory->chunks, length);
}

static enum fate fate_of(const struct crash *crash, uint64_t draw) {
    if (crash->mood == MOOD_ALL_LOST)
        return FATE_LOST;
    if (crash->mood == MOOD_ALL_KEPT)
        return FATE_KEPT;
    return (enum fate)(draw % FATES);
}

/* Lets one write's part of one sector reach the disk or not. All writes to a sector draw the same
 * number, so they agree on its fate. */
static void settle_sector(struct simulated_file *file, struct file_memory *memory,
                          const struct crash *crash, const struct file_write *write,
                          uint64_t sector) {
    if (write->is_lost)
        return;
    uint64_t begin = sector * crash->sector_bytes, end = begin + crash->sector_bytes;
    uint64_t draw = hash_mix(crash->seed, sector);
    uint64_t kept_begin = begin, kept_end = end;
    switch (fate_of(crash, draw)) {
    case FATE_LOST:
        return;
    case FATE_EARLIER: {
        uint64_t span = crash->last_sequence - crash->first_sequence + 1;
        if (write->sequence > crash->first_sequence + (draw >> 8) % span)
            return;
        break;
    }
    case FATE_TORN: {
        uint64_t at = crash->sector_bytes < 2 ? 0 : 1 + (draw >> 9) % (crash->sector_bytes - 1);
        if ((draw >> 8 & 1) != 0)
            kept_begin = begin + at;
        else
            kept_end = begin + at;
        break;
    }
    case FATE_KEPT:
    case FATES:
        break;
    }
    if (kept_begin < write->offset)
        kept_begin = write->offset;
    if (kept_end > write->offset + write->size)
        kept_end = write->offset + write->size;
    if (kept_begin < kept_end)
        file_image_write(&file->durable, memory->chunks, kept_begin,
                         bytes_of(write->chunk->data + (kept_begin - write->offset),
                                  (size_t)(kept_end - kept_begin)));
}

/* How long the disk believes the file to be: as it was after some write, or before all of them. */
static uint64_t settle_length(const struct simulated_file *file, const struct crash *crash,
                              uint64_t before) {
    uint64_t span = crash->last_sequence - crash->first_sequence + 1;
    uint64_t passed = crash->mood == MOOD_ALL_LOST ? 0
                      : crash->mood == MOOD_ALL_KEPT
                          ? span
                          : hash_mix(crash->seed, UINT64_MAX) % (span + 1);
    uint64_t length = before;
    const struct file_write *write = file->oldest;
    for (uint64_t i = 0; i < passed; i++) {
        if (write->length_after > length)
            length = write->length_after;
        write = write->next;
    }
    return length;
}

/* Decides about every write up to `sequence`; afterwards none of them waits. */
static void settle(struct simulated_file *file, struct file_memory *memory, uint64_t sequence,
                   uint32_t sector_bytes, struct prng *prng) {
    struct crash crash = {.mood = (enum mood)prng_below(prng, MOODS),
                          .seed = prng_u64(prng),
                          .sector_bytes = sector_bytes};
    if (file->oldest == NULL || file->oldest->sequence > sequence)
        return;
    crash.first_sequence = file->oldest->sequence;
    crash.last_sequence = file->newest->sequence < sequence ? file->newest->sequence : sequence;
    uint64_t length = settle_length(file, &crash, file->durable.length);
    while (file->oldest != NULL && file->oldest->sequence <= sequence) {
        const struct file_write *write = file->oldest;
        uint64_t first = write->offset / sector_bytes;
        uint64_t end = (write->offset + write->size + sector_bytes - 1) / sector_bytes;
        for (uint64_t sector = first; sector < end; sector++)
            settle_sector(file, memory, &crash, write, sector);
        drop_oldest(file, memory);
    }
    file_image_set_length(&file->durable, memory->chunks, length);
}

void simulated_file_fail_sync(struct simulated_file *file, struct file_memory *memory,
                              uint64_t sequence, uint32_t sector_bytes, bool cache_shows,
                              struct prng *prng) {
    uint64_t length = file->cached.length;
    settle(file, memory, sequence, sector_bytes, prng);
    if (cache_shows)
        return;
    file_image_copy(&file->cached, memory->chunks, &file->durable);
    for (const struct file_write *write = file->oldest; write != NULL; write = write->next) {
        if (write->chunk != NULL)
            file_image_write(&file->cached, memory->chunks, write->offset,
                             bytes_of(write->chunk->data, (size_t)write->size));
    }
    file_image_set_length(&file->cached, memory->chunks, length);
}

void simulated_file_lose_power(struct simulated_file *file, struct file_memory *memory,
                               uint32_t sector_bytes, struct prng *prng) {
    settle(file, memory, UINT64_MAX, sector_bytes, prng);
    file_image_copy(&file->cached, memory->chunks, &file->durable);
    file->sequence = 0;
}

void simulated_file_lose_newest(struct simulated_file *file, bool is_found_out) {
    CHECK(file->newest != NULL);
    file->lost_count += !file->newest->is_lost;
    file->newest->is_lost = true;
    file->newest->is_found_out = is_found_out;
}

void simulated_file_overwrite(struct simulated_file *file, struct file_memory *memory,
                              uint64_t offset, struct bytes bytes) {
    uint64_t room = offset < file->durable.length ? file->durable.length - offset : 0;
    struct bytes fits = bytes_slice(bytes, 0, bytes.size < room ? bytes.size : (size_t)room);
    if (fits.size == 0)
        return;
    file_image_write(&file->durable, memory->chunks, offset, fits);
    show_durable(file, memory, offset, fits.size);
}

static bool waits_for_sync(const struct simulated_file *file, uint64_t at) {
    for (const struct file_write *write = file->oldest; write != NULL; write = write->next) {
        if (write->offset <= at && at < write->offset + write->size)
            return true;
    }
    return false;
}

bool simulated_file_flip_bit(struct simulated_file *file, struct file_memory *memory,
                             uint64_t bit) {
    if (!file_image_flip_bit(&file->durable, memory->chunks, bit))
        return false;
    if (bit / 8 < file->cached.length && !waits_for_sync(file, bit / 8))
        (void)file_image_flip_bit(&file->cached, memory->chunks, bit);
    return true;
}
